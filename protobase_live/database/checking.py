"""Whether what a transaction has read is still so."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from protobase_live import values
from protobase_live.errors import Conflict, LimitExceeded
from protobase_live.operations import Check, Read

PAUSE_BYTES = 64 * 1024
"""About how many bytes of answers are compared before others may run."""

CHECK_BYTES = 1024
"""What a check costs beside its answer: some need a look at much that they do not give."""


def check_in_steps(
    read: Callable[[Read], Any], checks: Sequence[Check], collection: str, most: int
) -> Generator[None, None, None]:
    """Ask ``read`` again what ``checks`` of one collection rely on.

    Raises Conflict if an answer has changed, LimitExceeded if all answers together have more than ``most``
    bytes, and what ``read`` raises.
    """
    compared = unpaused = 0
    for check in checks:
        answer: list[bytes] = []
        unpaused += CHECK_BYTES
        for portion in values.portions(read(check.read)):
            answer.append(portion)
            compared += len(portion)
            unpaused += len(portion)
            if unpaused >= PAUSE_BYTES:
                unpaused = 0
                yield
        if values.digest_packed(answer) != check.digest:
            what = ", ".join(map(repr, check.read.args)) or "all"
            raise Conflict(f"{collection}: {check.read.target.path[0]} {what} changed since it was read")
        if compared > most:
            raise LimitExceeded(
                f"{collection}: a transaction relies on at most {most} bytes of what it read (check_bytes)"
            )
