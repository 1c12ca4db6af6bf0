"""When databases agree, and how long it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from protobase_actors import ManualClock
from protobase_live.cli.agreement import RETRY_SECONDS, Answer, Comparison, Verdict, compare
from protobase_live.database.database import Database
from protobase_live.errors import CollectionUnloadable, Unavailable
from protobase_live.model.state_hash import StateHash
from protobase_storage import MemoryStorage

ONE, OTHER = StateHash("a" * 64, {"n1": 1}), StateHash("b" * 64, {"n1": 1})
AHEAD, AHEAD_AND_SAME = StateHash("b" * 64, {"n1": 1, "n2": 1}), StateHash("a" * 64, {"n1": 2})
LOST, BROKEN = Unavailable("lost"), CollectionUnloadable("broken")


@pytest.mark.parametrize(
    ("answers", "verdict", "is_final"),
    [
        ([ONE, ONE, StateHash("a" * 64, {"n1": 1})], Verdict.SAME, True),
        ([None, None], Verdict.SAME, True),
        ([ONE, AHEAD], Verdict.BEHIND, False),
        ([ONE, AHEAD_AND_SAME], Verdict.BEHIND, False),
        ([ONE, None, ONE], Verdict.MISSING, False),
        ([ONE, AHEAD, OTHER], Verdict.FAULT, True),
        ([ONE, None, LOST, OTHER], Verdict.FAULT, True),
        ([ONE, LOST, None], Verdict.UNKNOWN, False),
        ([ONE, BROKEN], Verdict.UNKNOWN, True),
    ],
)
def test_verdicts(answers: Sequence[Answer], verdict: Verdict, is_final: bool) -> None:
    found = Comparison("tasks", answers)
    assert (found.verdict, found.is_final) == (verdict, is_final)


async def copy(source: Database, target: Database, name: str) -> None:
    """What replication does."""
    await target.replicate({name: (await source.storage.load(name)).commits})


async def test_what_replicates_is_waited_for() -> None:
    clock = ManualClock()
    async with Database(MemoryStorage()) as one, Database(MemoryStorage()) as other:
        tasks = await one.collection("tasks")
        for name in ("tasks", "late", "same"):
            await (await one.collection(name)).put({"n": 1}, key="a")
        for name in ("tasks", "same"):
            await copy(one, other, name)
        await tasks.put({"n": 2}, key="a")
        comparing = asyncio.ensure_future(compare([one, other], 2.0, clock))
        await clock.advance(RETRY_SECONDS / 2)
        await copy(one, other, "tasks")
        await copy(one, other, "late")
        await clock.advance(RETRY_SECONDS)
        async with asyncio.timeout(30):
            found = await comparing
    assert [(each.collection, each.verdict) for each in found] == [
        ("late", Verdict.SAME),
        ("same", Verdict.SAME),
        ("tasks", Verdict.SAME),
    ]


async def test_what_does_not_come_is_named() -> None:
    async with Database(MemoryStorage()) as one, Database(MemoryStorage()) as other:
        for name in ("tasks", "late"):
            await (await one.collection(name)).put({"n": 1}, key="a")
        await (await other.collection("tasks")).put({"n": 1}, key="a")
        found = await compare([one, other], 0.0, ManualClock())
    assert [(each.collection, each.verdict) for each in found] == [
        ("late", Verdict.MISSING),
        ("tasks", Verdict.BEHIND),
    ]
