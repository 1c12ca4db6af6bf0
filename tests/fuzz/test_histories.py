"""Random histories of Yjs clients leave the same document wherever it is read (see docs/testing.md)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.histories import check_histories, features_without

HISTORIES_PER_EXAMPLE = 2.5
"""250 in `make test`, 10,000 in `make fuzz`."""


async def test_random_histories(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = int(request.config.getoption("--hypothesis-seed") or 0)
    count = int(HISTORIES_PER_EXAMPLE * settings().max_examples)
    await check_histories(tmp_path, seed, count, features_without(os.environ.get("HISTORIES_WITHOUT", "")))
