"""Why a connection was lost, and what that means for the next one."""

from __future__ import annotations

from websockets.exceptions import ConnectionClosed

from protobase_live.errors import Forbidden, ProtoBaseError, ProtocolError, Unauthorized
from protobase_live.protocol.live.limits import BAD_MESSAGE, FORBIDDEN, MESSAGE_TOO_BIG, UNAUTHORIZED


def words(loss: Exception) -> str:
    """It, for people to read."""
    return str(loss) or type(loss).__name__


def final(loss: Exception) -> ProtoBaseError | None:
    """The error of everything that waits, if connecting again cannot help."""
    if isinstance(loss, ProtoBaseError):
        return None if loss.retryable else loss
    closed = loss.rcvd if isinstance(loss, ConnectionClosed) else None
    if closed is None:
        return None
    if closed.code == UNAUTHORIZED:
        return Unauthorized(closed.reason)
    if closed.code == FORBIDDEN:
        return Forbidden(closed.reason)
    if closed.code in (BAD_MESSAGE, MESSAGE_TOO_BIG):
        return ProtocolError(f"the server closed the connection: {closed.code} {closed.reason}")
    return None
