"""What is measured can be measured: nobody runs the benchmarks in a test, and names that they use move."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "bench"
MODULES = sorted(each.stem for each in FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_it_imports_what_there_is(name: str) -> None:
    import_module(f"bench.{name}")
