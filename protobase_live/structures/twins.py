"""Atoms that Python calls equal, as True and 1 or an instant in two zones, though each has its own text.

In a plain set or dict such elements are one. So whether it is there depends on the entries of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice, product, repeat
from typing import Any, cast

from protobase_live.model.values import key_text

MAX_TWINS = 64
"""Most atoms equal to one that are looked for; a tuple of many numbers 0 and 1 has more."""


def twin_texts(element: Any) -> list[str] | None:
    """The texts of all atoms equal to ``element``, sorted; None if there are more than MAX_TWINS."""
    twins = list(islice(_twins(element), MAX_TWINS + 1))
    return sorted(set(map(key_text, twins))) if len(twins) <= MAX_TWINS else None


def has_twins(element: Any) -> bool:
    """Whether other atoms equal an element."""
    texts = twin_texts(element)
    return texts is None or len(texts) > 1


def held(elements: Iterable[Any], element: Any, texts: list[str]) -> Any:
    """That of the elements which equals ``element``; only one that has twins is looked for."""
    return element if len(texts) == 1 else next(each for each in elements if each == element)


def _twins(element: Any) -> Iterator[Any]:
    if isinstance(element, tuple):
        twins = (list(_twins(item)) for item in cast("tuple[Any, ...]", element))
        yield from product(*twins)
        return
    yield element
    if isinstance(element, bool):
        yield int(element)
    elif isinstance(element, int):
        yield from _others(element)
    elif isinstance(element, float) and element.is_integer():
        yield int(element)
    elif isinstance(element, datetime) and element.tzinfo is not None:
        yield from repeat(element, MAX_TWINS)  # stands for all offsets, of which there are many more


def _others(number: int) -> Iterator[Any]:
    """The bool or the float that equals a whole number; a small float has the same text."""
    if number in (0, 1):
        yield bool(number)
    try:
        if float(number) == number:
            yield float(number)
    except OverflowError:
        return
