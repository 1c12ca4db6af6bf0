"""Whether several databases hold the same: collections by state hash, those that replicate asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from protobase_actors import Clock
from protobase_live.api import DatabaseApi
from protobase_live.errors import CollectionUnloadable, ProtoBaseError
from protobase_live.model.state_hash import StateHash

ASKED_TOGETHER = 8
"""Collections that are asked for at the same time."""

RETRY_SECONDS = 0.2
"""Between two looks at collections that do not agree yet."""

Answer = StateHash | ProtoBaseError | None
"""What a database says of a collection: None that it has none, an error that it cannot tell."""


class Verdict(StrEnum):
    """What several databases have of a collection."""

    SAME = "same"
    MISSING = "missing"
    """Some have it, others do not."""
    BEHIND = "vectors differ"
    """Some have commits that others lack, and may still be sent them."""
    FAULT = "other hash"
    """Two have the same commits and do not show the same: time does not mend that."""
    UNKNOWN = "cannot be read"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What each database says of one collection, in their order."""

    collection: str
    answers: Sequence[Answer]

    @property
    def verdict(self) -> Verdict:
        """The worst of what is wrong."""
        found = [each for each in self.answers if isinstance(each, StateHash)]
        shown = [(sorted(each.vector.items()), each.hash) for each in found]
        if any(vector == other and hash != its for vector, hash in shown for other, its in shown):
            return Verdict.FAULT
        if any(isinstance(each, ProtoBaseError) for each in self.answers):
            return Verdict.UNKNOWN
        if found and len(found) < len(self.answers):
            return Verdict.MISSING
        return Verdict.BEHIND if any(each != shown[0] for each in shown) else Verdict.SAME

    @property
    def is_final(self) -> bool:
        """Whether asking again would find nothing else."""
        unloadable = any(isinstance(each, CollectionUnloadable) for each in self.answers)
        return unloadable or self.verdict in (Verdict.SAME, Verdict.FAULT)


async def compare(databases: Sequence[DatabaseApi], seconds: float, clock: Clock) -> list[Comparison]:
    """All collections of all databases, sorted by name.

    Those that do not agree are asked again for up to ``seconds``. Raises what `collections` raises.
    """
    until = clock.monotonic() + seconds
    found = {each.collection: each for each in await _look(databases, None)}
    while again := [name for name, each in found.items() if not each.is_final]:
        if clock.monotonic() >= until:
            break
        await clock.sleep(min(RETRY_SECONDS, until - clock.monotonic()))
        found |= {each.collection: each for each in await _look(databases, again)}
    return [found[name] for name in sorted(found)]


async def _look(databases: Sequence[DatabaseApi], names: Iterable[str] | None) -> list[Comparison]:
    """The collections of these names, or all, as they are now."""
    listed = await asyncio.gather(*(database.collections() for database in databases))
    known = [{each.name for each in collections} for collections in listed]
    slots = asyncio.Semaphore(ASKED_TOGETHER)

    async def ask(name: str) -> Comparison:
        async with slots:
            pairs = zip(databases, known, strict=True)
            asked = (_answer(database, name, name in its) for database, its in pairs)
            return Comparison(name, await asyncio.gather(*asked))

    return await asyncio.gather(*map(ask, set[str]().union(*known) if names is None else names))


async def _answer(database: DatabaseApi, name: str, exists: bool) -> Answer:
    """A collection that does not exist is not asked for, which would load it."""
    try:
        return await database.state_hash(name) if exists else None
    except ProtoBaseError as error:
        return error
