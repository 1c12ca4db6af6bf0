"""Making a stream, or looking whether one that is there does what is asked of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import StorageError, StorageUnreachable
from .address import NatsAddress
from .connection import NatsStream
from .patient import Pauses
from .stream import Unanswered, Unavailable
from .subjects import Subjects

FIXED = {
    "retention": "limits",
    "discard": "new",
    "storage": "file",
    "max_msgs": -1,
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "max_msg_size": -1,
    "allow_direct": True,
    "allow_atomic": True,
    "deny_delete": False,
}
"""What a stream must be like, or it drops what has to stay. Its bytes may have a limit: more are refused."""


def configuration(address: NatsAddress) -> dict[str, Any]:
    """What a new stream is made with."""
    subjects = Subjects(address.stream)
    heard = {"src": subjects.logs, "dest": subjects.stored}
    own = {"name": address.stream, "subjects": [*subjects.all], "num_replicas": address.replicas or 1}
    return own | FIXED | {"republish": heard}


def check(address: NatsAddress, told: Mapping[str, Any]) -> None:
    """Raises `StorageError` for a stream that is not as it must be, and says how."""
    wanted = configuration(address)
    if address.replicas is None:
        del wanted["num_replicas"]
    for key, value in wanted.items():
        found: Any = told.get(key)
        is_same = sorted(found or ()) == sorted(value) if key == "subjects" else found == value
        if not is_same:
            raise StorageError(f"{address}: the stream has {key} {found!r}, and must have {value!r}")


async def patiently(address: NatsAddress, seconds: float, ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer. Raises `StorageUnreachable`."""
    pauses = Pauses(seconds)
    while True:
        try:
            return await ask()
        except (Unanswered, Unavailable) as error:
            if not await pauses.rest():
                raise StorageUnreachable(f"{address}: {error}") from error


async def find_stream(stream: NatsStream, address: NatsAddress, seconds: float, must_exist: bool) -> int:
    """Make the stream if it is not there, unless it must exist. How many replicas it has. Raises
    `StorageError`."""
    told = await patiently(address, seconds, stream.configuration)
    if told is None and must_exist:
        raise StorageError(f"there is no database at {address}")
    if told is None:
        told = await patiently(address, seconds, lambda: stream.make(configuration(address)))
    check(address, told)
    return told["num_replicas"]
