"""What all classes of limits have in common, and telling them apart, for who passes one for another."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, ClassVar

from protobase_live.errors import ValidationError

MOST = 2**53 - 1
"""No whole number of a limit is larger: every client can read it, as JSON has it."""


class Limited:
    """Base of the classes of limits: one that no limit can be is refused where it is said."""

    __slots__ = ()

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset()
    """The limits at which nothing would go on if they were 0."""

    def __post_init__(self) -> None:
        """Raises ValidationError, which names the limit, what it is, and what it could be."""
        kind: type[Any] = type(self)
        for each in fields(kind):
            value = getattr(self, each.name)
            if value is not each.default and (right := expected(kind, each.name, value)):
                raise ValidationError(f"{kind.__name__}.{each.name} is {right}, not {value!r}")


def expected(kind: type[Any], name: str, value: object) -> str | None:
    """What the limit ``name`` of a class could be, if ``value`` is none; it is whole where the default is."""
    if value is None and default_of(kind, name) is None:
        return None
    least = "more than 0" if name in kind.ABOVE_ZERO else "0 or more"
    number, said = int, f"a whole number, {least}"
    if isinstance(default_of(kind, name), float):
        number = int | float
        said = f"a number{' of seconds' * name.endswith('_seconds')}, {least}"
    if isinstance(value, bool) or not isinstance(value, number) or not math.isfinite(value):
        return said
    if number is int and value > MOST:
        return f"{said} and at most 2**53 - 1"
    return said if value < 0 or (value == 0 and name in kind.ABOVE_ZERO) else None


def default_of(kind: type[Any], name: str) -> Any:
    """What a limit is if nobody says anything."""
    return next(each.default for each in fields(kind) if each.name == name)


def check_limits(**given: tuple[Any, type[Any]]) -> None:
    """Raise ValidationError where a parameter's value is of another class than its own, or None."""
    for name, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            raise ValidationError(f"{name}= takes pb.{kind.__name__}(...), not {type(value).__name__}")
