"""The end of the write-ahead log, where one writer adds slots and others may have come before it."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import StorageFenced, StorageFormatError
from .formats import hash_of, pack_slot, unpack_slot
from .keys import MANIFESTS, slot_key
from .objects import ObjectStore, Refused, create
from .state import State
from .values import Damaged, Effect, Published, Slot


class SlotLog:
    """Where the next slot goes. One call of `add` at a time."""

    def __init__(self, store: ObjectStore, writer: bytes, epoch: int, number: int, previous: bytes) -> None:
        self.next = number
        self.previous = previous
        self._store = store
        self._writer = writer
        self._epoch = epoch
        self._voids_previous = False
        self._has_failed = False
        self.doubted: set[str] = set()
        """Snapshots that are named by a slot which is being stored, or was given up: it may be there, and
        counts for whoever takes over before the next one is stored."""

    async def add(self, effects: Sequence[Effect]) -> int:
        """Store effects as the next slot; returns its size in bytes.

        Raises `StorageFenced`, and `ObjectError`: the slot may have been created nevertheless, but will not
        count, because the next one either takes its place or says so.
        """
        if self._has_failed:
            await self._require_database()
        self._has_failed = True
        self.doubted |= {each.snapshot.key for each in effects if isinstance(each, Published)}
        size = await self._add(effects)
        self._has_failed = False
        self.doubted.clear()
        return size

    async def _require_database(self) -> None:
        """A bucket that was lost and made again has room for the next slot, which would be all there is."""
        if not (await self._store.list(MANIFESTS, "")).keys:
            raise Refused(
                f"{self._store.address}: the database is gone, and nothing is stored without it: bring back "
                "what was in the bucket"
            )

    async def _add(self, effects: Sequence[Effect]) -> int:
        while True:
            slot = Slot(
                self.next, self._epoch, self._writer, self.previous, tuple(effects), self._voids_previous
            )
            body = pack_slot(slot)
            found = await create(self._store, slot_key(self.next), body)
            if found is None:
                self._pass(body, void=False)
                return len(body)
            self._check_own(found)
            self._pass(found, void=True)

    def _check_own(self, found: bytes) -> None:
        """Of this writer there can only be slots here that it has given up."""
        slot = unpack_slot(slot_key(self.next), self.next, found)
        if slot.writer != self._writer:
            raise fenced(self._store.address, slot.epoch, self._epoch)

    def _pass(self, body: bytes, *, void: bool) -> None:
        self.next += 1
        self.previous = hash_of(body)
        self._voids_previous = void


class Replay:
    """Takes the slots from a manifest's `start` on, and knows where the next one is."""

    def __init__(self, state: State, start: int, previous: bytes) -> None:
        self.next = start
        self.previous = previous
        self.size = 0
        """Bytes of the slots."""
        self.kept: list[int] = []
        """Numbers of the slots that have to stay: damaged ones, empty ones, which stop a writer, and the one
        before each of these, of which that writer may not know that it was created."""
        self._is_damaged = False
        self._state = state
        self._last: Slot | None = None

    def take(self, body: bytes) -> Slot:
        """The next slot. Raises `StorageFormatError` for one that does not follow."""
        slot = unpack_slot(slot_key(self.next), self.next, body)
        if slot.previous != self.previous and not self._is_damaged:
            raise StorageFormatError(f"slot {self.next} does not follow slot {self.next - 1} of this log")
        if self._last and slot.epoch < self._last.epoch:
            raise StorageFormatError(
                f"slot {self.next} is older than slot {self.next - 1}: two logs are mixed"
            )
        self._is_damaged = any(isinstance(effect, Damaged) for effect in slot.effects)
        if not slot.effects:
            self.kept += [number for number in (self.next - 1, self.next) if number]
        elif self._is_damaged:
            self.kept.append(self.next)
        self._settle(slot.voids_previous)
        self._last = slot
        self.next += 1
        self.previous = hash_of(body)
        self.size += len(body)
        return slot

    def finish(self) -> None:
        """There are no more."""
        self._settle(void=False)

    def _settle(self, void: bool) -> None:
        """The slot before counts, unless this one says otherwise."""
        if self._last and not void:
            self._state.apply(self._last.effects)
        self._last = None if void else self._last


def fenced(address: str, found: int, own: int) -> StorageFenced:
    """What is told to a writer of epoch `own` that found a slot or manifest of epoch `found` in its place."""
    return StorageFenced(
        f"{address} was taken over by another writer (epoch {found}, this one has {own}), which has all "
        "that was stored there; let only one server run on it, and start this one again to take it back"
    )
