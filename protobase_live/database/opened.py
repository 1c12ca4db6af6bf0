"""Which structures a program has opened that nobody registered: opening one stores nothing."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.model.operations import Target


class OpenedStructures:
    """What was opened, by collection, so that change streams tell its changes, too."""

    def __init__(self, most: int) -> None:
        """``most`` of them are remembered; then those that were opened first are forgotten."""
        self._most = most
        self._opened: dict[tuple[str, Target], None] = {}

    def add(self, collection: str, target: Target) -> None:
        """A structure was opened."""
        self._opened.pop((collection, target), None)
        self._opened[collection, target] = None
        if len(self._opened) > self._most:
            del self._opened[next(iter(self._opened))]

    def of(self, collection: str) -> Sequence[Target]:
        """The structures of a collection that were opened."""
        return [target for name, target in self._opened if name == collection]
