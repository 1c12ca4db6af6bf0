"""Who does what in a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protobase_live.document.content import Touched
from protobase_live.document.difference import Difference
from protobase_live.document.held import Sender
from protobase_live.document.outcome import Outcome
from protobase_storage.commit import Part

MAX_PART_KEYS = 1_000
"""Most keys of one author that a commit names; above it, each structure is named once, with key None."""


@dataclass(slots=True)
class Doings:
    """Who has touched what, and who was refused."""

    parts: list[Part] = field(default_factory=list[Part])
    senders: dict[Sender, None] = field(default_factory=dict[Sender, None])
    refusals: dict[Sender, str] = field(default_factory=dict[Sender, str])

    def add(self, author: str | None, touched: Touched) -> None:
        """Somebody has touched something."""
        if len(touched) > MAX_PART_KEYS:
            touched = {(structure, None): None for structure, _ in touched}
        if touched:
            self.parts.append(Part(author, tuple(touched)))

    def outcome(
        self, update: bytes, differences: tuple[Difference, ...], reached: Mapping[int, int]
    ) -> Outcome:
        """What it all amounts to."""
        return Outcome(update, tuple(self.parts), differences, reached, tuple(self.senders), self.refusals)
