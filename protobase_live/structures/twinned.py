"""Kinds of elements that are stored by their texts: those that Python calls equal apart, and shown as one.

So the plain value does not tell all: of a set that holds True and 1 it has one, and shows the other when that
is removed. Who has to know what an action comes to asks what is *stored*: how often each element is there, by
its text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from protobase_live.structures.kind import Args, FieldKind
from protobase_live.structures.twins import has_twins

Stored = Mapping[str, int]
"""How often each element is there, by its text."""


class TwinnedKind(FieldKind):
    """A kind with such elements."""

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
