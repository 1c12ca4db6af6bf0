"""Following a storage that other processes write, too: what they store is shown here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress

from protobase_actors import Clock
from protobase_live.cluster.incoming import Home
from protobase_live.collection.audience import Audience
from protobase_live.collection.former import History
from protobase_live.collection.identity import Identity
from protobase_live.collection.joint_replication import Answer, KnownHistories
from protobase_live.collection.messages import Message, Reload
from protobase_live.errors import Closed, ProtoBaseError
from protobase_storage import Commit, News, SharedStorage, StorageClosed, StorageError, Vector, covers

RETRY_SECONDS = 0.5
"""How long to wait before something is taken again that could not be."""

TRIES = 10
"""How often, at most; then the collection is loaded anew."""

_log = logging.getLogger(__name__)


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
        histories = {name: self._followed[name] for name in commits if name in self._followed}
        await self._replicate(commits, histories)

    async def _replicate(self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories) -> None:
        """Have commits shown, a few times over if need be; a collection that does not take them is loaded.

        ``histories`` are those that were followed when they were told. One that is over by now takes nothing:
        what has its place was followed anew, and is told what it lacks.
        """
        for _ in range(TRIES):
            commits = {name: each for name, each in commits.items() if name in self._loaded}
            if not commits:
                return
            answers = await self._home.replicate(commits, histories)
            for name, answer in answers.items():
                if _is_refused(answer) and self._followed.get(name) == histories.get(name):
                    self._reload(name)
            commits = {name: each for name, each in commits.items() if _may_yet_take(answers[name], each)}
            if commits:
                await self._clock.sleep(RETRY_SECONDS)
        for name in commits:
            self._reload(name)

    def _reload(self, name: str) -> None:
        """Begin again with what is stored. Who writes on is another Yjs client: it may be another history."""
        self._identity.renew()
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
