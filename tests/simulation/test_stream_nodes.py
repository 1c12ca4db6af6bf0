"""Nodes on one stream by seed, on virtual time; `SEEDS=... FIRST_SEED=...` choose others."""

from __future__ import annotations

import os

import pytest

from tests.simulation.planted_in_stream import PLANTED
from tests.simulation.runs import all_hold, first_found, is_let_go_of, traces_in_fresh_processes
from tests.simulation.stream_nodes import stream_nodes

SEEDS = int(os.environ.get("SEEDS", "12"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

TWICE = SEEDS if "SEEDS" in os.environ else 3
"""So many of them are run twice more, each time in a process of its own."""

FOUND_WITHIN = 50
"""So many seeds may be needed until something planted is found."""

ENOUGH_SEEDS = 12
"""So many runs have to meet all of these; fewer repeat something."""
SOMETIMES = (
    "a crash",
    "a node was cut off from the stream",
    "a stream could not be opened",
    "a transaction was committed",
    "a write was refused",
    "an editor left with last words",
    "an outcome was unknown",
    "the stream had no leader",
    "the stream was away",
)


def test_what_must_hold_holds() -> None:
    happened = all_hold(stream_nodes, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(31, id="a note of what was relied on cannot be wiped"),
        pytest.param(46, id="of two transactions one was heard of in one collection alone"),
        pytest.param(156, id="a fold drops some messages and not others"),
        pytest.param(330, id="a live query begins in a turn that is lost"),
    ],
)
def test_what_was_found_once_stays_mended(seed: int) -> None:
    all_hold(stream_nodes, seed, 1)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    assert first_found(stream_nodes, range(FOUND_WITHIN)) is not None


def test_a_seed_is_one_run() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + TWICE)
    one, other = traces_in_fresh_processes("stream_nodes", seeds)
    assert one == other
    assert set(one) == set(seeds)


def test_a_run_is_let_go_of() -> None:
    assert is_let_go_of(stream_nodes, FIRST_SEED)
