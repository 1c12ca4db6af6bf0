"""What is durable here, for all nodes that are sent it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from protobase_live.cluster.recent import Recent
from protobase_live.collection.former import FIRST, History, history_of
from protobase_live.model.names import is_internal
from protobase_storage import Storage, Vector, includes


@dataclass(frozen=True, slots=True)
class Position:
    """How far a collection is."""

    collection: str
    history: History
    vector: Vector

    def has(self, other: Position) -> bool:
        """Whether nothing of the other one is lacking here; what was deleted here is not lacking."""
        if self.history != other.history:
            return self.history > other.history
        return includes(self.vector, other.vector)


class Source:
    """The logs, and their ends in memory."""

    def __init__(self, storage: Storage, recent: Recent, page: int) -> None:
        """``page`` is how many collections are looked at in one go."""
        self.storage = storage
        self.recent = recent
        self._page = page
        self._histories: dict[str, History] = {}
        """Those that are not the first one."""
        self._read = False

    async def pages(self) -> AsyncGenerator[list[Position]]:
        """How far all collections are, a page of them at a time."""
        after = ""
        while found := await self.storage.standings(after, self._page):
            yield [
                Position(each.collection, history_of(each.remains), each.vector)
                for each in found
                if not is_internal(each.collection)
            ]
            after = found[-1].collection

    async def moment(self, collections: Sequence[str]) -> dict[str, Vector]:
        """How far these collections are, all at one moment; without those that cannot be read."""
        found = await self.storage.standings_of(collections)
        return {each.collection: each.vector for each in found}

    async def history(self, collection: str) -> History:
        """Which history of a collection is here."""
        if not self._read:
            await self._read_histories()
        return self._histories.get(collection, FIRST)

    def is_other(self, collection: str, history: History) -> bool:
        """Whether that is another history than the one that is known to be here."""
        return history != self._histories.get(collection, FIRST)

    def replaced(self, collection: str, history: History) -> None:
        """A collection has become something else, of this history."""
        if history != FIRST:
            self._histories[collection] = history
        self.recent.forget(collection)

    async def _read_histories(self) -> None:
        async for page in self.pages():
            for each in page:
                if each.history != FIRST:
                    self._histories.setdefault(each.collection, each.history)
        self._read = True
