"""Another process was faster: what a transaction did is undone, and done again behind that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from pycrdt import Map, Text

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.former import FIRST, Former
from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.errors import Conflict, RecordExists, StorageFailed, Unavailable
from protobase_storage import Commit, MemoryStorage, News, SharedState, SharedStorage, StorageOutdated, Vector
from protobase_storage.contract import refused


class Silence:
    """A channel on which nobody says anything."""

    message_bytes = 1024

    def say(self, topic: str, data: bytes) -> None: ...

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None: ...

    def unlisten(self, topic: str) -> None: ...

    def when_again(self, tell: Callable[[], None]) -> None: ...


class OutrunStorage(MemoryStorage, SharedStorage):
    """A storage in which another process is faster with what it is `about_to` store, one after the other."""

    replicas = 1
    channel = Silence()

    def __init__(self) -> None:
        super().__init__()
        self.about_to: deque[Sequence[Commit]] = deque()
        self.tells = True
        """Whether what others store is told."""
        self.deletes: tuple[str, bytes] | None = None
        """What they delete before, and what that leaves."""
        self.followed: dict[str, bytes] = {}
        """What deletions had left of what is followed."""
        self._told: set[tuple[str, str, int]] = set()
        self._news: asyncio.Queue[dict[str, News]] = asyncio.Queue()

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        return super().append([each for each in commits if _place(each) not in self._told])

    def append_behind(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
        if not self.about_to:
            return self.append(commits)
        others = self.about_to.popleft()
        if self.deletes is not None:
            self._delete(*self.deletes)
        super().append(others)
        if self.tells:
            self._told.update(map(_place, others))
            names = {each.collection for each in others}
            told = {name: News(tuple(each for each in others if each.collection == name)) for name in names}
            self._news.put_nowait(told)
        stored = {name: self._collections[name].vector for name in known if name in self._collections}
        return refused(StorageOutdated(stored))

    async def state(self) -> SharedState:
        raise NotImplementedError

    def follow(self, collection: str, vector: Vector, remains: bytes = b"") -> None:
        self.followed[collection] = remains

    def unfollow(self, collection: str) -> None: ...

    def look(self, collections: Iterable[str]) -> None: ...

    async def news(self) -> Mapping[str, News]:
        return await self._news.get()


class QueuedStorage(OutrunStorage):
    """One that notes what is done in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    def append_behind(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
        self.steps.append("attempt")
        return super().append_behind(commits, known)

    @asynccontextmanager
    async def queued(self, collections: Sequence[str]) -> AsyncIterator[Mapping[str, Vector]]:
        self.steps.append("ticket")
        yield {}
        self.steps.append("given back")


def _place(commit: Commit) -> tuple[str, str, int]:
    return commit.collection, commit.origin, commit.sequence


@pytest.fixture
def storage() -> OutrunStorage:
    return OutrunStorage()


@pytest.fixture
async def database(storage: OutrunStorage) -> AsyncIterator[Database]:
    limits = Limits(outrun_attempts=3)
    async with Database(storage, clock=ManualClock(), random=Random(1), limits=limits) as database:
        yield database
        following = database.replication.following
        assert following is not None
        if following._task is not None:
            following._task.cancel()


@pytest.fixture
async def other() -> AsyncIterator[Database]:
    """The other process, with a storage of its own, from which is taken what it stores."""
    async with Database(MemoryStorage(), clock=ManualClock(), random=Random(2)) as other:
        yield other


async def commits_of(other: Database, *collections: str) -> list[Sequence[Commit]]:
    """What it has stored, each commit for itself."""
    return [[each] for name in collections for each in (await other.storage.load(name)).commits]


async def test_of_two_inserts_the_one_that_is_stored_counts(database, storage, other) -> None:
    tasks = await database.collection("tasks")
    await (await other.collection("tasks")).insert({"by": "other"}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    async with tasks.changes() as changes:
        with pytest.raises(RecordExists):
            await tasks.insert({"by": "this"}, key="k")
        assert (await anext(aiter(changes))).after == {"by": "other"}
    assert await tasks.get("k") == {"by": "other"}
    assert database.read_only.reasons == {}
    assert database.actor_stats()["tasks"].restarts == 0


async def test_what_depends_on_nothing_is_done_behind_the_others(database, storage, other) -> None:
    tasks, there = await database.collection("tasks"), await other.collection("tasks")
    await there.put({"n": 1}, key="a")
    await there.put({"n": 2}, key="b")
    storage.about_to.extend(await commits_of(other, "tasks"))
    await tasks.put({"n": 3}, key="a")
    assert await tasks.get("a") == {"n": 3}
    stored = (await storage.load("tasks")).commits
    assert [each.origin == stored[0].origin for each in stored] == [True, True, False]
    assert stored[2].after == {stored[0].origin: 2}


async def test_what_was_deleted_meanwhile_is_loaded_as_the_history_that_it_is(
    database, storage, other
) -> None:
    """Of an empty one the commits that are shown do not say so."""
    tasks, there = await database.collection("tasks"), await other.collection("tasks")
    assert await tasks.keys() == []
    assert storage.followed == {"tasks": b""}
    await there.insert({"n": 1}, key="k")
    storage.deletes = "tasks", Former().remains({}, FIRST.next("x"))
    storage.about_to.extend(await commits_of(other, "tasks"))
    with suppress(StorageFailed):
        await tasks.insert({"n": 2}, key="l")
    assert await tasks.get("k") == {"n": 1}
    assert storage.followed == {"tasks": storage.deletes[1]}


async def test_a_check_is_made_again(database, storage, other) -> None:
    tasks = await database.collection("tasks")
    await (await other.collection("tasks")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    tx = database.transaction()
    await tx.__aenter__()
    assert await tx["tasks"].get("k") is None
    tx["tasks"].put({"n": 2}, key="k")
    with pytest.raises(Conflict, match="changed since it was read"):
        await tx.__aexit__(None, None, None)
    assert await tasks.get("k") == {"n": 1}


async def test_transact_reads_again(database, storage, other) -> None:
    await (await other.collection("tasks")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))

    async def increment(tx) -> int:
        n = (await tx["tasks"].get("k") or {"n": 0})["n"] + 1
        tx["tasks"].put({"n": n}, key="k")
        return n

    assert await database.transact(increment) == 2


async def test_who_is_always_outrun_is_told_so(database, storage, other) -> None:
    tasks, there = await database.collection("tasks"), await other.collection("tasks")
    for n in range(3):
        await there.put({"n": n}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    with pytest.raises(Conflict, match=r"faster 3 times \(outrun_attempts\); nothing was done"):
        await tasks.put({"n": 3}, key="k")
    assert await tasks.get("k") == {"n": 2}
    await tasks.put({"n": 3}, key="k")


async def test_each_attempt_has_a_ticket_of_its_own_as_tickets_do_not_count_for_long(other) -> None:
    storage = QueuedStorage()
    async with Database(storage, clock=ManualClock(), random=Random(1)) as database:
        tasks, there = await database.collection("tasks"), await other.collection("tasks")
        for n in range(3):
            await there.put({"n": n}, key="k")
        storage.about_to.extend(await commits_of(other, "tasks"))
        await tasks.put({"n": 3}, key="k")
        in_turn = ["ticket", "attempt", "given back"]
        assert storage.steps == ["attempt", *in_turn, *in_turn, *in_turn]
        assert await tasks.get("k") == {"n": 3}
        following = database.replication.following
        assert following is not None
        assert following._task is not None
        following._task.cancel()


async def test_what_does_not_come_here_is_not_waited_for_long(database, storage, other) -> None:
    tasks = await database.collection("tasks")
    await (await other.collection("tasks")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    storage.tells = False
    putting = asyncio.ensure_future(tasks.put({"n": 2}, key="k"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not putting.done()
    assert await tasks.get("k") is None
    await database._clock.advance(database.limits.outrun_seconds)
    with pytest.raises(Unavailable, match=r"did not come here within 30 seconds \(outrun_seconds\)"):
        await putting


async def test_edits_of_the_same_turn_are_kept(database, storage, other, yjs) -> None:
    client = await yjs("tasks")
    tasks = await database.collection("tasks")
    await (await other.collection("tasks")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    client.doc.get("body", type=Text).insert(0, "typed")
    await asyncio.gather(client.send(), tasks.insert({"n": 2}, key="j"))
    assert await (await tasks.text("body")).value() == "typed"
    assert sorted(await tasks.keys()) == ["j", "k"]
    assert sorted(client.doc.get("records", type=Map)) == ["j", "k"]
    assert not client.resynced
    assert client.rejected is None


async def test_a_transaction_over_two_collections_is_done_behind_the_others(database, storage, other) -> None:
    await (await other.collection("left")).put({"n": 1}, key="k")
    await (await other.collection("right")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "left", "right"))

    async def increment(tx) -> None:
        for name in ("left", "right"):
            n = (await tx[name].get("k") or {"n": 0})["n"] + 1
            tx[name].put({"n": n}, key="k")

    await database.transact(increment)
    assert [await (await database.collection(name)).get("k") for name in ("left", "right")] == [{"n": 2}] * 2


async def test_what_is_read_in_two_collections_is_of_one_moment(database, storage, other) -> None:
    await (await other.collection("right")).put({"n": 1}, key="k")
    await database.collection("right")
    storage.about_to.extend(await commits_of(other, "right"))

    async def look(tx) -> list[object]:
        return [await tx[name].get("k") for name in ("left", "right")]

    assert await database.transact(look) == [None, {"n": 1}]


async def test_a_live_query_goes_on(database, storage, other) -> None:
    tasks = await database.collection("tasks")
    await (await other.collection("tasks")).put({"n": 1}, key="k")
    storage.about_to.extend(await commits_of(other, "tasks"))
    async with database.live(pb.Query("tasks").order_by("n")) as live:
        await tasks.put({"n": 2}, key="j")
        while len(live.rows) < 2:
            await anext(aiter(live))
        assert [row["n"] for row in live.rows] == [1, 2]
