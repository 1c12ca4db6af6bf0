"""Each row of the threat model names tests, and all that it names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "protobase_live"
SHOWN = re.compile(r"`(?P<file>[\w./]+\.py)?(?:::)?(?P<name>test_\w+)?`")


def rows(page: str) -> list[list[str]]:
    """The cells of the tables' rows, without their heads."""
    lines = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [line for line in lines if line[0].strip() != "who"]


def named_tests(cell: str) -> list[tuple[str, str | None]]:
    """The files and tests that a cell names; a test without a file is of the one named before it."""
    found, file = list[tuple[str, str | None]](), ""
    for match in SHOWN.finditer(cell):
        file = match["file"] or file
        found.append((file, match["name"]))
    return found


def missing(cell: str) -> list[str]:
    """What a cell names that is not there; a cell that names nothing is missing a test."""
    named = named_tests(cell)
    lost = [f"{file}::{name}" for file, name in named if not _is_there(file, name)]
    return lost if named else [f"no test: {cell}"]


def _is_there(file: str, name: str | None) -> bool:
    path = TESTS / file
    return path.is_file() and (name is None or f"def {name}(" in path.read_text())


@pytest.mark.parametrize("row", rows((ROOT / "docs" / "threat-model.md").read_text()), ids=lambda row: row[1])
def test_what_is_said_to_be_shown_is_tested(row):
    assert len(row) == 4, "who tries what, what stops it, and what shows that"
    assert missing(row[-1]) == []


def test_what_is_not_there_is_noticed():
    here = "`../house/test_threat_model.py::test_what_is_not_there_is_noticed`"
    assert missing(f"`server/test_tls.py`, {here}") == []
    assert missing("`server/test_nothing.py`") == ["server/test_nothing.py::None"]
    assert missing("`server/test_tls.py`, `test_of_nobody`") == ["server/test_tls.py::test_of_nobody"]
    assert missing("the library does") == ["no test: the library does"]
