"""What the log says of connections: each of its lines names the one that it is about."""

from __future__ import annotations

import logging
import secrets
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    BAD_NAME,
    FORBIDDEN_ORIGIN,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    TOO_MANY,
    TRY_AGAIN,
)

if TYPE_CHECKING:
    from protobase_live.server.connection import Connection
    from protobase_live.server.counters import Counters

FAULTS = (BAD_MESSAGE, BAD_NAME, FORBIDDEN_ORIGIN, INTERNAL_ERROR, MESSAGE_TOO_BIG, TOO_MANY, TRY_AGAIN)
"""Close codes that somebody may want to know of; UNAUTHORIZED is told where it is found."""

_log = logging.getLogger(__name__)


class _Subject(NamedTuple):
    """What lines are about."""

    connection: str
    door: str
    collection: str = ""


_subject: ContextVar[_Subject | None] = ContextVar("subject", default=None)


def enter(door: str) -> None:
    """What this task, and those that it starts, say from now on is about a new connection, or request.

    Its id is made here: what clients say is none, and what they may know of each other is not told.
    """
    _subject.set(_Subject(secrets.token_hex(4), door))


def narrow(collection: str) -> None:
    """From now on it is about this collection, whose name was checked."""
    if (subject := _subject.get()) is not None:
        _subject.set(subject._replace(collection=collection))


def here(event: str, **more: Any) -> dict[str, Any]:
    """The fields of a line, as `logging` takes them for ``extra``.

    Only what runs for a connection may ask: an actor lives on in the task of who came to it first.
    """
    subject = _subject.get()
    known = {} if subject is None else {name: value for name, value in subject._asdict().items() if value}
    return {"event": event, **known, **more}


def tell_closed(counters: Counters, code: int | None, path: str, address: str = "", reason: str = "") -> None:
    """Count and log that a connection has ended; ``path`` comes without what may follow it, a token say."""
    counters.closed(code)
    level = logging.INFO if code in FAULTS else logging.DEBUG
    fields = here("connection_closed", code=code, address=address)
    _log.log(level, "closed the connection of %s to %r: %s %r", address, path, code, reason, extra=fields)


def tell_end(connection: Connection, counters: Counters) -> None:
    """A WebSocket that was served has ended."""
    assert connection.request is not None
    path = urlsplit(connection.request.path).path  # a token may follow it
    where, why = joined(connection.remote_address), connection.close_reason or ""
    tell_closed(counters, connection.close_code, path, where, why)


def joined(address: object) -> str:
    """The address of a socket as ``HOST:PORT``, empty if it has none such."""
    if not isinstance(address, tuple | list):
        return ""
    host, port, *_ = cast("tuple[str, int]", address)
    return f"{host}:{port}"
