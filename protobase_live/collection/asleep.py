"""Commits of other nodes for collections that are not in memory: they are stored, and nothing is loaded."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from protobase_actors import to_the_end
from protobase_live.collection.former import history_of, require_same
from protobase_live.collection.joint_replication import Answer, KnownHistories
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Replicated
from protobase_live.collection.outlet import Outlet
from protobase_live.collection.quarantine import unloadable
from protobase_live.collection.timelines import Timelines, is_in_question
from protobase_live.collection.unreadable import require_readable
from protobase_live.errors import MalformedUpdate, ProtoBaseError
from protobase_live.model.names import known_collection
from protobase_storage import CollectionCorrupt, Commit, Joint, Standing, Storage, covers, follows, include

Given = Mapping[str, Sequence[Commit]]
Answered = Callable[[Coroutine[Any, Any, None]], Awaitable[None]]


class Meanwhile(Enum):
    """What has happened to a collection while it was loaded."""

    NOTHING = auto()
    GROWN = auto()
    """More may have been stored."""
    REPLACED = auto()
    """Its history is over."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a collection stands. Looking it up takes time of the length of its log."""

    standing: Standing
    timelines: Timelines | None = None


@dataclass(slots=True)
class _Plan:
    """What one collection is to take."""

    standing: Standing
    taken: list[Commit]
    vector: dict[str, int]
    """What is there when that is stored."""
    timelines: Timelines | None
    """Those of the collection then, if they had to be looked up."""
    lacking: int = 0
    """Commits that lack something, and are to be sent again."""
    failure: MalformedUpdate | None = None
    """Why the rest is not taken."""

    def take(self, commit: Commit) -> None:
        """It is to be stored."""
        self.taken.append(commit)
        include(self.vector, commit)
        if self.timelines is not None:
            self.timelines.note(commit.origin, commit.sequence)

    @property
    def place(self) -> _Place:
        """Where the collection stands once all that is taken is stored."""
        return _Place(replace(self.standing, vector=self.vector), self.timelines)


