"""Many runs of one node on virtual time: what must hold holds, and what was planted is found."""

from __future__ import annotations

import os

import pytest

from tests.simulation.one_node import one_node
from tests.simulation.planted import PLANTED
from tests.simulation.runs import all_hold, first_found, is_let_go_of, traces_in_fresh_processes

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
    happened = all_hold(one_node, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


def test_a_seed_is_one_run() -> None:
    """In fresh processes, with other hashes and addresses, and whatever else was run there before."""
    seeds = range(FIRST_SEED, FIRST_SEED + TWICE)
    first, second = traces_in_fresh_processes("one_node", seeds)
    assert len(first) == TWICE
    assert first == second


def test_nothing_is_left_of_a_run() -> None:
    assert is_let_go_of(one_node, FIRST_SEED)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    run = first_found(one_node, range(FOUND_WITHIN))
    assert run is not None, f"{name} was not found in {FOUND_WITHIN} runs"
    print(f"{name}: seed {run.seed}: {run.failure!r}")
