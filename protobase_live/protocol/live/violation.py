"""What ends a connection of the live door."""

from __future__ import annotations

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.limits import MAX_REASON_BYTES


class Violation(ProtocolError):
    """What a client may not do; the connection is closed with ``code`` and ``reason``."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
