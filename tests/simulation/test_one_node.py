"""Many runs of one node on virtual time: what must hold holds, and what was planted is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from protobase_live.testing import simulate
from tests.simulation.one_node import one_node
from tests.simulation.planted import PLANTED

SEEDS = int(os.environ.get("SEEDS", "10"))
"""Runs; `make simulate SEEDS=500` makes more."""

FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

TWICE = SEEDS if "SEEDS" in os.environ else 2
"""So many of them are run twice more, each time in a process of its own."""

FOUND_WITHIN = 200
"""So many seeds may be needed until something planted is found."""

SOMETIMES = (
    "a crash",
    "a crash kept what nobody was told of",
    "a crash lost what was on its way",
    "a joint transaction failed",
    "a stream was reset",
    "a write was refused",
    "an editor left with last words",
    "an editor lost its connection",
    "an insertion was acknowledged",
    "an outcome was unknown",
    "readers were cut off",
)
"""A set of runs in which one of these never happened has not looked at what it was made for."""

ENOUGH_SEEDS = 10
"""So many runs have to meet all of it; fewer repeat something."""


def test_what_must_hold_holds() -> None:
    happened = Counter[str]()
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        run = simulate(one_node, seed)
        if run.failure is not None:
            raise AssertionError(f"seed {seed}: FIRST_SEED={seed} SEEDS=1 repeats it") from run.failure
        happened += run.happened
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


def test_a_seed_is_one_run() -> None:
    """In fresh processes, with other hashes of strings and other addresses of objects."""
    script = (
        "from protobase_live.testing import simulate\n"
        "from tests.simulation.one_node import one_node\n"
        f"for seed in range({FIRST_SEED}, {FIRST_SEED + TWICE}): print(simulate(one_node, seed).trace)"
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
    assert len(first) == TWICE
    assert first == second


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    for seed in range(FOUND_WITHIN):
        if (run := simulate(one_node, seed)).failure is not None:
            print(f"{name}: seed {seed}: {run.failure!r}")
            return
    raise AssertionError(f"{name} was not found in {FOUND_WITHIN} runs")
