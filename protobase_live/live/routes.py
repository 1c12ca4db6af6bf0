"""Which views a change of a collection can concern.

A view that wants only records with a certain value in a certain field (``owner == "ann"``) is found by that
value, before the change and after it; so what a change costs does not grow with the views it cannot concern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from protobase_live.live.view import View
from protobase_live.query.ast.ordering import SortKey, sort_key
from protobase_live.query.engine.functions import deep
from protobase_live.query.engine.operator import RecordChange

Path = tuple[str, ...]
Term = tuple[Path, SortKey]
"""A field and the value that it has to have."""


class Routes:
    """The views of one collection."""

    def __init__(self) -> None:
        self._all: dict[View, None] = {}
        self._terms: dict[View, Sequence[Term]] = {}
        self._by_value: dict[Path, dict[SortKey, dict[View, None]]] = {}

    def __len__(self) -> int:
        return len(self._all) + len(self._terms)

    def views(self) -> list[View]:
        """All of them."""
        return [*self._all, *self._terms]

    def add(self, view: View, wanted: Sequence[Mapping[Path, SortKey]]) -> None:
        """``wanted`` says for each use that the view makes of the collection which values it wants."""
        if not all(wanted):
            self._all[view] = None
            return
        self._terms[view] = terms = [next(iter(sorted(each.items()))) for each in wanted]
        for path, value in terms:
            self._by_value.setdefault(path, {}).setdefault(value, {})[view] = None

    def remove(self, view: View) -> None:
        """Forget a view."""
        self._all.pop(view, None)
        for path, value in self._terms.pop(view, ()):
            self._forget(view, path, value)

    def _forget(self, view: View, path: Path, value: SortKey) -> None:
        """A view wants a value no more. What is left empty goes, or each change would look at it."""
        by_value = self._by_value.get(path, {})
        views = by_value.get(value, {})
        views.pop(view, None)
        if not views:
            by_value.pop(value, None)
        if not by_value:
            self._by_value.pop(path, None)

    def concerned(self, changes: Sequence[RecordChange]) -> dict[View, list[RecordChange]]:
        """The views that changes can concern, each with those that can, in order."""
        found: dict[View, list[RecordChange]] = {view: list(changes) for view in self._all}
        for change in changes if self._terms else ():
            for view in self._found(change):
                found.setdefault(view, []).append(change)
        return found

    def _found(self, change: RecordChange) -> Iterable[View]:
        _, before, after = change
        views: dict[View, None] = {}
        for path, by_value in self._by_value.items():
            values = {sort_key(deep(row, path)) for row in (before, after) if row is not None}
            for value in values:
                views.update(by_value.get(value, {}))
        return views
