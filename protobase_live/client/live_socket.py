"""A connection to a live door by WebSocket."""

from __future__ import annotations

from websockets.asyncio.client import ClientConnection


class LiveSocket(ClientConnection):
    """See `protobase_live.client.transport.Transport`; what else it does is the library's."""

    @property
    def unfinished(self) -> int:
        """See `Transport.unfinished`: part of a frame, and the earlier frames of its message."""
        return len(self.protocol.reader.buffer) + (self.protocol.current_size or 0)

    @property
    def unsent(self) -> int:
        """See `Transport.unsent`."""
        return self.transport.get_write_buffer_size()
