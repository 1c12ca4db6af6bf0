"""What queries take for equal, and is not stored alike: one instant in two zones, 0 and -0.0."""

from __future__ import annotations

from typing import Any

from protobase_live.model.values import pack, same


class Forms:
    """Values that are equal to each other, and how often each form of them is there: nearly always it is one.

    Which of them stands for all depends on which forms there are, never on the order in which they came.
    """

    __slots__ = ("_first", "_others", "count")

    def __init__(self) -> None:
        self.count = 0
        """How many values there are."""
        self._first: Any = None
        """Came first; it may have gone."""
        self._others: dict[bytes, tuple[int, Any]] | None = None
        """Packed, the other forms that are there, and how often; None as long as there was none."""

    def add(self, value: Any) -> None:
        """Put in one that equals those that are there."""
        if not self.count:
            self._first = value
        self.count += 1
        if not same(value, self._first):
            self._count_other(value, 1)

    def remove(self, value: Any) -> None:
        """Take out one of those that are there."""
        self.count -= 1
        if not same(value, self._first):
            self._count_other(value, -1)

    def shown(self) -> Any:
        """The one that stands for all; there has to be one."""
        if not self._others:
            return self._first
        forms = {form: value for form, (_, value) in self._others.items()}
        if self.count > sum(count for count, _ in self._others.values()):
            forms[pack(self._first)] = self._first
        return forms[min(forms)]

    def _count_other(self, value: Any, by: int) -> None:
        if self._others is None:
            self._others = {}
        form = pack(value)
        count = by + (self._others[form][0] if form in self._others else 0)
        if count:
            self._others[form] = count, value
        else:
            del self._others[form]
