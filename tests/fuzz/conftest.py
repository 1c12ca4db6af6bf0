"""Sizes for records that are few: what else takes thousands of them happens here with six."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from unittest.mock import patch

import pytest

from protobase_live.live import runner, views
from protobase_live.query.engine import access, index, operator
from protobase_live.query.engine.operators import batches, sorting, source, window
from tests.support.fixtures import node

__all__ = ["node"]

SMALL = {
    operator: {"BATCH_ROWS": 2},
    batches: {"BATCH_ROWS": 2},
    source: {"BATCH_ROWS": 2},
    sorting: {"RUN_ROWS": 3},
    window: {"BATCH_ROWS": 1, "MAX_KEPT_ROWS": 4},
    access: {"BATCH_ROWS": 2, "FIRST_BATCH": 1},
    index: {"BUILD_STEP": 2},
    views: {"FILL_ROWS": 1},
    runner: {"STEPS_WITHOUT_PAUSE": 1},
}
"""Constants of modules, as they are for the tests here."""


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    """Batches, runs and steps of a few records."""
    with ExitStack() as patches:
        for module, constants in SMALL.items():
            patches.enter_context(patch.multiple(module, **constants))
        yield