class Asleep:
    """The collections of a database that are not in memory, or are still being loaded.

    An actor says when it begins to load its collection, when it has it, and when it has let go of it. Only in
    between the last two does its log grow by the actor alone.
    """

    def __init__(self, storage: Storage, outlet: Outlet, answered: Answered, limits: Limits) -> None:
        """``answered`` as `Health.answered`. After ``log_commits`` a collection is loaded, and can fold.

        Where ``remembered_names`` collections stand is remembered.
        """
        self._storage = storage
        self._outlet = outlet
        self._answered = answered
        self._limits = limits
        self._grown = Counter[str]()
        """Commits that each has taken since it was last loaded."""
        self._places: OrderedDict[str, _Place] = OrderedDict()
        """Of those that have taken some lately."""
        self._loading: dict[str, Meanwhile] = {}
        """Those that are being loaded."""
        self._awake: set[str] = set()
        self._unshown: set[str] = set()
        """Of which something may be durable that nobody was told of: that is told when they are loaded."""
        self._storing: dict[str, asyncio.Future[None]] = {}
        """Those that something is being stored for: done when that has ended."""

    async def replicate(self, commits: Given, histories: KnownHistories) -> dict[str, Answer]:
        """Store what is for collections that are not in memory, or are being loaded, in one batch; durable on
        return.

        Of which nothing is said in the answer is to be loaded: it is in memory, or belongs to a transaction
        over several collections that cannot be stored as a whole here, or one of those to be stored with it
        cannot be read, or something of it was not shown. Raises StorageError.

        It goes on where nobody waits for it any more, as when a link ends: what the storage was given can
        become durable all the same, and has to be told then.
        """
        names = [name for name in commits if self._may(name)]
        if not names:
            return {}
        return await to_the_end(self._replicate(names, commits, histories))

    async def _replicate(
        self, wanted: Sequence[str], commits: Given, histories: KnownHistories
    ) -> dict[str, Answer]:
        async with self.keeping(wanted) as names:
            answers: dict[str, Answer] = {}
            plans: dict[str, _Plan] = {}
            for name in names:
                try:
                    known_collection(name)
                    plans[name] = await self._plan(await self._place(name), commits[name], histories)
                except CollectionCorrupt as error:
                    answers[name] = unloadable(name, error)
                except ProtoBaseError as error:
                    answers[name] = error
            for name in _of_what_is_not_whole(plans, commits):
                del plans[name]
            if taken := [commit for plan in plans.values() for commit in plan.taken]:
                try:
                    await self._storage.append(taken)
                except CollectionCorrupt:
                    return answers
                except BaseException:  # it may be durable all the same
                    for name in plans:
                        self._places.pop(name, None)
                        self._grew(name)
                    raise
            for name, plan in plans.items():
                if plan.taken:
                    self._grown[name] += len(plan.taken)
                self._grew(name)
                self._remember(plan.place)
                self._outlet.shown(name, plan.taken, plan.standing.vector)
                history = history_of(plan.standing.remains)
                answers[name] = plan.failure or Replicated(plan.vector, plan.lacking, history)
        return answers

    @asynccontextmanager
    async def keeping(self, wanted: Iterable[str]) -> AsyncGenerator[list[str]]:
        """Those of some collections that are not awake, and do not wake up until the block ends.

        Nothing is stored for them meanwhile but by the block, and who has begun to is waited for.
        """
        await self._stored(names := list(wanted))
        over = asyncio.get_running_loop().create_future()
        kept = [name for name in names if name not in self._awake]
        self._storing.update(dict.fromkeys(kept, over))  # all at once: who waits for one keeps no other
        try:
            yield kept
        finally:
            for name in kept:
                del self._storing[name]
            over.set_result(None)

    async def _stored(self, names: Iterable[str]) -> None:
        """Wait until nobody stores anything for some collections."""
        while storing := [self._storing[name] for name in names if name in self._storing]:
            await asyncio.wait(storing)

    def begin_to_wake(self, name: str) -> None:
        """A collection is about to be loaded. Until `wake`, what comes for it is stored as before."""
        self._loading[name] = Meanwhile.NOTHING

    def _grew(self, name: str) -> None:
        if self._loading.get(name) is Meanwhile.NOTHING:
            self._loading[name] = Meanwhile.GROWN

    async def wake(self, name: str) -> Meanwhile:
        """A collection has been loaded, and is awake from now on; what is being stored for it is waited for.

        Raises StorageSilent after ``storage_seconds``.
        """
        self._awake.add(name)
        if name in self._storing:
            await self._answered(self._stored([name]))
        meanwhile = self._loading.pop(name)
        self._forget(name)
        return meanwhile

    def sleep(self, name: str, *, all_shown: bool = True) -> None:
        """A collection is not in memory any more, or could not be loaded."""
        self._loading.pop(name, None)
        self._awake.discard(name)
        if not all_shown:
            self._unshown.add(name)

    def replaced(self, name: str) -> None:
        """The history of a collection is over."""
        self._forget(name)
        if name in self._loading:
            self._loading[name] = Meanwhile.REPLACED

    def _forget(self, name: str) -> None:
        self._places.pop(name, None)
        self._grown.pop(name, None)
        self._unshown.discard(name)

    async def _place(self, name: str) -> _Place:
        return self._places.get(name) or _Place(await self._storage.standing(name))

    def _remember(self, place: _Place) -> None:
        self._places[place.standing.collection] = place
        self._places.move_to_end(place.standing.collection)
        if len(self._places) > self._limits.remembered_names:
            self._places.popitem(last=False)

    def _may(self, name: str) -> bool:
        """Whether a collection may sleep on: its log is folded when it is loaded."""
        if name in self._unshown:
            return False
        return self._grown[name] < self._limits.log_commits or not self._grown.pop(name)

    async def _plan(self, place: _Place, commits: Sequence[Commit], histories: KnownHistories) -> _Plan:
        """Raises ValidationError if one of them is of another history than is here."""
        standing = place.standing
        require_same(standing.collection, history_of(standing.remains), histories.get(standing.collection))
        timelines = None if place.timelines is None else place.timelines.copy()
        plan = _Plan(standing, [], dict(standing.vector), timelines)
        for commit in commits:
            if plan.timelines is None and is_in_question(plan.vector, commit):
                plan.timelines = await self._timelines(plan)
            if plan.timelines is not None:
                plan.timelines.require_same(plan.vector, commit)
            if follows(plan.vector, commit):
                try:
                    await require_readable(commit)
                except MalformedUpdate as error:
                    plan.failure = error
                    break
                plan.take(commit)
            else:
                if plan.timelines is None:
                    Timelines().require_same(plan.vector, commit)
                plan.lacking += not covers(plan.vector, commit)
        return plan

    async def _timelines(self, plan: _Plan) -> Timelines:
        """Where those of a collection began stands in its log."""
        stored = Timelines(await self._storage.load(plan.standing.collection))
        self._remember(_Place(plan.standing, stored))  # the plan may not be carried out
        timelines = stored.copy()
        for commit in plan.taken:
            timelines.note(commit.origin, commit.sequence)
        return timelines


def _of_what_is_not_whole(plans: Mapping[str, _Plan], commits: Given) -> set[str]:
    """The collections of transactions of which another part is not among what is to be stored."""
    parts: dict[Joint, dict[str, Commit]] = {}
    for name, of_one in commits.items():
        for commit in of_one:
            if commit.joint is not None:
                parts.setdefault(commit.joint, {})[name] = commit
    left_out = set[str]()
    found = True
    while found:
        found = False
        for of_joint in parts.values():
            names = (plans.keys() & of_joint.keys()) - left_out
            if names and not all(_is_in(plans, left_out, commit) for commit in of_joint.values()):
                left_out |= names
                found = True
    return left_out


def _is_in(plans: Mapping[str, _Plan], left_out: set[str], commit: Commit) -> bool:
    plan = None if commit.collection in left_out else plans.get(commit.collection)
    return plan is not None and covers(plan.vector, commit)
