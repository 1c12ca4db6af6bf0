"""Object storage under faults and takeovers, by seed; `SEEDS=... FIRST_SEED=...` choose others."""

import os
from collections.abc import Callable

import detangle
import pytest

from tests.simulation.cloud import check, history
from tests.simulation.planted_cloud import PLANTED

FIRST = int(os.environ.get("FIRST_SEED", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("SEEDS", "25")))

SEEDS_TO_FIND = range(90, 110)
"""Among these, every planted mistake is found."""


def run(seed: int) -> None:
    told, found = detangle.run(lambda: history(seed), seed=seed)
    check(told, found)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_acknowledged_is_lost_when_writers_replace_each_other(seed: int) -> None:
    run(seed)


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    for seed in SEEDS_TO_FIND:
        try:
            run(seed)
        except Exception:
            return
    pytest.fail(f"no seed of {SEEDS_TO_FIND} has found it")
