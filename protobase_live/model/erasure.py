"""What came of an erasure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protobase_live.errors import ValidationError


class NeverThere(ValidationError):
    """There is no such collection, and there was none."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """On which nodes no byte is left of what was erased, and on which it may be, and why."""

    done: Sequence[str]
    """Nodes by name, the one that was asked first."""
    left: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why it is not known of a node, by its name or, of one that was never met, its address. It does its part
    when it is linked again; to erase again asks it."""
    found: bool = True
    """Whether it was there: else nothing but what may have been left of it was erased."""

    @classmethod
    def parse(cls, form: Any) -> Erasure:
        """What `asdict` made, from over a wire."""
        return cls(list(form["done"]), dict(form["left"]), form.get("found", True))
