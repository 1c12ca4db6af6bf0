"""What is durable of a collection, read from its messages."""

from __future__ import annotations

from ..commit import Snapshot
from ..errors import CollectionCorrupt
from .formats import unpack_effects, unpack_entry
from .patient import Patient
from .pieces import Gone, PieceStore
from .stored import Stored, Told, stored_of
from .stream import Message
from .subjects import Subjects
from .values import Pieces


class Reader:
    """Reads whole collections, and what came behind a message."""

    def __init__(self, stream: Patient, subjects: Subjects, pieces: PieceStore) -> None:
        self._stream = stream
        self._subjects = subjects
        self._pieces = pieces

    async def stored(self, collection: str) -> Stored:
        """All that is durable, but the snapshot's bytes. Raises `CollectionCorrupt`, `StorageUnreachable`.

        Pieces and objects are dropped behind the messages that name them: what is gone is told anew, or
        missing for good.
        """
        missed = ""
        while True:
            try:
                return stored_of(collection, await self.behind(collection, 0))
            except Gone as gone:
                missed = self._missing(collection, gone, missed)

    async def snapshot(self, stored: Stored) -> Snapshot | None:
        """The snapshot with its bytes. Raises `Gone` if another one has its place."""
        if stored.snapshot is None:
            return None
        told = stored.snapshot
        update = await self._pieces.get(stored.collection, told.update)
        return Snapshot(stored.collection, update, told.vector, told.time)

    async def loaded(self, collection: str) -> tuple[Stored, Snapshot | None]:
        """`stored`, with the snapshot's bytes."""
        missed = ""
        while True:
            stored = await self.stored(collection)
            try:
                return stored, await self.snapshot(stored)
            except Gone as gone:
                missed = self._missing(collection, gone, missed)

    async def behind(self, collection: str, sequence: int) -> list[Told]:
        """The messages with higher numbers. Raises `Gone`."""
        messages = await self._stream.read_to_end(self._subjects.log(collection), sequence)
        return [await self.told(collection, each) for each in messages]

    async def told(self, collection: str, message: Message) -> Told:
        """What a message says. Raises `Gone`, `CollectionCorrupt`."""
        entry = unpack_entry(collection, message.sequence, message.data)
        if not isinstance(entry.effects, Pieces):
            return Told(message.sequence, entry.previous, entry.tag, entry.effects)
        effects = unpack_effects(collection, await self._pieces.get(collection, entry.effects))
        return Told(message.sequence, entry.previous, entry.tag, effects, entry.effects)

    @staticmethod
    def _missing(collection: str, gone: Gone, missed: str) -> str:
        """What is missing now; the same as before is missing for good."""
        if str(gone) == missed:
            raise CollectionCorrupt(collection, f"missing: {missed}")
        return str(gone)
