"""What ends is let go: a thousand of anything that was opened and closed leave nothing behind."""

from __future__ import annotations

import gc
import weakref
from itertools import count

import pytest

from protobase_actors import ManualClock
from protobase_live import F, Query
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Leave, Sync
from protobase_live.database.database import Database
from protobase_live.document import Document
from protobase_live.errors import ProtoBaseError
from protobase_live.live.views import ViewLimits
from tests.protobase_live.conftest import settle
from tests.support.leaks import assert_nothing_stays


@pytest.fixture
def limits() -> Limits:
    return Limits(idle_seconds=1.0, log_commits=40, retained_commits=10)


class Visitor:
    """A Yjs client that takes whatever it is given."""

    author = None
    echo = False
    judge = None

    def greet(self, state: bytes) -> None: ...

    def answer(self, update: bytes, complete: bool) -> None: ...

    def settle(self, mark: bytes | None) -> None: ...

    def show(self, shown: object) -> bool:
        return True

    def reject(self, error: ProtoBaseError) -> None: ...

    def resync(self) -> None: ...


async def passivated(clock: ManualClock) -> None:
    """Let everything that nobody uses go, and every timer that was cancelled."""
    await settle()
    await clock.advance(10)
    await settle()
    await clock.advance(100_000)
    await settle()


async def test_collections(database: Database, clock) -> None:
    names = [f"c{n}" for n in range(10)]
    for name in names:
        await (await database.collection(name)).put({"n": 1}, key="k")

    async def open_and_close(times: int) -> None:
        for _ in range(times // len(names)):
            for name in names:
                assert await (await database.collection(name)).get("k") == {"n": 1}
            await passivated(clock)
            assert not database.actor_stats()

    await assert_nothing_stays(open_and_close)


async def test_names_that_nobody_wrote(database: Database, clock) -> None:
    numbers = count()

    async def read(times: int) -> None:
        for _ in range(times):
            assert await (await database.collection(f"c{next(numbers)}")).count() == 0
        await passivated(clock)
        assert not database.actor_stats()

    await assert_nothing_stays(read)


@pytest.mark.parametrize("behind", [1, 60])
async def test_streams_that_resume(database: Database, behind: int) -> None:
    tasks = await database.collection("tasks")
    async with tasks.changes() as changes:
        start = changes.cursor
    for n in range(behind):
        await tasks.put({"n": n}, key=f"t{n % 3}")

    async def resume(times: int) -> None:
        for _ in range(times):
            async with tasks.changes(since=start) as changes:
                await anext(changes)
        await settle()

    await assert_nothing_stays(resume, 200 if behind > 1 else 1_000)


async def test_live_queries(storage, clock) -> None:
    async with Database(storage, clock=clock, view_limits=ViewLimits(linger_seconds=1.0)) as database:
        tasks = await database.collection("tasks")
        await tasks.put({"owner": "a", "n": 1}, key="t")
        numbers = count()

        async def open_and_close(times: int) -> None:
            for _ in range(times):
                n = next(numbers)
                async with database.live(Query("tasks").where(F[f"field{n}"] == n)):
                    pass
            await passivated(clock)

        await assert_nothing_stays(open_and_close, 1_100)  # more than the caches of queries hold


async def test_yjs_clients_that_come_and_go(database: Database, clock) -> None:
    ref = await database.ref("tasks")

    async def come_and_go(times: int) -> None:
        for _ in range(times):
            client = Visitor()
            await ref.tell(Sync(client, {}))
            await ref.tell(Leave(client))
        await settle()

    await assert_nothing_stays(come_and_go)


async def test_documents_are_freed_at_each_end(storage, clock, limits, monkeypatch, caplog) -> None:
    """Stopped, failed and loaded again: no document outlives its actor."""
    made: list[weakref.ref[Document]] = []
    init = Document.__init__

    def noted(self: Document, *args, **kwargs) -> None:
        made.append(weakref.ref(self))
        init(self, *args, **kwargs)

    monkeypatch.setattr(Document, "__init__", noted)
    async with Database(storage, clock=clock, limits=limits) as database:
        tasks = await database.collection("tasks")
        for n in range(20):
            await tasks.put({"n": n}, key="k")
            await passivated(clock)
        storage.failing = True
        with pytest.raises(Exception, match="disk is gone"):
            await tasks.put({"n": 0}, key="k")
        storage.failing = False
        await passivated(clock)
        await tasks.put({"n": 1}, key="k")
    caplog.clear()  # what was told of the failure
    gc.collect()
    assert len(made) > 40
    assert [each for each in made if each() is not None] == []


def documents() -> list[Document]:
    gc.collect()
    return [each for each in gc.get_objects() if type(each) is Document]


async def test_a_document_is_gone_before_the_collector_comes(database: Database, clock) -> None:
    others = documents()
    await (await database.collection("c")).put({"n": 1}, key="k")
    (made,) = [weakref.ref(each) for each in documents() if all(each is not other for other in others)]
    gc.disable()
    try:
        await passivated(clock)
        assert not database.actor_stats()
        assert made() is None
    finally:
        gc.enable()
