"""The other nodes over WebSockets: the `/peer` door, and dialing theirs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from protobase_live.cluster.channel import Channel, closed
from protobase_live.cluster.cluster import Cluster
from protobase_live.errors import Closed, ProtoBaseError, Unavailable
from protobase_live.protocol.live.limits import MAX_REASON_BYTES

if TYPE_CHECKING:
    from ssl import SSLContext

    from protobase_live.cluster.limits import ClusterLimits
    from protobase_live.server.connection import Connection


class Dialed(ClientConnection):
    """A connection to a node that was dialed; until it is trusted, little of a long message is read."""

    def __init__(self, *args: Any, untrusted_bytes: int, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._untrusted_bytes: int | None = untrusted_bytes

    def data_received(self, data: bytes) -> None:
        """What the socket had."""
        super().data_received(data)
        if self._untrusted_bytes is not None and self.unfinished > self._untrusted_bytes:
            self.transport.pause_reading()

    def trust(self) -> None:
        """See `Connection.trust`."""
        self._untrusted_bytes = None
        if not self.recv_messages.paused:
            self.transport.resume_reading()

    @property
    def unfinished(self) -> int:
        """Bytes of a message that is not whole."""
        return len(self.protocol.reader.buffer) + (self.protocol.current_size or 0)


class WebSocketChannel:
    """A `Channel` over a WebSocket connection."""

    def __init__(self, socket: Connection | Dialed) -> None:
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

    @property
    def unfinished(self) -> int:
        """See `Channel.unfinished`."""
        return self._socket.unfinished

    def trust(self) -> None:
        """See `Channel.trust`."""
        self._socket.trust()

    async def close(self, code: int, reason: str) -> None:
        """See `Channel.close`."""
        await self._socket.close(code, reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore"))


async def serve_peer(cluster: Cluster, socket: Connection) -> None:
    """Be linked with the node that has dialed, until the connection ends."""
    try:
        await cluster.serve(WebSocketChannel(socket), dialed=False)
    except ProtoBaseError:
        await socket.wait_closed()  # the other node was told why


async def dial(url: str, limits: ClusterLimits, tls: SSLContext | None = None) -> Channel:
    """A connection to the node at ``url``, within ``meeting_seconds``; ``tls`` is for one of ``wss://``.

    Raises Unavailable and OSError.
    """
    made = partial(Dialed, untrusted_bytes=limits.meeting_bytes)
    try:
        socket = await connect(
            url,
            create_connection=cast("type[ClientConnection]", made),
            compression=None,
            max_size=limits.message_bytes,
            open_timeout=limits.meeting_seconds,
            close_timeout=limits.meeting_seconds,
            ping_interval=None,  # nodes tell each other that they live
            proxy=None,
            ssl=(tls or True) if url.startswith("wss:") else None,
        )
    except (InvalidHandshake, InvalidURI) as error:
        raise Unavailable(f"{url} is no node that can be dialed: {error}") from error
    except UnicodeError as error:  # of a name with a part that is empty or too long
        raise Unavailable(f"there is no host {urlsplit(url).hostname!r}") from error
    return WebSocketChannel(cast(Dialed, socket))


def _closed(error: ConnectionClosed) -> Closed:
    if error.rcvd is not None:
        return closed(error.rcvd.code, error.rcvd.reason)
    return Closed("the connection broke" if error.sent is None else f"closed: {error.sent.reason}")
