"""What says that something is being erased, and slots of which nothing may be left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from .formats import pack_slot, unpack_slot
from .keys import ERASING, slot_key
from .objects import ObjectStore


async def begin_erasing(store: ObjectStore) -> None:
    """Note it, from before anything of it is done. Raises `ObjectError`."""
    await store.put(ERASING, b"")


async def end_erasing(store: ObjectStore) -> None:
    """No byte is left. Raises `ObjectError`."""
    await store.delete([ERASING])


async def empty_slots(store: ObjectStore, numbers: Iterable[int]) -> None:
    """Leave the heads of these slots, which stop former writers, and nothing else. Raises `ObjectError`."""
    await asyncio.gather(*(_empty_slot(store, number) for number in numbers))


async def _empty_slot(store: ObjectStore, number: int) -> None:
    key = slot_key(number)
    body = await store.get(key)
    if body is not None and (slot := unpack_slot(key, number, body)).effects:
        await store.overwrite(key, pack_slot(replace(slot, effects=())))
