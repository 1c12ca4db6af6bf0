"""Following a storage that other processes write, too: what they store is shown here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from protobase_actors import Clock
from protobase_live.cluster.incoming import Home
from protobase_live.collection.audience import Audience
from protobase_live.collection.former import History
from protobase_live.collection.identity import Identity
from protobase_live.collection.joint_replication import Answer
from protobase_live.collection.joint_runs import connected
from protobase_live.collection.messages import Message, Reload
from protobase_live.errors import Closed, ProtoBaseError
from protobase_storage import Commit, News, SharedStorage, StorageClosed, StorageError, Vector, covers

RETRY_SECONDS = 0.5
"""How long to wait before something is taken again that could not be."""

TRIES = 10
"""How often, at most; then the collection is loaded anew."""

LATE_BYTES = 16 * 1024 * 1024
"""Of updates that wait for what a collection could not take; with more it is loaded anew."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Late:
    """Commits that one collection could not take yet, and those behind them, in their order."""

    commits: list[Commit] = field(default_factory=list[Commit])
    tries: int = 0

    @property
    def size(self) -> int:
        """Bytes of updates."""
        return sum(len(each.update) for each in self.commits)

    def took(self, count: int) -> None:
        """The first ones were taken."""
        del self.commits[:count]
        self.tries = 0


