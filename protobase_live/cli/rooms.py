"""The rooms of another program, to be copied: each a document, of which a collection has all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from protobase_live.cli.foreign.store import ForeignStore
from protobase_live.cli.notes import note
from protobase_live.cli.places import Place
from protobase_live.cli.room import Room
from protobase_live.errors import ValidationError
from protobase_live.model.names import check_collection

STORES: Mapping[str, tuple[str, str]] = {
    "leveldb": ("y_leveldb", "YLevelDbStore"),
    "hocuspocus-sqlite": ("hocuspocus", "HocuspocusStore"),
    "pycrdt-store": ("pycrdt_store", "PycrdtStore"),
}
"""The stores of other programs by their schemes: module and class, imported when they are asked for."""


async def open_rooms(url: str) -> RoomSource:
    """The rooms of the store at ``url``, such as ``leveldb:PATH``. Raises StorageFailed, ValidationError."""
    scheme, _, path = url.partition(":")
    if not path:
        raise ValidationError(f"{url!r} names no file; write {scheme}:PATH")
    return RoomSource(await asyncio.to_thread(_open_store, scheme, path))


class RoomSource:
    """The rooms of a store; a room that is not written on can be copied as often as one likes."""

    def __init__(self, store: ForeignStore) -> None:
        self._store = store

    async def names(self) -> Sequence[str]:
        """See Source."""
        return list(self._store.rooms())

    async def bring(self, name: str, target: Place) -> bool:
        """See Source."""
        room = self._room(name)
        missing = room.missing_from((await target.load(name)).updates)
        if missing:
            await target.bring(name, missing, ())
        if room.waits:
            note(f"a part of room {name!r} waits for what the store lacks; it is copied, and waits on")
        return bool(missing)

    async def verify(self, name: str, target: Place) -> None:
        """See Source."""
        self._room(name).check((await target.load(name)).updates)

    def damage(self) -> Sequence[str]:
        """See Source."""
        return self._store.damage

    async def close(self) -> None:
        """See Source."""
        self._store.close()

    def _room(self, name: str) -> Room:
        return Room(check_collection(name), self._store.place, self._store.updates(name))


def _open_store(scheme: str, path: str) -> ForeignStore:
    module, name = STORES[scheme]
    try:
        kind: type[Any] = getattr(import_module(f"protobase_live.cli.foreign.{module}"), name)
    except ModuleNotFoundError as error:
        raise ValidationError(
            f"{scheme}: needs {error.name}; install it with pip install 'protobase-live[leveldb]'"
        ) from error
    return kind(Path(path).expanduser())
