"""Many runs of several nodes on virtual time: what must hold holds, and what was planted is found."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from protobase_live.collection.asleep import Asleep, Meanwhile
from protobase_live.database.home import Home
from tests.simulation.many_nodes import many_nodes, many_nodes_that_erase
from tests.simulation.planted_in_cluster import PLANTED
from tests.simulation.runs import all_hold, first_found, is_let_go_of, traces_in_fresh_processes

SEEDS = int(os.environ.get("SEEDS", "4"))
"""Runs; `make simulate SEEDS=500` makes more."""

FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

TWICE = SEEDS if "SEEDS" in os.environ else 3
"""So many of them are run twice more, each time in a process of its own."""

FOUND_WITHIN = 200
"""So many seeds may be needed until something planted is found."""

SOMETIMES = (
    "a collection grew while it was loaded",
    "a collection was deleted",
    "a collection was restored",
    "a crash",
    "a crash kept what nobody was told of",
    "a crash lost what was on its way",
    "a deletion met what was written meanwhile",
    "a node came later",
    "a node left for good",
    "a node was heard and did not hear",
    "a person left",
    "a snapshot was taken",
    "a stream was reset",
    "a write was acknowledged by other nodes",
    "a write was not replicated in time",
    "a write was refused",
    "an editor left with last words",
    "an editor lost its connection",
    "an insertion was acknowledged",
    "an outcome was unknown",
    "nodes were cut off from each other",
    "snapshots were taken as one",
    "transactions went over a healed cut",
)
"""A set of runs in which one of these never happened has not looked at what it was made for."""

ENOUGH_SEEDS = 50
"""So many runs have to meet all of it; fewer repeat something."""


def test_what_must_hold_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Counter[str]()
    take_states = Home.take_states

    async def count(self: Home, states):
        taken["snapshots were taken as one" if len(states) > 1 else "a snapshot was taken"] += 1
        return await take_states(self, states)

    wake = Asleep.wake

    async def wake_up(self: Asleep, name: str) -> Meanwhile:
        meanwhile = await wake(self, name)
        taken["a collection grew while it was loaded"] += meanwhile is Meanwhile.GROWN
        return meanwhile

    monkeypatch.setattr(Home, "take_states", count)
    monkeypatch.setattr(Asleep, "wake", wake_up)
    happened = all_hold(many_nodes, FIRST_SEED, SEEDS) + taken
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


def test_what_must_hold_holds_where_records_are_erased() -> None:
    happened = all_hold(many_nodes_that_erase, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    assert happened["a record was erased on all nodes"]


def test_a_seed_is_one_run() -> None:
    """In fresh processes, with other hashes and addresses, and whatever else was run there before."""
    seeds = range(FIRST_SEED, FIRST_SEED + TWICE)
    first, second = traces_in_fresh_processes("many_nodes", seeds)
    assert len(first) == TWICE
    assert first == second


def test_nothing_is_left_of_a_run() -> None:
    assert is_let_go_of(many_nodes, FIRST_SEED)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    run = first_found(many_nodes, range(FOUND_WITHIN))
    assert run is not None, f"{name} was not found in {FOUND_WITHIN} runs"
    assert isinstance(run.failure, ExceptionGroup)
    assert run.failure.split(AssertionError)[1] is None, "it was not found, but failed by itself"
    print(f"{name}: seed {run.seed}: {run.failure!r}")
