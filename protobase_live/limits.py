"""Telling the classes of limits apart, for who passes one for another."""

from __future__ import annotations

from typing import Any

from protobase_live.errors import ValidationError


def check_limits(**given: tuple[Any, type[Any]]) -> None:
    """Raise ValidationError where a parameter's value is of another class than its own, or None."""
    for name, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            raise ValidationError(f"{name}= takes pb.{kind.__name__}(...), not {type(value).__name__}")
