"""Erasures and the notes that say of them, and slots of which nothing may be left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from .formats import pack_slot, unpack_slot
from .keys import erasing_key, slot_key
from .objects import ObjectStore


class Erasures:
    """One after the other, each with a note that it is under way.

    A note that was asked to be deleted is not used again: the request may be carried out late.
    """

    def __init__(self, store: ObjectStore, epoch: int, left: Sequence[str]) -> None:
        """``left`` are the notes of writers before the one of ``epoch``."""
        self._store = store
        self._epoch = epoch
        self._left = [*left]
        self._number = 1
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def noted(self) -> AsyncGenerator[None]:
        """There is a note while the block runs, and from then on if it fails: what is erased there, and what
        was before, may not be gone from all objects. Raises `ObjectError`."""
        async with self._turn:
            note = erasing_key(self._epoch, self._number)
            await self._store.put(note, b"")
            yield
            done, self._left = [*self._left, note], []
            self._number += 1
            await self._store.delete(done)


async def empty_slots(store: ObjectStore, numbers: Iterable[int]) -> None:
    """Leave the heads of these slots, which stop former writers, and nothing else. Raises `ObjectError`."""
    await asyncio.gather(*(_empty_slot(store, number) for number in numbers))


async def _empty_slot(store: ObjectStore, number: int) -> None:
    key = slot_key(number)
    body = await store.get(key)
    if body is not None and (slot := unpack_slot(key, number, body)).effects:
        await store.overwrite(key, pack_slot(replace(slot, effects=())))
