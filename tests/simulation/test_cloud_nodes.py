"""Servers over object storage by seed; `SEEDS=... FIRST_SEED=...` choose others."""

from __future__ import annotations

import os

import pytest

from tests.simulation.cloud_nodes import cloud_nodes
from tests.simulation.planted_cloud import acknowledge_early
from tests.simulation.runs import all_hold, first_found

SEEDS = int(os.environ.get("SEEDS", "5"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "0"))
SOMETIMES = ("a server was taken over while it ran", "a write was refused", "an insertion was acknowledged")


def test_nothing_acknowledged_is_lost_when_servers_replace_each_other() -> None:
    happened = all_hold(cloud_nodes, FIRST_SEED, SEEDS)
    print(dict(sorted(happened.items())))
    assert not [what for what in SOMETIMES if not happened[what]]


def test_what_is_acknowledged_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge_early(monkeypatch)
    assert first_found(cloud_nodes, range(20)) is not None
