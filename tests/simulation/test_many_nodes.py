"""Many runs of several nodes on virtual time: what must hold holds, and what was planted is found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from protobase_live.cluster.incoming import Incoming
from protobase_live.testing import simulate
from tests.simulation.many_nodes import many_nodes
from tests.simulation.planted_in_cluster import PLANTED

SEEDS = int(os.environ.get("SEEDS", "4"))
"""Runs; `make simulate SEEDS=500` makes more."""

FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

FOUND_WITHIN = 200
"""So many seeds may be needed until something planted is found."""

SOMETIMES = (
    "a collection was deleted",
    "a collection was restored",
    "a crash",
    "a crash kept what nobody was told of",
    "a crash lost what was on its way",
    "a deletion met what was written meanwhile",
    "a part of a snapshot was sent",
    "a stream was reset",
    "a write was refused",
    "an editor left with last words",
    "an editor lost its connection",
    "an insertion was acknowledged",
    "an outcome was unknown",
    "nodes were cut off from each other",
    "transactions went over a healed cut",
)
"""A set of runs in which one of these never happened has not looked at what it was made for."""

ENOUGH_SEEDS = 50
"""So many runs have to meet all of it; fewer repeat something."""


def test_what_must_hold_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    happened = Counter[str]()
    take_part = Incoming._take_part

    async def count(self: Incoming, message) -> None:
        happened["a part of a snapshot was sent"] += 1
        await take_part(self, message)

    monkeypatch.setattr(Incoming, "_take_part", count)
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        run = simulate(many_nodes, seed)
        if run.failure is not None:
            raise AssertionError(f"seed {seed}: FIRST_SEED={seed} SEEDS=1 repeats it") from run.failure
        happened += run.happened
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


def test_a_seed_is_one_run() -> None:
    """In fresh processes, with other hashes of strings and other addresses of objects."""
    seeds = [FIRST_SEED, FIRST_SEED + 1]
    script = (
        "from protobase_live.testing import simulate\n"
        "from tests.simulation.many_nodes import many_nodes\n"
        f"for seed in {seeds}: print(simulate(many_nodes, seed).trace)"
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
    assert first == second
    assert len(first) == len(seeds)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    for seed in range(FOUND_WITHIN):
        if (run := simulate(many_nodes, seed)).failure is not None:
            print(f"{name}: seed {seed}: {run.failure!r}")
            return
    raise AssertionError(f"{name} was not found in {FOUND_WITHIN} runs")
