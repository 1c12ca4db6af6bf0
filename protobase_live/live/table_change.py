"""What a commit shows to queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from protobase_storage import Vector


class TableChange(NamedTuple):
    """What one commit shows in one collection: records by key, None for those that are gone.

    ``vector`` is how far that takes the collection, ``indexes`` their declarations, if they may have changed.
    """

    collection: str
    records: Sequence[tuple[str, dict[str, Any] | None]]
    vector: Vector
    indexes: Iterable[str] | None = None


class JointChange:
    """What a transaction over several collections shows: nothing before all of them have shown their part.

    Each collection's part waits at the head of what that collection shows, so nothing overtakes it.
    """

    def __init__(self) -> None:
        self.missing = 0
        """How many collections have not shown their part yet."""
        self.parts: dict[str, TableChange] = {}
        """What has been shown, by collection."""
        self._complete: Callable[[JointChange], None] | None = None

    def expect(self) -> None:
        """One more collection will show a part."""
        self.missing += 1

    def arrive(self, change: TableChange, complete: Callable[[JointChange], None]) -> None:
        """A collection shows its part; ``complete`` is called when a part is given up after that."""
        self._complete = complete
        self.missing -= 1
        self.parts[change.collection] = change

    def give_up(self) -> None:
        """One that nobody asks, or that has failed and will be read anew, will not show its part."""
        self.missing -= 1
        if self._complete is not None:
            self._complete(self)
