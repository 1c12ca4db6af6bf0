"""What a client is told whose message is too big."""

from __future__ import annotations

from functools import partial

from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from protobase_live.protocol.live.limits import MESSAGE_TOO_BIG


def tell_too_big(protocol: ServerProtocol, limit: str) -> None:
    """Have the library tell it what stops stock clients from repeating the message: the name of the limit."""
    protocol.fail = partial(_fail, protocol, limit)  # the library's only word on a fault of the client


def too_big(most: int | None, limit: str) -> str:
    """What is said of a message that is longer than the limit."""
    return f"a message has at most {most} bytes ({limit})"


def _fail(protocol: ServerProtocol, limit: str, code: int, reason: str = "") -> None:
    """As the library does, but say of a message that is too big what stops stock clients from repeating it.

    It is noticed at the length that its frame announces, before the message is read.
    """
    if code == CloseCode.MESSAGE_TOO_BIG:
        code = MESSAGE_TOO_BIG
        reason = too_big(protocol.max_message_size, limit)
    type(protocol).fail(protocol, code, reason)
