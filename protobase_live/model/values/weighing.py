"""About how much memory values take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

VALUE_BYTES = 8
"""About what a value takes that is no text and holds none."""


def weight(value: Any) -> int:
    """About how many bytes a value has, a character of a text counting as one."""
    if value.__class__ in (str, bytes):
        return len(value)
    if value.__class__ in (list, tuple, set, frozenset):
        return weights(value)
    if value.__class__ is dict:
        return weights(cast("dict[str, Any]", value).values())
    return VALUE_BYTES


def weights(values: Iterable[Any]) -> int:
    """About how many bytes these values have together."""
    return VALUE_BYTES + sum(map(weight, values))
