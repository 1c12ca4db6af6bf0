"""Bytes that are too many for one message, in messages of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from zlib import crc32

from ..contract import MAX_SEQUENCE
from ..errors import CollectionCorrupt
from .patient import Patient
from .subjects import Subjects
from .values import Body, Pieces

INLINE_BYTES = 128 * 1024
"""Bytes that stand in the message itself; more are cut into pieces."""

PIECE_BYTES = 512 * 1024
"""Bytes of one piece, unless the server takes less."""

AT_ONCE = 16
"""Pieces that are under way at once."""

ID_BYTES = 8
"""Random bytes of an id, behind the time at which it was made."""

UNNAMED_SECONDS = 3_600
"""How long pieces that no message names are left to who is about to name them."""

_ORDINAL_BYTES = 4


class Gone(Exception):
    """Pieces are not there any more: the collection has changed meanwhile, or they were taken away."""


class PieceStore:
    """Puts bytes into pieces and reads them."""

    def __init__(
        self,
        stream: Patient,
        subjects: Subjects,
        payload_bytes: int,
        make_bytes: Callable[[int], bytes],
        time: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._subjects = subjects
        self._size = min(PIECE_BYTES, payload_bytes // 2)
        self._inline = min(INLINE_BYTES, payload_bytes // 4)
        self._make_bytes = make_bytes
        self._time = time
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def put(self, collection: str, data: bytes) -> Body:
        """The bytes themselves, or where they are from now on."""
        if len(data) <= self._inline:
            return data
        pieces = [data[start : start + self._size] for start in range(0, len(data), self._size)]
        id = self._new_id()
        subject = self._subjects.pieces(collection, id)
        puts = [self._put(subject, n.to_bytes(_ORDINAL_BYTES) + piece) for n, piece in enumerate(pieces)]
        return Pieces(id, tuple(await asyncio.gather(*puts)), len(data), crc32(data))

    def unnamed(self, collection: str) -> str:
        """The subject of a piece that no message will name: left behind, it goes with others of its kind."""
        return self._subjects.pieces(collection, self._new_id())

    def _new_id(self) -> str:
        return f"{int(self._time()):010x}{self._make_bytes(ID_BYTES).hex()}"

    async def _put(self, subject: str, data: bytes) -> int:
        async with self._slots:
            return await self._stream.store(subject, data)

    async def get(self, collection: str, body: Body) -> bytes:
        """The bytes. Raises `Gone`, `CollectionCorrupt`."""
        if isinstance(body, bytes):
            return body
        subject = self._subjects.pieces(collection, body.id)
        found: dict[bytes, bytes] = {}  # one may be there twice, if an answer was lost
        for message in await self._stream.read_to_end(subject):
            found[message.data[:_ORDINAL_BYTES]] = message.data[_ORDINAL_BYTES:]
        if len(found) < len(body.numbers):
            raise Gone(body.id)
        data = b"".join(found[each] for each in sorted(found))
        if len(data) != body.length or crc32(data) != body.checksum:
            raise CollectionCorrupt(collection, f"the pieces {body.id!r} fail their checksum")
        return data

    async def drop(self, bodies: Iterable[Body]) -> None:
        """Nobody needs these bytes any more."""
        await self._stream.wipe_all(n for each in bodies if isinstance(each, Pieces) for n in each.numbers)

    async def sweep(self, collection: str, named: Iterable[Body]) -> None:
        """Drop what a process has left that ended before a message named it, or when none did any more."""
        kept = {each.id for each in named if isinstance(each, Pieces)}
        old = f"{int(self._time()) - UNNAMED_SECONDS:010x}"
        await self._wipe(collection, lambda id: id not in kept and id < old)

    async def drop_below(self, collection: str, number: int, kept: Body | None) -> None:
        """Drop all pieces of a collection with lower numbers, but those that are `kept`."""
        id_kept = kept.id if isinstance(kept, Pieces) else ""
        await self._wipe(collection, lambda id: id != id_kept, number)

    async def _wipe(self, collection: str, chosen: Callable[[str], bool], below: int = MAX_SEQUENCE) -> None:
        for subject in await self._stream.subjects(self._subjects.pieces(collection)):
            if chosen(subject.rpartition(".")[2]):
                messages = await self._stream.read_to_end(subject)
                await self._stream.wipe_all(each.sequence for each in messages if each.sequence < below)
