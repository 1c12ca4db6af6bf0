"""Patterns: which collections a rule is about."""

from __future__ import annotations

import re
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.names import MAX_NAME_BYTES


class Pattern:
    """A name in which ``*`` stands for any text, slashes included; everything else stands for itself."""

    def __init__(self, given: Any) -> None:
        """Raises ValidationError."""
        if not isinstance(given, str) or not given:
            raise ValidationError(
                f"pattern is {values.short(given)}; expected a name such as 'tasks' or 'boards/*'"
            )
        if len(given.encode(errors="replace")) > MAX_NAME_BYTES:
            raise ValidationError(
                f"pattern is longer than any name: more than {MAX_NAME_BYTES} bytes of UTF-8"
            )
        self.text = given
        self._head, *self._middle = re.split(r"\*+", given)
        self._tail = self._middle.pop() if self._middle else None

    def names(self, collection: str) -> bool:
        """Whether it stands for this name. Takes no longer than looking for each of its parts once."""
        if self._tail is None:
            return collection == self._head
        at, end = len(self._head), len(collection) - len(self._tail)
        if at > end or not collection.startswith(self._head) or not collection.endswith(self._tail):
            return False
        for part in self._middle:
            found = collection.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True
