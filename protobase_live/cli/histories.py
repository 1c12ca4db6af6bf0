"""The collections of a storage or a server, to be copied as they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from protobase_live.cli.places import Place, names_in
from protobase_live.collection.former import history_of
from protobase_live.database.stored import pack_stored
from protobase_live.errors import StorageFailed
from protobase_storage import Loaded, Vector


class HistorySource:
    """Snapshots and commits, and what deletions have left where nothing else is."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._gone = frozenset[str]()
        self._digests: dict[str, bytes] = {}

    async def names(self) -> Sequence[str]:
        """See Source."""
        self._gone = frozenset(await self._place.deleted())
        return sorted({*await names_in(self._place), *self._gone})

    async def bring(self, name: str, target: Place) -> bool:
        """See Source."""
        if name in self._gone:
            return await self._bring_remains(name, target)
        there = await _digest(target, name)  # first: no two collections are in memory
        stored = await self._place.load(name)
        self._digests[name] = _digest_of(stored)
        if there == self._digests[name]:
            return False
        await target.restore(name, pack_stored(stored))
        return True

    async def verify(self, name: str, target: Place) -> None:
        """See Source."""
        if name in self._gone:
            is_there = await self._knows_deletion(name, target)
        else:
            is_there = await _digest(target, name) == self._digests[name]
        if not is_there:
            raise StorageFailed(f"what is stored of collection {name!r} is not what was read of it")

    def damage(self) -> Sequence[str]:
        """See Source."""
        return ()

    async def close(self) -> None:
        """See Source."""
        await self._place.close()

    async def _bring_remains(self, name: str, target: Place) -> bool:
        if await self._knows_deletion(name, target):
            return False
        await target.restore(name, await self._place.backup(name))
        return True

    async def _knows_deletion(self, name: str, target: Place) -> bool:
        """Whether the target has heard of the deletion, or of a later one."""
        there, here = await target.load(name), await self._place.load(name)
        return history_of(there.remains) >= history_of(here.remains)


async def _digest(place: Place, name: str) -> bytes:
    """The hash of what is stored of a collection."""
    return _digest_of(await place.load(name))


def _digest_of(stored: Loaded) -> bytes:
    """The hash of a snapshot and the commits behind it, without what former histories have left."""
    snapshot = stored.snapshot and replace(stored.snapshot, vector=_ordered(stored.snapshot.vector))
    commits = tuple(replace(commit, after=_ordered(commit.after)) for commit in stored.commits)
    return hashlib.blake2b(pack_stored(Loaded(snapshot, commits)), digest_size=32).digest()


def _ordered(vector: Vector) -> Vector:
    """The same for all backends, which may keep a vector in any order."""
    return dict(sorted(vector.items()))
