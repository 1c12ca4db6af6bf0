"""A link between workers of one machine: messages over a Unix socket."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

from protobase_live.cluster.channel import closed
from protobase_live.errors import Closed

_HEAD = struct.Struct("<BI")
"""What follows, and how long it is."""
_MESSAGE, _CLOSE = 0, 1
PART_BYTES = 64 * 1024
"""So much of a message is read at once."""
_CODE = struct.Struct("<H")


class StreamChannel:
    """A `Channel` over a stream; a process of the same user is at the other end, or nobody."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_bytes: int) -> None:
        """Messages of more than ``most_bytes`` end it."""
        self._reader = reader
        self._writer = writer
        self._most_bytes = most_bytes
        self.unfinished = 0
        """See `Channel.unfinished`."""

    async def send(self, message: bytes) -> None:
        """See `Channel.send`."""
        try:
            self._writer.write(_HEAD.pack(_MESSAGE, len(message)))
            self._writer.write(message)
            await self._writer.drain()
        except OSError as error:
            raise Closed("the other worker has gone") from error

    async def receive(self) -> bytes:
        """See `Channel.receive`."""
        try:
            kind, size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
            if size > self._most_bytes:
                raise Closed(f"a message of {size} bytes is too long (message_bytes)")
            message = await self._read(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Closed("the other worker has gone") from error
        if kind == _CLOSE:
            raise closed(_CODE.unpack_from(message)[0], message[_CODE.size :].decode(errors="replace"))
        return message

    async def _read(self, size: int) -> bytes:
        parts = list[bytes]()
        while self.unfinished < size:
            parts.append(await self._reader.readexactly(min(size - self.unfinished, PART_BYTES)))
            self.unfinished += len(parts[-1])
        self.unfinished = 0
        return b"".join(parts)

    def trust(self) -> None:
        """See `Channel.trust`; a process of the same user was trusted before."""

    async def close(self, code: int, reason: str) -> None:
        """See `Channel.close`."""
        said = _CODE.pack(code) + reason.encode()
        with suppress(OSError):
            self._writer.write(_HEAD.pack(_CLOSE, len(said)) + said)
            self._writer.close()
            await self._writer.wait_closed()
