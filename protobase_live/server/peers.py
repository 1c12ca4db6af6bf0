"""The other nodes over WebSockets: the `/peer` door, and dialing theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from protobase_live.cluster.channel import Channel, closed
from protobase_live.cluster.cluster import Cluster
from protobase_live.errors import Closed, ProtoBaseError, Unavailable
from protobase_live.protocol.live.limits import MAX_REASON_BYTES

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.asyncio.connection import Connection as WebSocket


class WebSocketChannel:
    """A `Channel` over a WebSocket connection."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, message: bytes) -> None:
        """See `Channel.send`."""
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def receive(self) -> bytes:
        """See `Channel.receive`."""
        try:
            return await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def close(self, code: int, reason: str) -> None:
        """See `Channel.close`."""
        await self._socket.close(code, reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore"))


async def serve_peer(cluster: Cluster, socket: WebSocket) -> None:
    """Be linked with the node that has dialed, until the connection ends."""
    try:
        await cluster.serve(WebSocketChannel(socket), dialed=False)
    except ProtoBaseError:
        await socket.wait_closed()  # the other node was told why


async def dial(url: str, message_bytes: int, seconds: float, tls: SSLContext | None = None) -> Channel:
    """A connection to the node at ``url``, within ``seconds``; ``tls`` is for one of ``wss://``.

    Raises Unavailable and OSError.
    """
    try:
        socket = await connect(
            url,
            compression=None,
            max_size=message_bytes,
            open_timeout=seconds,
            close_timeout=seconds,
            ping_interval=None,  # nodes tell each other that they live
            proxy=None,
            ssl=(tls or True) if url.startswith("wss:") else None,
        )
    except (InvalidHandshake, InvalidURI) as error:
        raise Unavailable(f"{url} is no node that can be dialed: {error}") from error
    except UnicodeError as error:  # of a name with a part that is empty or too long
        raise Unavailable(f"there is no host {urlsplit(url).hostname!r}") from error
    return WebSocketChannel(socket)


def _closed(error: ConnectionClosed) -> Closed:
    if error.rcvd is not None:
        return closed(error.rcvd.code, error.rcvd.reason)
    return Closed("the connection broke" if error.sent is None else f"closed: {error.sent.reason}")
