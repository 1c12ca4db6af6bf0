"""A stream of changes over restarts: nothing missed, nothing repeated, everything in the order of the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import WAIT_SECONDS

COMMITS = 150
MAX_KEYS = 5
"""Most records that one commit of the writer inserts."""


class Writer:
    """Inserts records, several in a commit now and then, and remembers those that were stored, in order."""

    def __init__(self, db: Any, random: Random) -> None:
        self._db = db
        self._random = random
        self._written = 0
        self.log: list[list[str]] = []
        """The keys of each commit that happened."""

    async def write(self) -> None:
        """One more commit, carried out once whatever happens to the server."""
        n = self._random.choice((1, 1, 1, MAX_KEYS))
        keys = [f"{number:06d}" for number in range(self._written, self._written + n)]
        self._written += n
        while not await self._try(keys):
            pass
        self.log.append(keys)

    async def _try(self, keys: list[str]) -> bool:
        try:
            async with self._db.transaction() as tx:
                for key in keys:
                    tx["tasks"].insert({"at": key}, key=key)
        except pb.Unavailable:
            return False
        except pb.OutcomeUnknown:
            return await (await self._db.collection("tasks")).contains(keys[0])
        return True


def in_order(log: list[list[str]]) -> list[str]:
    """The keys as a stream shows them: commit by commit, in each one by key."""
    return [key for keys in log for key in sorted(keys)]


async def take(changes: Any, count: int) -> list[pb.Change]:
    async with asyncio.timeout(WAIT_SECONDS):
        return [await anext(changes) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
async def test_one_stream_over_restarts(server: ServerProcess, seed: int):
    random = Random(seed)
    restarts = set(random.sample(range(1, COMMITS), 3))
    async with pb.connect(server.live) as db, pb.connect(server.live) as reading:
        writer = Writer(db, random)
        async with (await reading.collection("tasks")).changes() as changes:
            for n in range(COMMITS):
                if n in restarts:
                    await asyncio.gather(writer.write(), server.restart())
                else:
                    await writer.write()
            expected = in_order(writer.log)
            seen = await take(changes, len(expected))
            assert [change.key for change in seen] == expected, f"seed {seed}"
            assert {change.kind for change in seen} == {"insert"}


@pytest.mark.parametrize("seed", range(3))
async def test_resuming_anywhere(server: ServerProcess, seed: int):
    """A reader that reads some changes, goes, and comes back with the last one's cursor, also when it
    stopped in the middle of a commit, and whether the server was stopped or killed meanwhile."""
    random = Random(seed)
    async with pb.connect(server.live) as db:
        async with (await db.collection("tasks")).changes() as changes:
            cursor = changes.cursor
        writer = Writer(db, random)
        for _ in range(COMMITS):
            await writer.write()
        expected, seen = in_order(writer.log), list[str]()
        while len(seen) < len(expected):
            some = min(random.randint(1, 60), len(expected) - len(seen))
            found = await _read_some(server, cursor, some)
            cursor = found[-1].cursor
            seen.extend(change.key for change in found)
            await random.choice((server.restart, _stop_and_start(server), _nothing))()
    assert seen == expected, f"seed {seed}"


async def _read_some(server: ServerProcess, since: str, some: int) -> list[pb.Change]:
    async with pb.connect(server.live) as db, (await db.collection("tasks")).changes(since) as changes:
        return await take(changes, some)


def _stop_and_start(server: ServerProcess) -> Callable[[], Any]:
    async def stop_and_start() -> None:
        assert await server.stop() == 0
        await server.start()

    return stop_and_start


async def _nothing() -> None:
    pass


async def test_compacted_log_gives_a_reset(server: ServerProcess):
    """What the log no longer tells is told as a reset, and then an insert for all that is there."""
    async with pb.connect(server.live) as db:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            cursor = changes.cursor
        first = None
        for number in range(40):  # more than the log may hold; folding goes on in the background
            await tasks.put({"bulk": chr(97 + number % 26) * 900_000}, key=f"k{number % 3}")
            if number > 12:
                first = await _first_since(tasks, cursor)
                if first.kind == "reset":
                    break
        assert first is not None
        assert first.kind == "reset"
        async with tasks.changes(since=cursor) as changes:
            reset, *inserts = await take(changes, 4)
            assert reset.kind == "reset"
            now = await tasks.items()
            assert {(change.kind, change.key) for change in inserts} == {("insert", key) for key in now}
            assert {change.key: change.after for change in inserts} == now
            await tasks.put({"bulk": "small"}, key="next")
            (after,) = await take(changes, 1)
            assert (after.kind, after.key) == ("insert", "next")
        await server.restart()
        async with tasks.changes(since=inserts[-1].cursor) as changes:
            (after,) = await take(changes, 1)
            assert (after.kind, after.key) == ("insert", "next")


async def _first_since(tasks: Any, cursor: str) -> pb.Change:
    async with tasks.changes(since=cursor) as changes:
        (first,) = await take(changes, 1)
        return first
