"""How far the owned collections are in the log of this node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from protobase_actors import WakeUp
from protobase_live.cluster.proposal import OwnedCommit, Place
from protobase_live.collection.former import FIRST, History, history_of
from protobase_storage import (
    Commit,
    Storage,
    Vector,
    covers,
    follows,
    includes,
    join,
    node_of,
    sequence_of,
)

MOST_KNOWN = 10_000
"""Collections of which it is remembered how far they are; with more all is looked up again."""


class OwnedLog:
    """Knows it without asking the storage each time: it is told of what is shown."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._histories: dict[str, History] = {}
        self._vectors: dict[str, Vector] = {}
        """Both by collection; of one whose history is not known there may be a part of the vector."""
        self._news = WakeUp()
        self._count = 0

    def shown(self, collection: str, commits: Sequence[Commit]) -> None:
        """See `Outlet.shown`."""
        self.loaded(collection, {each.origin: each.sequence for each in commits})

    def loaded(self, collection: str, vector: Vector) -> None:
        """See `Outlet.loaded`."""
        if collection in self._vectors:
            self._vectors[collection] = join(self._vectors[collection], vector)
        self._tell()

    def replaced(self, collection: str) -> None:
        """See `Outlet.replaced`."""
        self._histories.pop(collection, None)
        self._vectors.pop(collection, None)
        self._tell()

    async def history(self, collection: str) -> History:
        """Which history of a collection is here."""
        return (await self._position(collection))[0]

    async def includes(self, collection: str, vector: Vector) -> bool:
        """Whether all of this is durable here."""
        return includes((await self._position(collection))[1], vector)

    async def places(self, owned: Callable[[str], bool], node: str) -> list[Place]:
        """The last commit of ``node`` in each ``owned`` collection. Raises StorageError."""
        found: list[Place] = []
        after = ""
        while page := await self._storage.standings(after):
            after = page[-1].collection
            for each in page:
                if owned(each.collection):
                    history = history_of(each.remains)
                    for origin, sequence in each.vector.items():
                        if node_of(origin) == node:
                            found.append(Place(each.collection, history, origin, sequence))
        return found

    async def has(self, places: Iterable[Place]) -> bool:
        """Whether all of these are durable here, or over with their history."""
        return all([await self._has(each) for each in places])

    async def fits(self, commits: Iterable[OwnedCommit]) -> bool:
        """Whether these are here, or are what comes next: all that they were made on is."""
        found: dict[str, Vector] = {}
        for each in commits:
            name = each.commit.collection
            history, vector = await self._position(name)
            vector = found.get(name, vector)
            if history > each.history:
                continue
            if history < each.history or not (covers(vector, each.commit) or follows(vector, each.commit)):
                return False
            found[name] = join(vector, {each.commit.origin: each.commit.sequence})
        return True

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds that depends on this alone."""
        while True:
            count = self._count
            if await condition():
                return
            if count == self._count:
                await self._news.wait()

    async def _has(self, place: Place) -> bool:
        history, vector = await self._position(place.collection)
        return history > place.history or (
            history == place.history and sequence_of(vector, place.origin) >= place.sequence
        )

    async def _position(self, name: str) -> tuple[History, Vector]:
        if name not in self._histories:
            if len(self._vectors) >= MOST_KNOWN:
                self._histories.clear()
                self._vectors.clear()
            self._vectors.setdefault(name, {})  # from now on it is told what comes
            standing = await self._storage.standing(name)
            if name not in self._vectors:  # it has become something else meanwhile
                return history_of(standing.remains), standing.vector
            self._histories[name] = history_of(standing.remains)
            self._vectors[name] = join(standing.vector, self._vectors[name])
        return self._histories.get(name, FIRST), self._vectors[name]

    def _tell(self) -> None:
        self._count += 1
        self._news.wake()
