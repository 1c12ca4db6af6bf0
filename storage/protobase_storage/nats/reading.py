"""What is durable of a collection, read from its messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from ..commit import Snapshot
from ..errors import CollectionCorrupt, StorageBusy
from .formats import unpack_effects, unpack_entry
from .patient import Patient
from .pieces import PieceStore
from .stored import Stored, Told, stored_of
from .stream import Message
from .subjects import Subjects
from .values import Entry, Gone, Pieces, Place

READINGS = 100
"""How often a collection is read, while others go on folding it."""

Result = TypeVar("Result")


class Reader:
    """Reads whole collections, and what came behind a message."""

    def __init__(self, stream: Patient, subjects: Subjects, pieces: PieceStore) -> None:
        self._stream = stream
        self._subjects = subjects
        self._pieces = pieces

    async def stored(self, collection: str) -> Stored:
        """All that is durable, but the snapshot's bytes. Raises `CollectionCorrupt`, `StorageUnreachable`."""
        return await self._whole(collection, self._stored)

    async def loaded(self, collection: str) -> tuple[Stored, Snapshot | None]:
        """`stored`, with the snapshot's bytes."""
        return await self._whole(collection, self._loaded)

    async def left(self, collection: str, sequence: int) -> list[Told]:
        """The messages with higher numbers that there are. Raises as `stored`."""
        return await self._whole(collection, partial(self._left, sequence))

    async def places(self, collection: str, sequence: int) -> list[Place]:
        """Where that is which does not stand in the messages from this number on. Raises as `stored`."""
        told = await self._whole(collection, partial(self._needed, sequence - 1))
        return [place for each in told for place in each.places]

    async def behind(self, collection: str, sequence: int) -> list[Told]:
        """The messages with higher numbers, each behind the one before it. Raises `Gone`, also if one between
        them is."""
        told = await self._left(sequence, collection)
        for each in told:
            if each.previous != sequence:
                raise Gone(f"message {each.previous} is missing")
            sequence = each.sequence
        return told

    async def told(self, collection: str, message: Message) -> Told:
        """What a message says. Raises `Gone`, `CollectionCorrupt`."""
        return await self._told(collection, message, unpack_entry(collection, message.sequence, message.data))

    async def _told(self, collection: str, message: Message, entry: Entry) -> Told:
        if not isinstance(entry.effects, Pieces):
            return Told(message.sequence, entry.previous, entry.tag, entry.effects)
        effects = unpack_effects(collection, await self._pieces.get(collection, entry.effects))
        return Told(message.sequence, entry.previous, entry.tag, effects, entry.effects)

    async def _stored(self, collection: str) -> Stored:
        return stored_of(collection, await self._needed(0, collection))

    async def _needed(self, sequence: int, collection: str) -> list[Told]:
        """Pieces are not asked for that nobody needs: they are gone where a replica has their message yet."""
        told: list[Told] = []
        keep = 0
        for message in reversed(await self._messages(collection, sequence)):
            entry = unpack_entry(collection, message.sequence, message.data)
            if message.sequence < keep and isinstance(entry.effects, Pieces):
                told.append(Told(message.sequence, entry.previous, entry.tag, (), entry.effects))
                continue
            told.append(await self._told(collection, message, entry))
            keep = max(keep, told[-1].keep)
        return told[::-1]

    async def _loaded(self, collection: str) -> tuple[Stored, Snapshot | None]:
        stored = await self._stored(collection)
        told = stored.snapshot
        if told is None:
            return stored, None
        update = await self._pieces.get(collection, told.update)
        return stored, Snapshot(collection, update, told.vector, told.time)

    async def _left(self, sequence: int, collection: str) -> list[Told]:
        return [await self.told(collection, each) for each in await self._messages(collection, sequence)]

    async def _messages(self, collection: str, sequence: int) -> list[Message]:
        return await self._stream.read_to_end(self._subjects.log(collection), sequence)

    @staticmethod
    async def _whole(collection: str, read: Callable[[str], Awaitable[Result]]) -> Result:
        """Read until nothing is gone. Raises `CollectionCorrupt`, and `StorageBusy` after `READINGS`.

        What is dropped is dropped behind the message of a snapshot or a deletion. A reading may have missed
        that message, which was not stored yet when it began, and the next one has it, or one behind it: what
        is missing twice is missing for good.
        """
        missed = ""
        for _ in range(READINGS):
            try:
                return await read(collection)
            except Gone as gone:
                if str(gone) == missed:
                    raise CollectionCorrupt(collection, missed) from None
                missed = str(gone)
        raise StorageBusy(f"{collection!r} was folded {READINGS} times while it was read")
