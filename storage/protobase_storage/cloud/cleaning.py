"""Deleting what nothing names any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set
from contextlib import suppress

from .keys import PACKS, SLOTS, SNAPSHOTS, epoch_of, manifest_key, number_of, slot_key
from .objects import ObjectError, ObjectStore, list_all
from .values import Entry, Manifest

DELETE_AT_ONCE = 100
"""Keys that one request deletes at most."""


class Cleaner:
    """Keeps count of this writer's objects. What a manifest replaces is deleted after the next one, so that
    whoever began to read by the manifest before can come to an end.

    Objects of earlier epochs that nothing names, which a crash or the writer before has left, are looked for
    once, with the first manifest: nobody who still counts can be about to name them.
    """

    def __init__(self, store: ObjectStore, manifest: Manifest, entries: Iterable[Entry]) -> None:
        self._store = store
        self._manifest = manifest
        self._objects = {key for entry in entries for key in entry.keys}
        self._doomed: list[str] = []
        self._has_swept = False
        self._turn = asyncio.Lock()

    def add(self, key: str) -> None:
        """A snapshot or pack is about to be created."""
        self._objects.add(key)

    def retire(self, manifest: Manifest, entries: Iterable[Entry], held: Set[str]) -> list[str]:
        """What the new manifest and the `entries` of now do not name, and a slot that may come to count
        (`held`) does not either. No snapshot may be under way."""
        live = {
            key for each in (manifest.collections.values(), entries) for entry in each for key in entry.keys
        }.union(held)
        retired = sorted(self._objects - live)
        self._objects &= live
        kept = {*manifest.kept}
        last, self._manifest = self._manifest, manifest
        retired += [slot_key(n) for n in range(last.start, manifest.start) if n not in kept]
        return retired + [manifest_key(n) for n in range(last.number, manifest.number)]

    async def clean(self, retired: list[str]) -> None:
        """Delete what the manifest before has retired. What cannot be deleted now is tried again."""
        async with self._turn:
            doomed, self._doomed = self._doomed, retired
            with suppress(ObjectError):
                await self._sweep(doomed, {*retired})

    async def clean_all(self, retired: list[str]) -> None:
        """Delete all that is retired, at once; who reads by the manifest before has to look again.

        Raises `ObjectError`.
        """
        async with self._turn:
            doomed, self._doomed = [*self._doomed, *retired], []
            self._has_swept = False
            await self._sweep(doomed, set())

    async def _sweep(self, doomed: list[str], retired: set[str]) -> None:
        """Delete these, and orphans if nobody has looked for them yet. Raises `ObjectError`."""
        try:
            if not self._has_swept:
                doomed += await self._orphans(retired)
                self._has_swept = True
            await self._delete(doomed)
        except ObjectError:
            self._doomed += doomed
            raise

    async def _orphans(self, retired: set[str]) -> list[str]:
        """Objects and slots that were left by writers before, or by the end of one."""
        found = [*await list_all(self._store, SNAPSHOTS), *await list_all(self._store, PACKS)]
        live = self._objects | retired
        orphans = [key for key in found if self._is_former(key) and key not in live]
        slots = await list_all(self._store, SLOTS)
        return orphans + [key for key in slots if self._is_covered(key) and key not in retired]

    def _is_former(self, key: str) -> bool:
        epoch = epoch_of(key)
        return epoch is not None and epoch < self._manifest.epoch

    def _is_covered(self, key: str) -> bool:
        number = number_of(key)
        return number is not None and number < self._manifest.start and number not in self._manifest.kept

    async def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), DELETE_AT_ONCE):
            await self._store.delete(keys[start : start + DELETE_AT_ONCE])
