"""Atoms that Python calls equal, as True and 1 or an instant in two zones, though each has its own text.

In a plain set or dict such elements are one. So whether it is there depends on the entries of all of them.
And the plain value does not tell all: of a set that holds True and 1 it has one, and the other when that is
removed. Who has to know what an action comes to asks what is *stored*: how often each is there, by its text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice, product, repeat
from typing import Any, cast

from protobase_live.model.values import key_text
from protobase_live.structures.kind import Args, FieldKind

MAX_TWINS = 64
"""Most atoms equal to one that are looked for; a tuple of many numbers 0 and 1 has more."""

Stored = Mapping[str, int]
"""How often each element is there, by its text."""


class TwinnedKind(FieldKind):
    """A kind of elements that are stored by their texts: equal ones apart, and shown as one."""

    @abstractmethod
    def elements(self, args: Args) -> Args:
        """The elements among the arguments of an action."""

    @abstractmethod
    def stored(self, shared: Any) -> Stored:
        """What is stored."""

    @abstractmethod
    def stored_of(self, plain: Any) -> Stored:
        """What is stored of a plain value (None: empty) that was assigned."""

    @abstractmethod
    def shown(self, stored: Stored) -> Any:
        """The plain value of what is stored."""

    @abstractmethod
    def replay_stored(self, stored: Stored, action: str, args: Args) -> Stored:
        """What a checked action makes of what is stored."""

    def meets_twins(self, plain: Any, args: Args) -> bool:
        """Whether what an action makes of a plain value is not told by that alone. Raises KindMismatch."""
        given, elements = self._given(plain), self.elements(args)
        if len(elements) > 1 and len(set(elements)) < len(elements):
            return True
        return any(each in given and has_twins(each) for each in elements)


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
