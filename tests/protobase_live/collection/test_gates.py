"""Commits, and how long they take through the gates."""

import asyncio

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.collection.gates import GATES, Gates, Passage
from protobase_live.database.database import Database
from protobase_storage import MemoryStorage


class SlowStorage(MemoryStorage):
    """Says that something is durable when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.unanswered: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    def append(self, commits):
        appended = super().append(commits)
        answer = asyncio.get_running_loop().create_future()
        appended.add_done_callback(lambda _: self.unanswered.put_nowait(answer))
        return answer


def listening(database: Database) -> list:
    told = []
    database.gates.listen(lambda *each: told.append(each))
    return told


async def test_each_commit_is_told_once_when_it_is_shown():
    async with pb.open("memory:") as database:
        told = listening(database)
        tasks = await database.collection("tasks")
        for n in range(3):
            await tasks.insert({"n": n}, key=f"t{n}")
        async with database.live(pb.Query("tasks")):
            await tasks.update("t0", n=7)  # now queries are shown it, too, before it is told
        await tasks.keys()
    assert [[each.sequence for each in commits] for commits, _ in told] == [[1], [2], [3], [4]]
    assert all(seconds >= 0 for _, passage in told for seconds in passage)
    assert all(passage.apply > 0 for _, passage in told)
    assert database.gates.turns == 4
    for gate in GATES:
        assert getattr(database.gates.seconds, gate) == pytest.approx(
            sum(getattr(each, gate) for _, each in told)
        )


async def test_a_transaction_over_several_collections_is_told_of_each():
    async with pb.open("memory:") as database:
        told = listening(database)
        async with database.transaction() as tx:
            tx["tasks"].insert({"n": 1}, key="t")
            tx["audit"].insert({"n": 1}, key="t")
    assert sorted(commit.collection for commits, _ in told for commit in commits) == ["audit", "tasks"]


async def test_nothing_is_told_before_it_is_durable():
    storage = SlowStorage()
    async with Database(storage) as database:
        told, tasks = listening(database), await database.collection("tasks")
        inserted = asyncio.ensure_future(tasks.insert({"n": 1}, key="t"))
        answer = await storage.unanswered.get()
        assert not told
        answer.set_result(None)
        await inserted
    assert len(told) == 1


async def test_time_counts_for_the_gate_that_it_is_spent_before():
    storage, clock = SlowStorage(), ManualClock()
    async with Database(storage, clock=clock) as database:
        told, tasks = listening(database), await database.collection("tasks")
        inserted = asyncio.ensure_future(tasks.insert({"n": 1}, key="t"))
        answer = await storage.unanswered.get()
        await clock.advance(3)
        answer.set_result(None)
        await inserted
    ((_, passage),) = told
    assert passage == (0, 0, 3, 0)
    assert database.gates.seconds == (0, 0, 3, 0)


async def test_what_is_not_stored_is_not_told():
    storage = SlowStorage()
    async with Database(storage) as database:
        told, tasks = listening(database), await database.collection("tasks")
        inserted = asyncio.ensure_future(tasks.insert({"n": 1}, key="t"))
        (await storage.unanswered.get()).set_exception(OSError("the disk is gone"))
        assert isinstance((await asyncio.gather(inserted, return_exceptions=True))[0], pb.ProtoBaseError)
    assert (told, database.gates.turns) == ([], 0)


async def test_commits_of_other_nodes_are_told_as_they_are():
    async with pb.open("memory:", node_id="n1") as one, pb.open("memory:", node_id="n2") as two:
        told, others = listening(one), listening(two)
        await (await two.collection("tasks")).insert({"n": 1}, key="t")
        commits = [commit for each, _ in others for commit in each]
        tasks = await one.collection("tasks")
        async with tasks.changes() as changes:  # it is in memory, and not only stored
            await one.replicate({"tasks": commits})
            assert (await anext(changes)).key == "t"
    assert [commits for commits, _ in told] == [commits]


async def test_gates_are_those_of_the_rule():
    clock = ManualClock()
    gates, moments = Gates(clock), [clock.monotonic()]
    for seconds in 1, 2, 3:
        await clock.advance(seconds)
        moments.append(gates.now())
    await clock.advance(4)
    gates.shown([], moments)
    assert gates.seconds == Passage(admit=1, apply=2, persist=3, show=4)
    assert gates.turns == 1
