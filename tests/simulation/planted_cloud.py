"""Mistakes that the simulation of object storage has to find."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from protobase_storage.cloud import log, takeover
from protobase_storage.cloud.cleaning import Cleaner
from protobase_storage.cloud.keys import slot_key
from protobase_storage.cloud.log import Replay, SlotLog, fenced
from protobase_storage.cloud.objects import ObjectStore
from protobase_storage.cloud.upkeep import Upkeep
from protobase_storage.cloud.values import Manifest
from protobase_storage.cloud.writer import Writer


def acknowledge_early(patch: pytest.MonkeyPatch) -> None:
    """A commit is acknowledged when its slot is sent."""

    async def store(self: Writer, group) -> None:
        self._settle(group.works)
        group.works = []
        await right(self, group)

    right = Writer._store
    patch.setattr(Writer, "_store", store)


def exists_is_defeat(patch: pytest.MonkeyPatch) -> None:
    """Who finds a slot in its place was replaced, whoever made it."""

    def check_own(self: SlotLog, found: bytes) -> None:
        raise fenced("bucket", 0, 0)

    patch.setattr(SlotLog, "_check_own", check_own)


def exists_is_success(patch: pytest.MonkeyPatch) -> None:
    """Who finds a slot in its place takes it for its own."""

    async def create(store: ObjectStore, key: str, body: bytes) -> None:
        await store.put(key, body)

    patch.setattr(log, "create", create)


def given_up_and_kept(patch: pytest.MonkeyPatch) -> None:
    """A slot that was given up and created nevertheless counts."""
    right = SlotLog._pass
    patch.setattr(SlotLog, "_pass", lambda self, body, void: right(self, body, void=False))


def fences_are_deleted(patch: pytest.MonkeyPatch) -> None:
    """A checkpoint deletes the slots that stop the writers before, like all the others."""
    right = Cleaner.retire

    def retire(self: Cleaner, manifest, entries) -> list[str]:
        return right(self, replace(manifest, kept=()), entries)

    patch.setattr(Cleaner, "retire", retire)


def manifest_before_slot(patch: pytest.MonkeyPatch) -> None:
    """A manifest has what is in a slot that may not be there yet."""
    right = Writer._store

    async def store(self: Writer, group) -> None:
        self._state.apply(group.effects)
        apply, self._state.apply = self._state.apply, lambda effects: None
        await right(self, group)
        self._state.apply = apply

    patch.setattr(Writer, "_store", store)


def no_empty_slot(patch: pytest.MonkeyPatch) -> None:
    """Who takes over does not stop the writer before, and goes on where it found the end of the log."""

    async def fence(store: ObjectStore, replay: Replay, manifest: Manifest) -> None:
        pass

    patch.setattr(takeover, "_fence", fence)


LEASE_SECONDS = 10.0


def fence_by_clock(patch: pytest.MonkeyPatch) -> None:
    """Who takes over waits until the writer before must have stopped: that stores nothing more when it has
    stored nothing for so long."""
    read, add = takeover.read_slots, SlotLog.add
    stored_at: dict[SlotLog, float] = {}

    async def wait_and_read(store: ObjectStore, replay: Replay, take) -> None:
        await asyncio.sleep(LEASE_SECONDS)
        await read(store, replay, take)

    async def no_fence(store: ObjectStore, replay: Replay, manifest: Manifest) -> None:
        pass

    async def add_in_time(self: SlotLog, effects) -> int:
        now = asyncio.get_running_loop().time()
        if now - stored_at.get(self, now) > LEASE_SECONDS:
            raise fenced("bucket", 0, 0)
        size = await add(self, effects)
        stored_at[self] = now
        return size

    patch.setattr(takeover, "read_slots", wait_and_read)
    patch.setattr(takeover, "_fence", no_fence)
    patch.setattr(SlotLog, "add", add_in_time)


def clean_at_once(patch: pytest.MonkeyPatch) -> None:
    """Slots are deleted before the manifest that takes their place is there."""
    right = Upkeep._publish

    async def publish(self: Upkeep, manifest: Manifest) -> Manifest:
        await self._store.delete([slot_key(n) for n in range(self._manifest.start, manifest.start)])
        return await right(self, manifest)

    patch.setattr(Upkeep, "_publish", publish)


PLANTED = (
    acknowledge_early,
    exists_is_defeat,
    exists_is_success,
    given_up_and_kept,
    fences_are_deleted,
    manifest_before_slot,
    no_empty_slot,
    clean_at_once,
    fence_by_clock,
)
