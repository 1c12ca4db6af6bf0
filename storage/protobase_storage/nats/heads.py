"""Where each collection ends, as far as this process knows, and what a message must find there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..commit import NOTHING, Commit, Vector, includes, join, sequence_of
from .reading import Reader
from .stored import Stored, Told
from .values import Deleted, Gone, Published, Update

HEADS_KEPT = 10_000
"""Collections whose heads are kept; others are read when they are written to."""


@dataclass(slots=True)
class Head:
    """A collection's end. `sequence` is the number of its last message."""

    sequence: int = 0
    vector: dict[str, int] = field(default_factory=dict[str, int])
    snapshot: Vector = field(default_factory=dict[str, int])
    remains: bytes = b""
    coming: Vector | None = None
    """The vector of a snapshot that is being stored; none is any more once others have deleted what it is
    of."""
    floor: int = 0
    """No deletion has a higher number. What was put before, and is named by no message, may be dropped."""

    def known(self, commit: Commit) -> int:
        """The highest sequence of the commit's writer."""
        coming = sequence_of(self.coming, commit.origin) if self.coming else 0
        return max(coming, sequence_of(self.vector, commit.origin))

    def apply(self, told: Told) -> None:
        """Take the next message."""
        self.sequence = told.sequence
        for effect in told.effects:
            match effect:
                case Commit():
                    self.vector = join(self.vector, {effect.origin: effect.sequence})
                case Published(vector, remains=remains):
                    self.vector, self.snapshot = join(self.vector, vector), vector
                    self.remains = remains
                case Deleted(remains):
                    self.vector, self.snapshot, self.remains = {}, {}, remains
                    self.floor = told.sequence


@dataclass(frozen=True, slots=True)
class News:
    """What was stored behind what was known: the numbers of its messages by their tags, whether the
    collection is another one now, and whether there were messages that are gone: then none is told."""

    numbers: dict[bytes, int]
    replaced: bool
    missed: bool = False

    @property
    def is_any(self) -> bool:
        """Whether there was something."""
        return self.missed or bool(self.numbers)


class Heads:
    """Those that were used lately. What was planned and is not stored must be forgotten."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._heads: OrderedDict[str, Head] = OrderedDict()

    async def find(self, collection: str) -> Head:
        """The head, which is read if it is not known. Raises `CollectionCorrupt`, `StorageUnreachable`."""
        if head := self._heads.get(collection):
            return head
        stored = await self._reader.stored(collection)
        return self.learn(stored)

    def learn(self, stored: Stored) -> Head:
        """What was read, unless something later is known."""
        head = self._heads.get(stored.collection)
        if head is None or head.sequence < stored.sequence:
            snapshot = stored.snapshot.vector if stored.snapshot else NOTHING
            coming = head.coming if head else None
            head = Head(stored.sequence, dict(stored.vector), snapshot, stored.remains, coming, stored.keep)
            self._heads[stored.collection] = head
        return head

    def known(self, collection: str) -> Head:
        """One that was found, and is used now."""
        self._heads.move_to_end(collection)
        return self._heads[collection]

    def vector(self, collection: str) -> Vector:
        """How far one is, as far as that is known."""
        return self._heads[collection].vector if collection in self._heads else NOTHING

    def may_be_gone(self, collection: str, update: Update) -> bool:
        """Whether a deletion may have dropped what was put, and is named by no message yet."""
        return not isinstance(update, bytes) and min(update.numbers) < self._heads[collection].floor

    async def catch_up(self, collection: str) -> News:
        """Take what others have stored meanwhile. Raises `CollectionCorrupt`, `StorageUnreachable`."""
        head = self._heads.get(collection) or await self.find(collection)
        try:
            told = await self._reader.behind(collection, head.sequence)
        except Gone:
            told = []
        if not told:
            return await self._catch_up_anew(head, collection)
        for each in told:
            head.apply(each)
        is_replaced = any(isinstance(effect, Deleted) for each in told for effect in each.effects)
        if is_replaced:
            head.coming = None
        return News({each.tag: each.sequence for each in told}, is_replaced)

    async def _catch_up_anew(self, before: Head, collection: str) -> News:
        """Messages behind the known one are gone, or all are: others have compacted or deleted it, or
        another stream has the place of this one."""
        stored = await self._reader.stored(collection)
        self._heads.pop(collection, None)
        head = self.learn(stored)
        is_replaced = not includes(head.vector, before.vector) or head.remains != before.remains
        head.coming = None if is_replaced else before.coming
        return News({}, is_replaced, missed=head.sequence != before.sequence)

    def assume(self, collection: str, sequence: int) -> None:
        """Where one ends that cannot be read: only a deletion is stored behind it."""
        self._heads[collection] = Head(sequence, floor=sequence)

    def settle(self, collection: str) -> None:
        """No snapshot of it is coming any more."""
        if head := self._heads.get(collection):
            head.coming = None

    def forget(self, collections: Iterable[str]) -> None:
        """Read these anew next time."""
        for each in collections:
            self._heads.pop(each, None)

    def trim(self) -> None:
        """Keep the most recently used ones; call between rounds."""
        while len(self._heads) > HEADS_KEPT:
            self._heads.popitem(last=False)
