"""Which subprotocol a connection has, of those that its client offers."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.asyncio.server import ServerConnection
from websockets.typing import Subprotocol

from protobase_live.protocol.live.codec import SUBPROTOCOLS
from protobase_live.server.paths import DIRECT_PREFIXES


def choose_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first live subprotocol the client offers; of a Yjs client the first of all.

    Stock Yjs clients offer what their application put there, a token perhaps, and insist on an answer.
    """
    if connection.request is not None and connection.request.path.startswith(DIRECT_PREFIXES):
        return next(iter(offered), None)
    return next((name for name in offered if name in SUBPROTOCOLS), None)
