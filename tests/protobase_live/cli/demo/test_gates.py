"""Commits, and how long they take through the gates."""

import asyncio

import protobase_live as pb
from protobase_live.cli.demo.gates import TimedDatabase
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


async def test_each_own_commit_is_told_once_when_it_is_shown():
    told = []
    async with TimedDatabase(MemoryStorage(), "n1", lambda *each: told.append(each)) as database:
        tasks = await database.collection("tasks")
        for n in range(3):
            await tasks.insert({"n": n}, key=f"t{n}")
        async with database.live(pb.Query("tasks")):
            await tasks.update("t0", n=7)  # now queries are shown it, too, before it is told
        await tasks.keys()
    assert [commit.sequence for commit, _ in told] == [1, 2, 3, 4]
    assert all(commit.origin.startswith("n1/") for commit, _ in told)
    assert all(micros >= 0 for _, gates in told for micros in gates)
    assert all(gates.apply > 0 for _, gates in told)


async def test_nothing_is_told_before_it_is_durable():
    told, storage = [], SlowStorage()
    async with TimedDatabase(storage, "n1", lambda *each: told.append(each)) as database:
        tasks = await database.collection("tasks")
        inserted = asyncio.ensure_future(tasks.insert({"n": 1}, key="t"))
        answer = await storage.unanswered.get()
        assert not told
        answer.set_result(None)
        await inserted
    assert len(told) == 1


async def test_what_is_not_stored_is_not_told():
    told, storage = [], SlowStorage()
    async with TimedDatabase(storage, "n1", lambda *each: told.append(each)) as database:
        tasks = await database.collection("tasks")
        inserted = asyncio.ensure_future(tasks.insert({"n": 1}, key="t"))
        (await storage.unanswered.get()).set_exception(OSError("the disk is gone"))
        assert isinstance((await asyncio.gather(inserted, return_exceptions=True))[0], pb.ProtoBaseError)
    assert not told


async def test_commits_of_other_nodes_are_not_told():
    told, others = [], []
    async with (
        TimedDatabase(MemoryStorage(), "n1", lambda *each: told.append(each)) as one,
        TimedDatabase(MemoryStorage(), "n2", lambda commit, _: others.append(commit)) as two,
    ):
        await (await two.collection("tasks")).insert({"n": 1}, key="t")
        tasks = await one.collection("tasks")
        async with tasks.changes() as changes:  # it is in memory, and not only stored
            await one.replicate({"tasks": others})
            assert (await anext(changes)).key == "t"
    assert (len(others), told) == (1, [])
