"""Random histories of Yjs clients leave the same document wherever it is read (see docs/testing.md)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.histories import check_histories, features_without
from tests.support.history_plan import FEATURES, History, history, smaller
from tests.support.history_run import Runner
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import INTEROP, NodeProcess

HISTORIES_PER_EXAMPLE = 2.5
"""250 in `make test`, 10,000 in `make fuzz`."""

RECORD = bytes.fromhex("01010700280107") + b"records\x01k" + bytes.fromhex("017d0100")
"""The root map ``records`` has the entry k: 1."""


async def test_random_histories(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = int(request.config.getoption("--hypothesis-seed") or 0)
    count = int(HISTORIES_PER_EXAMPLE * settings().max_examples)
    await check_histories(tmp_path, seed, count, features_without(os.environ.get("HISTORIES_WITHOUT", "")))


def test_a_history_is_that_of_its_seed_and_can_be_printed() -> None:
    for seed in map(str, range(20)):
        drawn = history(seed, FEATURES)
        assert History.parse(str(drawn)) == drawn == history(seed, FEATURES)


def test_smaller_histories_have_less() -> None:
    drawn = history("1", FEATURES)
    for less in smaller(drawn):
        sizes = [(h.clients, len(h.steps), len(h.features)) for h in (less, drawn)]
        assert sizes[0] < sizes[1]
        assert all(step[1] < less.clients for step in less.steps if len(step) > 1)


def test_without_a_client_the_others_do_the_same() -> None:
    steps = (("undo", 0), ("peer", 0, 2, 7), ("kill",), ("send", 2, 5), ("peer", 1, 2, 7))
    first, second, third = list(smaller(History("h", 3, (), steps)))[:3]
    assert first.steps == (("kill",), ("send", 1, 5), ("peer", 0, 1, 7))
    assert second.steps == (("undo", 0), ("peer", 0, 1, 7), ("kill",), ("send", 1, 5))
    assert third.steps == (("undo", 0), ("kill",))


async def test_what_is_missing_is_told(tmp_path: Path) -> None:
    async with Runner(tmp_path) as runner, NodeProcess(INTEROP / "histories.mjs") as node:
        typed = History("typed", 1, (), (("edit", 0, "record.put", 1),))
        assert await runner.run([typed]) == {}
        # The second server has nothing of this update, which is said to have been sent before.
        lost = {"name": "lost", "clients": 1, "features": [], "steps": [], "before": [RECORD]}
        async with ServerProcess(tmp_path / "other") as server:
            told = await node.ask("run", url=server.yjs, pid=server.pid, histories=[lost])
        assert "/content/records is missing" in told["failed"]["lost"]
