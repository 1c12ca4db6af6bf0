"""The log is folded when it is long, and not being able to is no reason to stop."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.database.limits import Limits
from protobase_live.database.log import FOLD_ATTEMPTS
from protobase_live.errors import StorageFailed
from protobase_storage import StorageFull


@pytest.fixture
def limits() -> Limits:
    return Limits(log_commits=10, retained_commits=2)


async def test_a_log_that_cannot_be_folded_waits(database, storage, monkeypatch) -> None:
    compact = storage.compact

    async def full(snapshot) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(storage, "compact", full)
    tasks = await database.collection("tasks")
    for n in range(25):
        await tasks.put({"n": n}, key="t")
    monkeypatch.setattr(storage, "compact", compact)
    for n in range(25):
        await tasks.put({"n": n}, key="t")
    await storage.compacted.wait()
    assert await tasks.get("t") == {"n": 24}


async def test_a_log_that_can_never_be_folded_ends_in_a_failure(
    database, storage, clock, limits, monkeypatch
) -> None:
    attempts: list[str] = []

    async def full(snapshot) -> None:
        attempts.append("once more")
        raise StorageFull("no room")

    monkeypatch.setattr(storage, "compact", full)
    tasks = await database.collection("tasks")
    for n in range(FOLD_ATTEMPTS * limits.log_commits + 1):
        await tasks.put({"n": n}, key="t")
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(attempts) == FOLD_ATTEMPTS
    assert isinstance(database.actor_stats()["tasks"].failure, StorageFailed)
    await clock.advance(10)
    assert await tasks.get("t") == {"n": FOLD_ATTEMPTS * limits.log_commits}
