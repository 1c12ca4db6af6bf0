"""Erasing: a deletion, and a note that its dropping has to be completed."""

from __future__ import annotations

from ..commit import Snapshot
from ..errors import StorageError
from .patient import Patient
from .subjects import Subjects
from .upkeep import Upkeep
from .writer import Writer


class Eraser:
    """Whoever opens the storage next completes what its note says was begun."""

    def __init__(self, stream: Patient, subjects: Subjects, writer: Writer, upkeep: Upkeep) -> None:
        self._stream = stream
        self._subjects = subjects
        self._writer = writer
        self._upkeep = upkeep

    async def erase(self, collection: str, remains: bytes, snapshot: Snapshot | None) -> None:
        """Delete a collection, have `snapshot` in its place, and drop all that was there. Raises
        `StorageError`."""
        note = await self._stream.store(self._subjects.mark(collection), b"")
        instead = await self._upkeep.published(snapshot, remains) if snapshot else None
        deletion = await self._writer.delete(collection, remains, snapshot, instead)
        await self._upkeep.drop_deleted(deletion)
        await self._stream.wipe(note)

    async def finish(self) -> None:
        """Complete the erasures that were begun. Raises `StorageError`: the first of those that cannot be."""
        errors: list[StorageError] = []
        for subject in await self._stream.subjects(self._subjects.marks):
            try:
                await self._finish(subject)
            except StorageError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _finish(self, subject: str) -> None:
        note = await self._stream.last(subject)
        if note is not None and await self._upkeep.drop_deleted_behind(
            self._subjects.collection(subject), note.sequence
        ):
            await self._stream.wipe(note.sequence)
