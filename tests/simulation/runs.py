"""A scenario, run for many seeds: what holds in all of them, which is the first to fail, and their traces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from protobase_live.testing import Run, simulate
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


def traces_in_fresh_processes(scenario: str, seeds: Sequence[int]) -> tuple[list[str], list[str]]:
    """The traces of a scenario, by the module and function ``tests.simulation.NAME``, of two processes.

    They have other hashes of strings and other addresses of objects.
    """
    script = (
        "from protobase_live.testing import simulate\n"
        f"from tests.simulation.{scenario} import {scenario}\n"
        f"for seed in {list(seeds)}: print(simulate({scenario}, seed).trace)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hashes in ("1", "2")
    ]
    first, second = (process.communicate()[0].split() for process in processes)
    return first, second


def first_found(scenario: Scenario, seeds: Iterable[int]) -> Run | None:
    """The first run that fails; None if none does."""
    return next((run for seed in seeds if (run := simulate(scenario, seed)).failure is not None), None)
