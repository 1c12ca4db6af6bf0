"""Records that do not fit their Atom class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from protobase_live.errors import ValidationError
from protobase_live.model.values import short

OnInvalid = Literal["skip", "raw", "raise"]
"""What becomes of a record that does not fit: left out, given as a `Misfit`, or raised as ValidationError."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A record that does not fit its class: its key, what is stored under it, and why that does not fit."""

    key: str
    stored: Any
    error: ValidationError

    @classmethod
    def stray(cls, collection: str, key: str, stored: Any) -> Misfit:
        """Of what is no record of any class."""
        error = f"{collection}: {key!r} is {short(stored)}; a record is a map of fields"
        return cls(key, stored, ValidationError(error))
