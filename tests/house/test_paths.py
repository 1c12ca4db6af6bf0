"""The files and tests that the documents name are there, under the names that they give them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
NAMED = re.compile(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)(?:::(\w+))?")
"""A file by the end of its path, and perhaps a test in it."""


@cache
def files() -> list[str]:
    """The Python files of this repository, by their paths in it."""
    folders = ("actors", "bench", "examples", "protobase_live", "storage", "tests", "tools")
    found = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return [f"/{file.relative_to(ROOT)}" for file in found if "node_modules" not in file.parts]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_what_is_named_is_there(document: Path) -> None:
    missing: list[str] = []
    for name, test in NAMED.findall(document.read_text()):
        found = [file for file in files() if file.endswith(f"/{name}")]
        if test:
            found = [file for file in found if f"def {test}(" in (ROOT / file[1:]).read_text()]
        if not found:
            missing.append(f"{name}::{test}" if test else name)
    assert missing == []
