"""How connections end, for who reads the log and the metrics."""

from __future__ import annotations

import logging
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
from protobase_live.server.connection import Connection
from protobase_live.server.counters import Counters

FAULTS = (BAD_MESSAGE, BAD_NAME, FORBIDDEN_ORIGIN, INTERNAL_ERROR, MESSAGE_TOO_BIG, TOO_MANY, TRY_AGAIN)
"""Close codes that somebody may want to know of; UNAUTHORIZED is told where it is found."""

_log = logging.getLogger(__name__)


def tell_end(connection: Connection, counters: Counters) -> None:
    """Count and log with which code a connection was closed."""
    assert connection.request is not None
    code, path = connection.close_code, urlsplit(connection.request.path).path  # a token may follow it
    counters.closes.add(str(code))
    level = logging.INFO if code in FAULTS else logging.DEBUG
    where, why = connection.remote_address, connection.close_reason
    _log.log(level, "closed the connection of %s to %r: %s %r", where, path, code, why)
