"""How long commits take through the gates of the commit rule: for a node that wants to show it.

A collection's actor knows nothing of this: the one here does what it does, and looks at the clock in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter_ns
from typing import NamedTuple

from protobase_actors import Envelope
from protobase_live.collection.actor import CollectionActor
from protobase_live.collection.messages import Message
from protobase_live.collection.turn import Turn
from protobase_live.database.database import Database
from protobase_storage import TIMELINE_MARK, Commit, Storage


class Gates(NamedTuple):
    """How long a commit's turn took from one gate to the next, in microseconds."""

    admit: int
    """From its beginning until something was applied: who is to be served was found out."""
    apply: int
    """Until the storage was given its commit."""
    persist: int
    """Until the storage said that it is durable."""
    show: int
    """Until everybody was told."""


Tell = Callable[[Commit, Gates], None]
"""Is told in the event loop of a commit that was shown."""


class _Moments:
    """When a turn passed which gate, in nanoseconds."""

    def __init__(self) -> None:
        self.began = perf_counter_ns()
        self.admitted = self.applied = self.persisted = 0

    def admit(self) -> None:
        self.admitted = self.admitted or perf_counter_ns()

    def apply(self) -> None:
        self.applied = perf_counter_ns()

    def persist(self, durable: asyncio.Future[None]) -> None:
        self.persisted = perf_counter_ns()

    def gates(self) -> Gates:
        """What came of them, if it is shown now."""
        moments = self.began, self.admitted, self.applied, self.persisted, perf_counter_ns()
        return Gates(*((later - sooner) // 1000 for sooner, later in pairwise(moments)))


class TimedActor(CollectionActor):
    """A collection whose turns are timed."""

    tell: Tell
    """Set by who makes it."""

    async def on_start(self) -> None:
        """See `CollectionActor`."""
        self._moments = _Moments()
        self._on_their_way: dict[int, _Moments] = {}
        """Of the turns that the storage was given, by what Python calls them; there are few."""
        await super().on_start()

    async def turn(self, batch: Sequence[Envelope[Message]]) -> None:
        """See `CollectionActor`."""
        self._moments = _Moments()
        await super().turn(batch)

    async def _replicate(self, envelopes: Sequence[Envelope[Message]], turn: Turn) -> None:
        self._moments.admit()
        await super()._replicate(envelopes, turn)

    async def _take(self, sent: Sequence[Envelope[Message]], turn: Turn) -> None:
        self._moments.admit()
        await super()._take(sent, turn)

    async def _store(self, turn: Turn) -> asyncio.Future[None] | None:
        self._moments.apply()
        durable = await super()._store(turn)
        if durable is not None:
            self._on_their_way[id(turn)] = self._moments
            durable.add_done_callback(self._moments.persist)  # before the pipeline, which shows the turn
        return durable

    def _show(self, turn: Turn) -> asyncio.Future[None] | None:
        shown = super()._show(turn)
        if (moments := self._on_their_way.pop(id(turn), None)) is None:
            return shown
        if shown is None:
            self._tell(turn, moments)
        else:
            shown.add_done_callback(partial(self._tell, turn, moments))
        return shown

    def _tell(self, turn: Turn, moments: _Moments, _: object = None) -> None:
        gates = moments.gates()
        for commit in turn.stored:
            self.tell(commit, gates)

    def _drop(self, turn: Turn, error: BaseException) -> None:
        self._on_their_way.pop(id(turn), None)
        super()._drop(turn, error)


class TimedDatabase(Database):
    """A database that tells how long the commits take that it makes."""

    def __init__(self, storage: Storage, node_id: str | None, tell: Tell) -> None:
        """See `Database`."""
        super().__init__(storage, node_id=node_id)
        self._tell = tell

    def _tell_own(self, commit: Commit, gates: Gates) -> None:
        if commit.origin.partition(TIMELINE_MARK)[0] == self.node:
            self._tell(commit, gates)

    def _actor(self, name: str) -> CollectionActor:
        self.home.woken(name)
        shared = self.limits, self.unfolded, self._fold_slots, self.read_only
        parts = self._identity, self.replication, self.audiences
        actor = TimedActor(name, self._storage, self._clock, *shared, *parts)
        actor.tell = self._tell_own
        return actor
