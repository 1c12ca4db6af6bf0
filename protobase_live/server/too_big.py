"""What a client is told whose message is too big."""

from __future__ import annotations

from functools import partial

from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from protobase_live.protocol.live.limits import MESSAGE_TOO_BIG


def tell_too_big(protocol: ServerProtocol) -> None:
    """Have the library tell it what stops stock clients from repeating the message."""
    protocol.fail = partial(_fail, protocol)  # it is the library's only word on a fault of the client


def _fail(protocol: ServerProtocol, code: int, reason: str = "") -> None:
    """As the library does, but say of a message that is too big what stops stock clients from repeating it.

    It is noticed at the length that its frame announces, before the message is read.
    """
    if code == CloseCode.MESSAGE_TOO_BIG:
        code = MESSAGE_TOO_BIG
        reason = f"a message has at most {protocol.max_message_size} bytes (message_bytes)"
    type(protocol).fail(protocol, code, reason)
