"""Opening: take the database over from whoever wrote it last, and read what there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ..errors import StorageError, StorageFormatError, StorageLocked
from .formats import pack_manifest, pack_slot, unpack_manifest
from .keys import MANIFESTS, SLOTS, manifest_key, number_of, slot_key
from .log import Replay, SlotLog, fenced
from .objects import ObjectError, ObjectStore, create, list_all
from .state import State
from .values import Manifest, Slot

TAKEOVERS = 10
"""Others who may take the database over while it is being opened, before this opening gives up."""

SLOTS_AT_ONCE = 32
"""Slots that are read at once."""

KEPT_SLOTS = 1000
"""Slots that are kept though the manifest covers them: those by which writers of earlier epochs learn that
they have been replaced, two for each takeover, and damaged ones. When there are more, the oldest go: a writer
that slept through five hundred takeovers would no longer notice."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The manifest that was created, what is durable, and where the log goes on."""

    manifest: Manifest
    state: State
    log: SlotLog
    slot_bytes: int


async def take_over(
    store: ObjectStore, writer: bytes, make_identity: Callable[[], str], *, must_exist: bool = False
) -> Opened:
    """Become the one writer, whom `writer` names. Unless it must exist, a database that is missing is made.

    First a manifest says that the writer before is to stop, and keeps what it names from being deleted. Then
    an empty slot in the place of that writer's next one makes it stop: whatever it acknowledged is before it.
    Raises `ObjectError`, `StorageLocked`, `StorageFenced`, `StorageFormatError`, `StorageError`.
    """
    manifest = await _claim(store, writer, None if must_exist else make_identity)
    state = State(manifest.collections)
    replay = Replay(state, manifest.start, manifest.previous)
    await read_slots(store, replay, partial(_take, store, replay, manifest))
    await _fence(store, replay, manifest)
    replay.finish()
    kept = (*manifest.kept, *replay.kept)[-KEPT_SLOTS:]
    log = SlotLog(store, writer, manifest.epoch, replay.next, replay.previous)
    await _delete_former(store, manifest)
    return Opened(replace(manifest, kept=kept), state, log, replay.size)


async def _claim(store: ObjectStore, writer: bytes, make_identity: Callable[[], str] | None) -> Manifest:
    for _ in range(TAKEOVERS):
        last = await latest(store)
        if last:
            own = replace(last, number=last.number + 1, epoch=last.epoch + 1, writer=writer)
        elif make_identity is None:
            raise missing(store)
        else:
            own = Manifest(number=1, epoch=1, writer=writer, identity=make_identity())
        is_created = await create(store, manifest_key(own.number), pack_manifest(own)) is None
        if is_created and await is_latest(store, own):
            return own
    raise StorageLocked(
        f"{store.address} was taken over {TAKEOVERS} times by others while it was being opened"
    )


def missing(store: ObjectStore) -> StorageError:
    """What is told to who expects a database where none is."""
    return StorageError(f"there is no database at {store.address}")


async def is_latest(store: ObjectStore, manifest: Manifest) -> bool:
    """Whether there is no later one: what was just created may have the number of one that was deleted."""
    return not (await store.list(MANIFESTS, manifest_key(manifest.number))).keys


async def latest(store: ObjectStore) -> Manifest | None:
    """The newest manifest. One that is deleted while it is asked for is not the newest any more."""
    while keys := [key for key in await list_all(store, MANIFESTS) if number_of(key)]:
        if (body := await store.get(keys[-1])) is not None:
            return unpack_manifest(keys[-1], body)
    return None


async def read_slots(store: ObjectStore, replay: Replay, take: Callable[[bytes], object]) -> None:
    """Have all slots taken that there are now, from that on which is the replay's next.

    Raises `ObjectError`, `StorageFormatError`, and what ``take`` raises.
    """
    keys = [key for key in await list_all(store, SLOTS, slot_key(replay.next - 1)) if number_of(key)]
    for start in range(0, len(keys), SLOTS_AT_ONCE):
        some = keys[start : start + SLOTS_AT_ONCE]
        for key, body in zip(some, await asyncio.gather(*map(store.get, some)), strict=True):
            if body is None or number_of(key) != replay.next:
                raise StorageFormatError(f"{store.address} lacks object {slot_key(replay.next)!r}")
            take(body)


async def _fence(store: ObjectStore, replay: Replay, manifest: Manifest) -> None:
    """Create an empty slot behind the last one of the writer before, who may be writing."""
    while True:
        slot = Slot(replay.next, manifest.epoch, manifest.writer, replay.previous)
        body = pack_slot(slot)
        found = await create(store, slot_key(replay.next), body)
        _take(store, replay, manifest, body if found is None else found)
        if found is None:
            return


def _take(store: ObjectStore, replay: Replay, manifest: Manifest, body: bytes) -> None:
    """The next slot. Raises `StorageFenced` where another writer was faster, who has a later manifest."""
    taken = replay.take(body)
    if taken.epoch > manifest.epoch:
        raise fenced(store.address, taken.epoch, manifest.epoch)


async def _delete_former(store: ObjectStore, manifest: Manifest) -> None:
    """Delete the manifests before: who reads one of them looks again. Not now means with the next opening."""
    with suppress(ObjectError):
        keys = await list_all(store, MANIFESTS)
        if former := [key for key in keys if (number_of(key) or manifest.number) < manifest.number]:
            await store.delete(former)
