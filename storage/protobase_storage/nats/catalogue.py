"""Which collections there are, and how far they are: read when somebody asks, and never kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..contract import CollectionInfo, Standing, check_name
from ..errors import CollectionCorrupt
from .limits import CALLS_AT_ONCE
from .patient import Patient
from .reading import Reader
from .stored import Stored
from .subjects import Subjects


class Catalogue:
    """The subjects of the stream are the names; all else is in the messages."""

    def __init__(self, stream: Patient, subjects: Subjects, reader: Reader) -> None:
        self._stream = stream
        self._subjects = subjects
        self._reader = reader

    async def names(self) -> list[str]:
        """All collections in name order, also those of which nothing but remains are left."""
        found = await self._stream.subjects(self._subjects.logs)
        return sorted(map(self._subjects.collection, found))

    async def size(self) -> tuple[int, int]:
        """How many those are, and the bytes of all messages."""
        state = await self._stream.state(self._subjects.logs)
        return state.subjects, state.bytes

    async def infos(self, prefix: str) -> list[CollectionInfo]:
        """What the collections occupy that are not deleted."""
        names = [name for name in await self.names() if name.startswith(prefix)]
        found = await self._stored(names)
        return [
            CollectionInfo(name, 0, 0, 0, each.detail)
            if isinstance(each, CollectionCorrupt)
            else CollectionInfo(name, *each.sizes)
            for name, each in zip(names, found, strict=True)
            if isinstance(each, CollectionCorrupt) or not each.is_deleted
        ]

    async def standing(self, collection: str) -> Standing:
        """How far one is. Raises `CollectionCorrupt`."""
        return _standing(await self._reader.stored(collection))

    async def standings(self, collections: Sequence[str]) -> list[Standing]:
        """How far these are, without those that cannot be read."""
        for each in collections:
            check_name(each)
        return [_standing(each) for each in await self._stored(collections) if isinstance(each, Stored)]

    async def page(self, after: str, limit: int) -> list[Standing]:
        """How far those are that come behind a name, without those that cannot be read."""
        names = [name for name in await self.names() if name > after]
        told: list[Standing] = []
        for start in range(0, len(names), CALLS_AT_ONCE):
            told += await self.standings(names[start : start + CALLS_AT_ONCE])
            if len(told) >= limit:
                break
        return told[:limit]

    async def _stored(self, names: Sequence[str]) -> list[Stored | CollectionCorrupt]:
        slots = asyncio.Semaphore(CALLS_AT_ONCE)

        async def read(name: str) -> Stored | CollectionCorrupt:
            async with slots:
                try:
                    return await self._reader.stored(name)
                except CollectionCorrupt as error:
                    return error

        return await asyncio.gather(*[read(name) for name in names])


def _standing(stored: Stored) -> Standing:
    return Standing(stored.collection, dict(stored.vector), stored.remains)
