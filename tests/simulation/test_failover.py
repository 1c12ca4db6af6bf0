"""Many runs of two nodes on virtual time, and clients that go from one to the other."""

from __future__ import annotations

import os

import pytest

from protobase_live.protocol.live.client_seen import ClientSeen
from protobase_live.server.seen import Seen
from tests.simulation.failover import failover
from tests.simulation.runs import all_hold, first_found

SEEDS = int(os.environ.get("SEEDS", "5"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

SOMETIMES = ("a client went on", "a node was behind", "a stream was reset", "an outcome was unknown")
"""A set of runs in which one of these never happened has not looked at what it was made for."""

ENOUGH_SEEDS = 5
FOUND_WITHIN = 20
"""So many seeds may be needed until something planted is found."""


def test_what_must_hold_holds() -> None:
    happened = all_hold(failover, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]


@pytest.mark.parametrize("planted", ["the client says nothing", "the server does not wait"])
def test_what_is_planted_is_found(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def arrive(self: Seen, collections) -> None:
        pass

    if planted == "the client says nothing":
        monkeypatch.setattr(ClientSeen, "request", lambda *_: None)
    else:
        monkeypatch.setattr(Seen, "arrive", arrive)
    run = first_found(failover, range(FOUND_WITHIN))
    assert run is not None, f"not found in {FOUND_WITHIN} runs"
    print(f"{planted}: seed {run.seed}: {run.failure!r}")
