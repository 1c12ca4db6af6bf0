"""No room is so large that nobody finds anything in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    file for package in ("protobase_live", "actors", "storage") for file in (ROOT / package).rglob("*.py")
]
MOST_LINES = 400


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_is_short(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MOST_LINES
