"""What keeps the stream short: puts snapshots, and drops what these and deletions leave behind."""

from __future__ import annotations

from contextlib import suppress

from ..commit import Snapshot
from ..errors import CollectionCorrupt, StorageError
from .heads import Head, Heads
from .patient import Patient
from .pieces import PieceStore
from .reading import Reader
from .subjects import Subjects
from .values import Deleted, Published
from .works import Compaction, Deletion


class Upkeep:
    """What is dropped is written over, message by message: the server's purge would leave the bytes."""

    def __init__(
        self, stream: Patient, subjects: Subjects, pieces: PieceStore, reader: Reader, heads: Heads
    ) -> None:
        self._stream = stream
        self._subjects = subjects
        self._pieces = pieces
        self._reader = reader
        self._heads = heads

    async def find(self, collection: str) -> Head:
        """Where a collection ends. Raises `CollectionCorrupt`, `StorageUnreachable`."""
        try:
            return await self._heads.find(collection)
        except CollectionCorrupt:
            last = await self._stream.last(self._subjects.log(collection))  # it can be deleted
            self._heads.assume(collection, last.sequence if last else 0)
            raise

    async def put(self, work: Compaction) -> None:
        """Put a snapshot; it counts when a message says so. Raises `StorageError`."""
        name = work.snapshot.collection
        work.before = await self._reader.stored(name)
        keep = work.before.keep_below(work.snapshot.vector)
        work.published = await self.published(work.snapshot, work.before.remains, keep)

    async def published(self, snapshot: Snapshot, remains: bytes, keep: int = 0) -> Published:
        """What a message says of a snapshot that was put. Raises `StorageUnreachable`, `Refused`."""
        update = await self._pieces.put_snapshot(snapshot.collection, snapshot.update)
        return Published(dict(snapshot.vector), snapshot.time, update, remains, keep)

    async def drop_covered(self, work: Compaction) -> None:
        """Drop what a snapshot has taken the place of. What is left of it now goes with the next one."""
        assert work.before is not None
        assert work.published is not None
        keep = work.published.keep
        name = work.snapshot.collection
        covered = [place for number, place in work.before.places if number < keep]
        kept = [place for number, place in work.before.places if number >= keep]
        with suppress(StorageError):
            await self._stream.wipe_all(number for number in work.before.numbers if number < keep)
            await self._pieces.retire(name, covered)
            kept = [*kept, work.published.update]
            await self._pieces.sweep(name, kept, lambda: self._reader.places(name, keep))

    async def drop_vain(self, work: Compaction) -> None:
        """Drop a snapshot that was put, and that no message names or will name. What is left of it now goes
        with a later one."""
        if work.published is not None:
            with suppress(StorageError):
                await self._pieces.drop(work.snapshot.collection, [work.published.update])

    async def drop_deleted(self, work: Deletion) -> None:
        """Drop all that was there before a deletion. Raises `StorageUnreachable`, `Refused`,
        `CollectionCorrupt`."""
        await self._drop_below(work.collection, work.number)

    async def drop_deleted_behind(self, collection: str, number: int) -> bool:
        """The same for the last deletion behind this message, if there is one. Raises `StorageError`."""
        for told in reversed(await self._reader.left(collection, number)):
            if any(isinstance(each, Deleted) for each in told.effects):
                await self._drop_below(collection, told.sequence)
                return True
        return False

    async def _drop_below(self, collection: str, number: int) -> None:
        """Drop what is numbered below, but what is named by the messages that stay: they had it put before
        them."""
        named = await self._reader.places(collection, number)
        messages = await self._stream.read_to_end(self._subjects.log(collection))
        await self._stream.wipe_all(each.sequence for each in messages if each.sequence < number)
        await self._pieces.drop_below(collection, number, named)
