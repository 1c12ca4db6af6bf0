"""Nodes on one stream with its snapshots in a bucket by seed, on virtual time; `SEEDS=... FIRST_SEED=...`
choose others."""

from __future__ import annotations

import os

import pytest

from protobase_storage.nats import pieces
from tests.simulation.bucket_nodes import bucket_nodes
from tests.simulation.runs import all_hold

SEEDS = int(os.environ.get("SEEDS", "8"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))

ENOUGH_SEEDS = 8
"""So many runs have to meet all of these; fewer repeat something."""
SOMETIMES = ("a crash", "a transaction was committed", "an object was put", "the bucket was away")


def test_what_must_hold_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "REPLACED_SECONDS", 1)  # so that objects are gone that others read
    happened = all_hold(bucket_nodes, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    if SEEDS >= ENOUGH_SEEDS:
        assert not [what for what in SOMETIMES if not happened[what]]