class Following:
    """The collections in memory, and no others, follow the storage."""

    def __init__(
        self,
        storage: SharedStorage,
        home: Home,
        ask: Callable[[str, Message], Awaitable[object]],
        identity: Identity,
        loaded: Mapping[str, Audience],
        clock: Clock,
    ) -> None:
        """``ask`` is the database's; ``loaded`` has the collections in memory by name."""
        self.storage = storage
        self._home = home
        self._ask = ask
        self._identity = identity
        self._loaded = loaded
        self._clock = clock
        self._followed: dict[str, History] = {}
        """Of which history each is that was loaded: what is told is of that one."""
        self._late: dict[str, Late] = {}
        """What could not be shown yet, by collection."""
        self._trying: asyncio.Task[None] | None = None
        """Shows it."""
        self._reloading: dict[str, asyncio.Task[None]] = {}
        """What is being loaded anew."""
        self._task: asyncio.Task[None] | None = None

    def follow(self, collection: str, history: History, vector: Vector, remains: bytes = b"") -> None:
        """A collection was loaded, of this history, and as far as ``vector``; ``remains`` are what the last
        deletion left."""
        try:
            self.storage.follow(collection, vector, remains)
        except StorageClosed:
            return
        self._followed[collection] = history
        self._late.pop(collection, None)  # it is told again
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        if (audience := self._loaded.get(collection)) is not None and audience.vector != vector:
            self._reload(collection)  # more is there now than was shown, and it is told to nobody

    async def stored(self, collections: Collection[str]) -> Mapping[str, Vector]:
        """How far these are stored, whoever has stored it; what was not shown yet is looked for at once.

        Raises StorageError.
        """
        standings = await self.storage.standings_of([*collections])
        self.storage.look(collections)
        return {each.collection: each.vector for each in standings}

    async def _run(self) -> None:
        try:
            await self._take_all()
        finally:
            if self._trying is not None:
                self._trying.cancel()

    async def _take_all(self) -> None:
        while True:
            try:
                await self._take(await self.storage.news())
            except (StorageClosed, Closed):
                return
            except (StorageError, ProtoBaseError) as error:
                _log.warning("cannot follow the storage: %s", error, extra={"event": "following_failed"})
                await self._clock.sleep(RETRY_SECONDS)

    async def _take(self, news: Mapping[str, News]) -> None:
        for name in [name for name in self._followed if name not in self._loaded and name not in news]:
            del self._followed[name]
            self.storage.unfollow(name)
        for name, each in news.items():
            if each.replaced:
                self._reload(name)
        commits = {name: each.commits for name, each in news.items() if each.commits and not each.replaced}
        if self._late:
            self._put_behind(commits)
        await self._show(commits)

    def _put_behind(self, commits: dict[str, tuple[Commit, ...]]) -> None:
        """Have wait what is for collections that wait, and what transactions connect with that.

        Parts of one are shown together only if they are given together.
        """
        all_of_them = commits | {
            name: (*late.commits, *commits.get(name, ())) for name, late in self._late.items()
        }
        groups = [group for group in connected(all_of_them) if not self._late.keys().isdisjoint(group)]
        behind = self._late.keys() | chain.from_iterable(groups)
        for name in [name for name in commits if name in behind]:
            self._late.setdefault(name, Late()).commits += commits.pop(name)

    async def _show(self, commits: Mapping[str, Sequence[Commit]]) -> None:
        """Have commits shown. A collection that cannot take them yet waits, one that never can is loaded.

        They are of the histories that are followed when this is called. One that is over by the answer takes
        nothing: what has its place was followed anew, and is told what it lacks.
        """
        commits = {name: each for name, each in commits.items() if name in self._loaded}
        if not commits:
            return
        histories = {name: self._followed[name] for name in commits if name in self._followed}
        waiting = {name: self._late.get(name) for name in commits}
        answers = await self._home.replicate(commits, histories)
        for name, answer in answers.items():
            late = waiting[name]
            if self._followed.get(name) != histories.get(name) or self._late.get(name) is not late:
                continue  # it was followed anew
            if _is_refused(answer):
                self._reload(name)
            elif _may_yet_take(answer, commits[name]):
                self._wait(name, late or Late([*commits[name]]))
            elif late is not None:
                late.took(len(commits[name]))
                if not late.commits:
                    del self._late[name]

    def _wait(self, name: str, late: Late) -> None:
        """A collection could not take these; what comes next goes behind them."""
        self._late[name] = late
        late.tries += 1
        if late.tries >= TRIES or late.size > LATE_BYTES:
            self._reload(name)
        elif self._trying is None:
            self._trying = asyncio.get_running_loop().create_task(self._try_again())

    async def _try_again(self) -> None:
        """Have shown what waits, as long as something does."""
        try:
            again = self._clock.monotonic() + RETRY_SECONDS
            while self._late:
                names = self._not_behind()
                if not names:
                    await self._clock.sleep(again - self._clock.monotonic())
                if self._clock.monotonic() >= again:
                    names, again = [*self._late], self._clock.monotonic() + RETRY_SECONDS
                for name in self._late.keys() - self._loaded.keys():
                    del self._late[name]
                await self._show_late(names)
        finally:
            self._trying = None

    def _not_behind(self) -> list[str]:
        """The collections that have taken what they could not, and have more by now: that waits no longer."""
        waiting = {name: late.commits for name, late in self._late.items()}
        failed = {name for name, late in self._late.items() if late.tries}
        behind = failed.union(*(each for each in connected(waiting) if not failed.isdisjoint(each)))
        return [name for name in waiting if name not in behind]

    async def _show_late(self, names: Sequence[str]) -> None:
        try:
            await self._show({name: [*self._late[name].commits] for name in names if name in self._late})
        except (ProtoBaseError, StorageError):
            await self._clock.sleep(RETRY_SECONDS)  # it is tried again

    def _reload(self, name: str) -> None:
        """Begin again with what is stored. Who writes on is another Yjs client: it may be another history."""
        self._identity.renew()
        self._late.pop(name, None)
        if name not in self._reloading:
            self._reloading[name] = asyncio.get_running_loop().create_task(self._have_loaded(name))

    async def _have_loaded(self, name: str) -> None:
        try:
            while name in self._loaded:
                with suppress(ProtoBaseError):
                    await self._ask(name, Reload())
                    return
                await self._clock.sleep(RETRY_SECONDS)
        finally:
            del self._reloading[name]


def _is_refused(answer: Answer) -> bool:
    return isinstance(answer, ProtoBaseError) and not answer.retryable


def _may_yet_take(answer: Answer, commits: Sequence[Commit]) -> bool:
    """Whether something is left to be taken. What is held is told again with what it waits for: who drops
    that has all of it forgotten, and nobody else sends it again."""
    if isinstance(answer, ProtoBaseError):
        return answer.retryable
    return not all(covers(answer.vector, each) for each in commits)
