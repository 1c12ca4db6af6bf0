"""Bytes that are too many for one message: in messages of their own, or, of a snapshot, in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from zlib import crc32

from ..contract import MAX_SEQUENCE
from ..errors import CollectionCorrupt, StaleSnapshot
from .bucket import SnapshotBucket
from .patient import Patient
from .subjects import Subjects
from .values import Body, Gone, Pieces, Place, Stowed, Update

INLINE_BYTES = 128 * 1024
"""Bytes that stand in the message itself; more are cut into pieces."""

PIECE_BYTES = 512 * 1024
"""Bytes of one piece, unless the server takes less."""

STOWED_BYTES = INLINE_BYTES
"""Bytes of a snapshot that stand in the message where there is a bucket; more are an object of it."""

STOWED = "o"
"""What the id of an object ends with; the ids of pieces are hexadecimal."""

AT_ONCE = 16
"""Pieces that are under way at once."""

ID_BYTES = 8
"""Random bytes of an id, behind the time at which it was made."""

UNNAMED_SECONDS = 3_600
"""How long pieces and objects that no message names are left to who is about to name them."""

REPLACED_SECONDS = 300
"""How long an object is kept whose place another one has. NATS servers flush every two minutes by default:
after a power failure the stream may be as it was before, and name the former object again."""

_ORDINAL_BYTES = 4

_TIME_BYTES = 8

_ID_TIME = 10
"""Hexadecimal digits of the time in an id."""


class PieceStore:
    """Puts bytes into pieces, and those of snapshots into the bucket if there is one, and reads them.

    Before an object is put, an empty message under the subject of its id notes that it may be there, and that
    goes after the object. So the stream knows of every object, whoever was killed in the middle. A second
    message there notes when another object got its place.
    """

    def __init__(
        self,
        stream: Patient,
        subjects: Subjects,
        payload_bytes: int,
        make_bytes: Callable[[int], bytes],
        bucket: SnapshotBucket | None = None,
        stowed_bytes: int = STOWED_BYTES,
    ) -> None:
        """``payload_bytes`` is the longest message that the server takes; snapshots of more than
        ``stowed_bytes`` come into the ``bucket``."""
        self._bucket = bucket
        self._stream = stream
        self._subjects = subjects
        self._size = min(PIECE_BYTES, payload_bytes // 2)
        self._inline = min(INLINE_BYTES, payload_bytes // 4)
        self._stowed = min(stowed_bytes, self._inline)
        self._make_bytes = make_bytes
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def put(self, collection: str, data: bytes) -> Body:
        """The bytes themselves, or where they are from now on."""
        if len(data) <= self._inline:
            return data
        pieces = [data[start : start + self._size] for start in range(0, len(data), self._size)]
        id = await self._new_id()
        subject = self._subjects.pieces(collection, id)
        puts = [self._put(subject, n.to_bytes(_ORDINAL_BYTES) + piece) for n, piece in enumerate(pieces)]
        return Pieces(id, tuple(await asyncio.gather(*puts)), len(data), crc32(data))

    async def put_snapshot(self, collection: str, data: bytes) -> Update:
        """`put`, with what is large in the bucket, if there is one, where it is durable then. Raises
        `StaleSnapshot` if the collection is deleted meanwhile, `StorageUnreachable`, `StorageError`."""
        if self._bucket is None or len(data) <= self._stowed:
            return await self.put(collection, data)
        id = await self._new_id() + STOWED
        subject = self._subjects.pieces(collection, id)
        number = await self._stream.store(subject, b"")
        await self._bucket.put(collection, id, data)
        if await self._stream.last(subject) is None:
            # Whoever deleted or erased the collection has dropped the object before it was there.
            await self._bucket.drop(collection, [id])
            raise StaleSnapshot(f"{collection!r} was deleted while a snapshot of it was put")
        return Stowed(id, number, len(data), crc32(data))

    def unnamed(self, collection: str) -> str:
        """The subject of a piece that no message will name: left behind, it goes with others of its kind."""
        return self._subjects.pieces(collection, self._id_of(0))

    async def is_old(self, *updates: Update) -> bool:
        """Whether some of that was put so long ago that others may soon drop it, if no message names it."""
        times = [int(each.id[:_ID_TIME], 16) for each in updates if not isinstance(each, bytes)]
        return bool(times) and min(times) < await self._stream.now() - UNNAMED_SECONDS / 2

    async def _new_id(self) -> str:
        """By the servers' clock: no process's own one says for how long the others leave it alone."""
        return self._id_of(await self._stream.now())

    def _id_of(self, time: float) -> str:
        return f"{int(time):0{_ID_TIME}x}{self._make_bytes(ID_BYTES).hex()}"

    async def _put(self, subject: str, data: bytes) -> int:
        async with self._slots:
            return await self._stream.store(subject, data)

    async def get(self, collection: str, update: Update) -> bytes:
        """The bytes. Raises `Gone`, `CollectionCorrupt`, `StorageUnreachable`, `StorageError`."""
        if isinstance(update, bytes):
            return update
        if isinstance(update, Pieces):
            data = await self._joined(collection, update)
        else:
            data = await self._fetched(collection, update)
        if len(data) != update.length or crc32(data) != update.checksum:
            raise CollectionCorrupt(collection, f"wrong checksum: {_name(update)}")
        return data

    async def _joined(self, collection: str, pieces: Pieces) -> bytes:
        subject = self._subjects.pieces(collection, pieces.id)
        found: dict[bytes, bytes] = {}  # one may be there twice, if an answer was lost
        for message in await self._stream.read_to_end(subject):
            found[message.data[:_ORDINAL_BYTES]] = message.data[_ORDINAL_BYTES:]
        if len(found) < len(pieces.numbers):
            raise Gone(f"{_name(pieces)} are missing")
        return b"".join(found[each] for each in sorted(found))

    async def _fetched(self, collection: str, stowed: Stowed) -> bytes:
        bucket = self._bucket
        found = await bucket.get(collection, stowed.id, stowed.length) if bucket else None
        if found is None:
            raise Gone(f"{_name(stowed)} is missing")
        return found

    async def retire(self, collection: str, updates: Iterable[Update]) -> None:
        """Others are named in the place of these bytes. Objects are left to `sweep`."""
        places = [each for each in updates if not isinstance(each, bytes)]
        await self.drop(collection, [each for each in places if isinstance(each, Pieces)])
        if stowed := [each for each in places if isinstance(each, Stowed)]:
            now = int(await self._stream.now()).to_bytes(_TIME_BYTES)
            for each in stowed:
                await self._stream.store(self._subjects.pieces(collection, each.id), now)

    async def drop(self, collection: str, updates: Iterable[Update]) -> None:
        """Nobody needs these bytes any more."""
        places = [each for each in updates if not isinstance(each, bytes)]
        await self._drop_objects(collection, [each.id for each in places])
        await self._stream.wipe_all(number for each in places for number in each.numbers)

    async def sweep(
        self, collection: str, named: Iterable[Update], name: Callable[[], Awaitable[Iterable[Place]]]
    ) -> None:
        """Drop what a process has left that ended before a message named it, or when none did any more; and
        objects whose place others have had for a while. Others may have named something since it was known
        what is ``named``: before anything is dropped, ``name`` is asked."""
        kept = {each.id for each in named if not isinstance(each, bytes)}
        there = await self._all(collection)
        unnamed = {id: subject for id, subject in there.items() if id not in kept}
        now = int(await self._stream.now()) if unnamed else 0
        over = [(id, subject) for id, subject in unnamed.items() if await self._is_over(id, subject, now)]
        since = {each.id for each in await name()} if over else set[str]()
        for id, subject in over:
            if id not in since:
                await self._wipe(collection, id, subject)

    async def _is_over(self, id: str, subject: str, now: int) -> bool:
        note = await self._stream.last(subject) if id.endswith(STOWED) else None
        if note is not None and note.data:
            return int.from_bytes(note.data) < now - REPLACED_SECONDS
        return id < f"{now - UNNAMED_SECONDS:0{_ID_TIME}x}"

    async def drop_below(self, collection: str, number: int, named: Iterable[Place]) -> None:
        """Drop all pieces of a collection with lower numbers, but those that are `named`, and objects that
        were noted with such."""
        kept = {each.id for each in named}
        for id, subject in (await self._all(collection)).items():
            if id not in kept:
                await self._wipe(collection, id, subject, number)

    async def _all(self, collection: str) -> dict[str, str]:
        """The subjects of all that there is, by id."""
        found = await self._stream.subjects(self._subjects.pieces(collection))
        return {subject.rpartition(".")[2]: subject for subject in found}

    async def _wipe(self, collection: str, id: str, subject: str, below: int = MAX_SEQUENCE) -> None:
        messages = await self._stream.read_to_end(subject)
        if numbers := [each.sequence for each in messages if each.sequence < below]:
            await self._drop_objects(collection, [id])
            await self._stream.wipe_all(numbers)

    async def _drop_objects(self, collection: str, ids: Iterable[str]) -> None:
        if self._bucket is not None:
            await self._bucket.drop(collection, [each for each in ids if each.endswith(STOWED)])


def _name(place: Place) -> str:
    """For messages."""
    return f"{'pieces' if isinstance(place, Pieces) else 'the object'} {place.id!r}"
