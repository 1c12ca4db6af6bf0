"""A Y.Map whose keys begin with a text and a separator, and are found by that text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pycrdt import Map

from protobase_live.structures.raw import is_of_map, map_keys


class KeptKeys:
    """Stands for a Y.Map: its keys are looked through once, and kept by their beginnings from then on.

    Writes go through it, and it is told of changes by others: see `changed`.
    """

    def __init__(self, shared: Any, separator: str) -> None:
        self.shared: Map[Any] = shared
        self.doc: Any = shared.doc
        self.integrated: Any = shared.integrated
        self._separator = separator
        self._known: dict[str, set[str]] | None = None

    def beginning_with(self, text: str) -> list[str]:
        """The keys that are ``text``, the separator, and anything; sorted."""
        if self._known is None:
            self._known = {}
            for key in map_keys(self.shared):
                self._note(key)
        return sorted(self._known.get(text, ()))

    def changed(self, events: Sequence[Any]) -> None:
        """A Yjs transaction has changed the map, or something in it."""
        for event in events if self._known is not None else ():
            if event.path:
                continue
            if not is_of_map(event):  # the root was opened as something else first
                self._known = None
                return
            for key, change in event.keys.items():
                self._drop(key) if change["action"] == "delete" else self._note(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.shared[key] = value
        self._note(key)

    def __delitem__(self, key: str) -> None:
        del self.shared[key]
        self._drop(key)

    def _note(self, key: str) -> None:
        text, separator, _ = key.partition(self._separator)
        if self._known is not None and separator:
            self._known.setdefault(text, set()).add(key)

    def _drop(self, key: str) -> None:
        text = key.partition(self._separator)[0]
        if self._known is not None and text in self._known:
            self._known[text].discard(key)
            if not self._known[text]:
                del self._known[text]
