"""Records that do not fit their Atom class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from protobase_live.errors import ValidationError

OnInvalid = Literal["skip", "raw", "raise"]
"""What becomes of a record that does not fit: left out, given as a `Misfit`, or raised as ValidationError."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record that does not fit its class: its key, its fields as they are stored, and why not."""

    key: str
    fields: dict[str, Any]
    error: ValidationError
