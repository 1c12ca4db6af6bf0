"""Where the collections of one transaction wait for each other, each in a turn of its own.

First all are held, then each says whether it can carry out its part, and only if all can do they write; what
they wrote is given to the storage as one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from protobase_actors import mark_heard
from protobase_live.collection.mistakes import nothing_done
from protobase_live.collection.patience import append
from protobase_live.collection.pipeline import Pipeline
from protobase_live.errors import ProtoBaseError, Unavailable
from protobase_live.live.table_change import JointChange
from protobase_storage import Commit, Joint, Storage, StorageOutdated, Vector
from protobase_storage.contract import refused


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one collection has written of the transaction; nothing, if it was only read."""

    collection: str
    commits: Sequence[Commit]
    writes: bool
    pipeline: Pipeline[Any]
    """What the commit comes behind: it must not be stored if something there is lost."""
    seen: Vector = field(default_factory=dict[str, int])
    """All of the collection that the transaction has seen."""


class Meeting:
    """One transaction over several collections, while these are held."""

    def __init__(self, storage: Storage, count: int, *, own: bool = True) -> None:
        """``count`` collections take part; ``own`` if it is one transaction of this node."""
        create = asyncio.get_running_loop().create_future
        self.joint_change = JointChange()
        """What they show."""
        self.refusal: ProtoBaseError | None = None
        """Why nothing was done, if one of them could not carry out its part."""
        self.commits: dict[str, Commit] = {}
        """What was given to the storage of an own one, by collection."""
        self._storage = storage
        self._count = count
        self._own = own
        self._begun: asyncio.Future[bool] = create()
        self._ready = 0
        self._agreed: asyncio.Future[bool] = create()
        self._contributions: list[Contribution] = []
        self._stored: asyncio.Future[asyncio.Future[None] | None] = create()
        self._stored.add_done_callback(mark_heard)

    # who calls it

    def begin(self) -> None:
        """All are held."""
        _settle(self._begun, True)

    def dissolve(self) -> None:
        """Not all could be held: nobody does anything."""
        _settle(self._begun, False)

    async def outcome(self) -> list[str] | None:
        """Wait until it is given to the storage, and answer with the collections that write.

        None if it was refused (`refusal`). Raises Unavailable if one failed, and nothing was done, and
        StorageOutdated if none writes and what was read is not what there is.
        """
        if not await asyncio.shield(self._agreed):
            return None
        durable = await asyncio.shield(self._stored)
        if durable is not None and self._own and not self.commits:
            await asyncio.shield(durable)
        return [each.collection for each in self._contributions if each.writes]

    # who takes part

    async def begun(self) -> bool:
        """Wait until all are held; false if they could not be."""
        return await asyncio.shield(self._begun)

    async def agree(self) -> bool:
        """One can carry out its part; wait for all others, and answer whether they can."""
        self._ready += 1
        if self._ready == self._count:
            _settle(self._agreed, True)
        return await asyncio.shield(self._agreed)

    def refuse(self, error: ProtoBaseError) -> None:
        """One cannot carry out its part."""
        if not self._agreed.done():
            self.refusal = error
            self._agreed.set_result(False)

    async def store(self, contribution: Contribution) -> asyncio.Future[None] | None:
        """One has written its part; wait for all others, and answer with what says that all is durable.

        Raises Unavailable if one failed meanwhile: nothing was stored, and what was applied has to go.
        """
        self._contributions.append(contribution)
        if len(self._contributions) == self._count and not self._stored.done():
            self._append()
        return await asyncio.shield(self._stored)

    def fail(self, collection: str, error: BaseException) -> None:
        """One fails, at whatever point: what is not stored yet will not be."""
        lost = Unavailable(f"{collection} failed and is loaded again; nothing was done")
        if not self._agreed.done():
            self.refusal = lost
            self._agreed.set_result(False)
        elif not self._stored.done():
            if isinstance(error, Exception) and not isinstance(error, ProtoBaseError):
                lost = nothing_done("a transaction", error, collection)
            self._stored.set_exception(lost)

    def _append(self) -> None:
        """In one breath: nothing may be lost between the look and the append."""
        self._contributions.sort(key=lambda each: each.collection)
        lost = [each for each in self._contributions if each.pipeline.failed]
        if lost and isinstance(loss := lost[0].pipeline.loss, StorageOutdated):
            self._stored.set_result(refused(loss))  # as if it had been given: all begin again
            return
        if lost:
            self.fail(lost[0].collection, Unavailable("the storage failed"))
            return
        commits = [commit for each in self._contributions for commit in each.commits]
        seen: dict[str, Vector] = {}
        if self._own:
            commits = jointly(commits)
            self.commits = {commit.collection: commit for commit in commits}
            seen = {each.collection: each.seen for each in self._contributions}
        try:
            gives = bool(commits) or (bool(seen) and self._storage.shared)
            self._stored.set_result(append(self._storage, commits, seen) if gives else None)
        except Exception as error:
            self._stored.set_exception(nothing_done("a transaction", error))


def jointly(commits: Sequence[Commit]) -> list[Commit]:
    """The commits of one transaction of this node, each with what says so: a peer shows them together."""
    if len(commits) < 2:
        return list(commits)
    first = commits[0]  # no other transaction has a commit of this origin and sequence in this collection
    name = f"{first.origin}:{first.sequence}"
    joint = Joint(name, tuple(commit.collection for commit in commits))
    return [replace(commit, joint=joint) for commit in commits]


def _settle(future: asyncio.Future[bool], answer: bool) -> None:
    if not future.done():
        future.set_result(answer)
