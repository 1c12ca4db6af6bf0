"""A planted bug: a place in the source, and what is put there instead."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).parent / "bugs"


class Misplaced(Exception):
    """The text that a bug replaces does not stand in its file exactly once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One entry of the lists in bugs/."""

    name: str
    file: str
    """The source file, from the root of the repository."""
    find: str
    """What is replaced; it stands in the file exactly once."""
    plant: str
    """What is put there."""
    tests: list[str]
    """The test files nearest to it."""
    hurts: str
    """What users would see of it."""
    judged: str = ""
    """Why no test can see it, if none can."""

    def planted(self, source: str) -> str:
        """The source with the bug. Raises Misplaced."""
        if (found := source.count(self.find)) != 1:
            raise Misplaced(
                f"{self.name}: this stands in {self.file} {found} times instead of once:\n{self.find.strip()}"
            )
        return source.replace(self.find, self.plant)


def bugs() -> list[Bug]:
    """All that are listed."""
    return [
        Bug(**entry)
        for path in sorted(BUGS.glob("*.toml"))
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["bug"]
    ]
