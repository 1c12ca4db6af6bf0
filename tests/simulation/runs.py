"""A scenario, run for many seeds: what holds in all of them, which is the first to fail, and their traces."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from weakref import ref

from protobase_live.testing import Run, World, simulate
from protobase_live.testing.run import Scenario


def all_hold(scenario: Scenario, first: int, count: int) -> Counter[str]:
    """Run so many seeds, all of which have to hold; the answer is what has happened in them."""
    happened = Counter[str]()
    for seed in range(first, first + count):
        run = simulate(scenario, seed)
        if run.failure is not None:
            raise AssertionError(f"seed {seed}: FIRST_SEED={seed} SEEDS=1 repeats it") from run.failure
        happened += run.happened
    return happened


def traces_in_fresh_processes(scenario: str, seeds: Sequence[int]) -> tuple[dict[int, str], dict[int, str]]:
    """The traces of a scenario, by the module and function ``tests.simulation.NAME``, of two processes.

    They have other hashes of strings and other addresses of objects, and run the seeds in opposite orders.
    """
    first, second = (
        _start(scenario, each, hashes) for each, hashes in ((list(seeds), "1"), (list(seeds)[::-1], "2"))
    )
    return _traces(first), _traces(second)


def _start(scenario: str, seeds: Sequence[int], hashes: str) -> subprocess.Popen[str]:
    script = (
        "from protobase_live.testing import simulate\n"
        f"from tests.simulation.{scenario} import {scenario}\n"
        f"for seed in {list(seeds)}: print(seed, simulate({scenario}, seed).trace)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hashes}
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )


def _traces(process: subprocess.Popen[str]) -> dict[int, str]:
    lines = process.communicate()[0].splitlines()
    return {int(seed): trace for seed, trace in map(str.split, lines)}


def first_found(scenario: Scenario, seeds: Iterable[int]) -> Run | None:
    """The first run that fails; None if none does."""
    return next((run for seed in seeds if (run := simulate(scenario, seed)).failure is not None), None)


def is_let_go_of(scenario: Scenario, seed: int) -> bool:
    """Whether nothing is left of a run: a set of runs takes as much memory as the largest of them."""
    worlds: list[ref[World]] = []

    async def noted(world: World) -> None:
        worlds.append(ref(world))
        await scenario(world)

    simulate(noted, seed)
    gc.collect()
    return worlds[0]() is None
