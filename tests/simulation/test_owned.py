"""Many runs of nodes with an owner on virtual time: what must hold holds, and what was planted is found."""

from __future__ import annotations

import os

import pytest

from tests.simulation.owned import owned
from tests.simulation.planted_owner import PLANTED
from tests.simulation.runs import all_hold, first_found, traces_in_fresh_processes

SEEDS = int(os.environ.get("SEEDS", "4"))
"""Runs; `make simulate SEEDS=500` makes more."""

FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

FOUND_WITHIN = 200
"""So many seeds may be needed until something planted is found."""

SOMETIMES = (
    "a crash",
    "a key was claimed",
    "a transaction on an owned collection",
    "a transaction was refused",
    "an outcome was unknown",
    "an owned collection was only read",
    "nodes were cut off from each other",
    "the owner is another one",
    "there was no owner",
)
"""A set of runs in which one of these never happened has not looked at what it was made for."""

ENOUGH_SEEDS = 50
"""So many runs have to meet all of it; fewer repeat something."""


def test_what_must_hold_holds() -> None:
    happened = all_hold(owned, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


def test_a_seed_is_one_run() -> None:
    first, second = traces_in_fresh_processes("owned", [FIRST_SEED, FIRST_SEED + 1])
    assert first == second
    assert len(first) == 2


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    run = first_found(owned, range(FOUND_WITHIN))
    assert run is not None, f"{name} was not found in {FOUND_WITHIN} runs"
    print(f"{name}: seed {run.seed}: {run.failure!r}")
