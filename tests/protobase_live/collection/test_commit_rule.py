"""What was acknowledged is stored, what was "not done" is not, and an origin's sequences have no gaps.

Whatever the storage does: it takes its time, refuses, fails, while several commits are on their way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Sequence
from random import Random
from typing import TypeVar

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.errors import OutcomeUnknown, Overloaded, RecordExists, Unavailable
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_storage import Commit, MemoryStorage, StorageBusy, StorageError

T = TypeVar("T")

COLLECTIONS = ("a", "b")

KINDS = ("write", "turn", "turn", "read", "refused", "run", "store", "fail", "wait")

STEPS = 40
"""How many things happen in one run."""

ROUNDS = (1, 10, 40)
"""Rounds of the event loop that others get: next to none, a turn's, enough for all that can be done."""

MAX_SECONDS = 200
"""How much time passes before it is said that something will never end."""


class Hesitant(MemoryStorage):
    """Stores when it is told to, and keeps to the contract: what stands behind a failure fails with it."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self._queue: deque[tuple[Sequence[Commit], asyncio.Future[None]]] = deque()

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.refusals:
            self.refusals -= 1
            future.set_exception(StorageBusy("too much waits to be stored"))
        else:
            self._queue.append((commits, future))
        return future

    def store(self, count: int) -> None:
        """The first of what waits becomes durable."""
        for _ in range(min(count, len(self._queue))):
            commits, future = self._queue.popleft()
            super().append(commits).result()  # which raises if it does not follow what is stored
            future.set_result(None)

    async def close(self) -> None:
        """Stay open, to be looked at."""

    def fail(self) -> None:
        """Nothing of what waits can be stored."""
        while self._queue:
            self._queue.popleft()[1].set_exception(StorageError("the disk is gone"))


class Run:
    """A database over such a storage, and what everybody was told."""

    def __init__(self, turns: int) -> None:
        self.storage = Hesitant()
        self.clock = ManualClock()
        limits = Limits(unpersisted_turns=turns)
        self.database = Database(self.storage, clock=self.clock, random=Random(1), limits=limits)
        self.told: dict[str, asyncio.Future] = {}
        self.wanted: dict[str, set[str]] = {}
        self.read: dict[str, list[asyncio.Future]] = {name: [] for name in COLLECTIONS}
        """The keys that somebody was told, while other things happened."""

    async def step(self, random: Random) -> None:
        """Something happens."""
        match random.choice(KINDS):
            case "write":
                self.write(random)
            case "turn":
                self.write(random)
                await pause(ROUNDS[1])
            case "read":
                name = random.choice(COLLECTIONS)
                self.read[name].append(asyncio.ensure_future(self.database.read(name, Read(RECORDS, "keys"))))
            case "refused":
                self.storage.refusals = 1
                self.write(random)
                await pause(ROUNDS[1])
            case "run":
                await pause(random.choice(ROUNDS))
            case "store":
                self.storage.store(random.randint(1, 3))
            case "fail":
                self.storage.fail()
            case _:
                await self.clock.advance(random.uniform(0.1, 2.0))

    def write(self, random: Random) -> None:
        """Begin to insert a record into one or several collections, in one transaction."""
        names = set(random.sample(COLLECTIONS, random.randint(1, len(COLLECTIONS))))
        key = f"k{len(self.told):03}"
        writes = {each: [Op(RECORDS, "insert", (key, {}, {}))] for each in sorted(names)}
        self.told[key] = asyncio.ensure_future(self.database.commit(writes))
        self.wanted[key] = names

    async def end(self, waiting: Awaitable[T]) -> T:
        """Do everything that can be done until this is done."""
        self.storage.refusals = 0
        task = asyncio.ensure_future(waiting)
        for _ in range(MAX_SECONDS):
            if task.done():
                return task.result()
            self.storage.store(100)
            await self.clock.advance(1)
        raise AssertionError(f"still waiting for {task}")

    async def stored(self) -> dict[str, set[str]]:
        """Where each key is, and that each origin's sequences are without gaps."""
        found: dict[str, set[str]] = {}
        for name in COLLECTIONS:
            log = (await self.storage.load(name)).commits
            assert [commit.sequence for commit in log] == list(range(1, len(log) + 1))
            for commit in log:
                for part in commit.parts:
                    for _, key in part.keys:
                        found.setdefault(str(key), set()).add(name)
        return found


async def pause(rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(60))
async def test_what_is_told_is_what_is_stored(seed: int) -> None:
    random = Random(seed)
    run = Run(random.randint(1, 3))
    for each in COLLECTIONS:  # they are loaded: what is looked for happens between commits
        await run.end(run.database.read(each, Read(RECORDS, "count")))
    for _ in range(STEPS):
        await run.step(random)
    read = [each for found in run.read.values() for each in found]
    await run.end(asyncio.wait([*run.told.values(), *read, asyncio.ensure_future(asyncio.sleep(0))]))
    shown = {
        name: await run.end((await run.end(run.database.collection(name))).keys()) for name in COLLECTIONS
    }
    await run.end(run.database.close())
    stored = await run.stored()
    for key, told in run.told.items():
        error = told.exception()
        assert isinstance(error, Unavailable | Overloaded | OutcomeUnknown | None), error
        if error is None:
            assert stored.get(key) == run.wanted[key], "it was acknowledged"
        elif isinstance(error, OutcomeUnknown):
            assert stored.get(key, set()) in (set(), run.wanted[key])
        else:
            assert key not in stored, "nothing was done"
    for name in COLLECTIONS:
        for each in run.read[name]:
            assert {key for key in each.result() if name not in stored.get(key, ())} == set()
        assert shown[name] == sorted(key for key, names in stored.items() if name in names)


@pytest.mark.parametrize("asked", ["read", "refused"])
async def test_who_hears_of_a_write_waits_until_it_is_durable(
    database: Database, storage, asked: str
) -> None:
    tasks = await database.collection("tasks")
    await tasks.count()
    storage.gate.clear()
    written = asyncio.ensure_future(tasks.insert({"n": 1}, key="t1"))
    await pause(ROUNDS[2])
    told = asyncio.ensure_future(tasks.get("t1") if asked == "read" else tasks.insert({}, key="t1"))
    await pause(ROUNDS[2])
    assert (written.done(), told.done()) == (False, False)
    storage.gate.set()
    if asked == "read":
        assert await told == {"n": 1}
    else:
        with pytest.raises(RecordExists):
            await told
