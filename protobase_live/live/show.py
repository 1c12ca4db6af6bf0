"""What a commit shows to queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from protobase_storage import Vector

if TYPE_CHECKING:  # who only relays documents does without queries
    from protobase_live.live.showings import Showings


class Show(NamedTuple):
    """What one commit shows in one collection: records by key, None for those that are gone.

    ``vector`` is how far that takes the collection, ``indexes`` their declarations, if they may have changed.
    """

    collection: str
    records: Sequence[tuple[str, dict[str, Any] | None]]
    vector: Vector
    indexes: Iterable[str] | None = None


class Together:
    """What a transaction over several collections shows: nothing before all of them have shown their part.

    Each collection's part waits at the head of what that collection shows, so nothing overtakes it.
    """

    def __init__(self) -> None:
        self.missing = 0
        """How many collections have not shown their part yet."""
        self.parts: dict[str, Show] = {}
        """What has been shown, by collection."""
        self._showings: Showings | None = None

    def expect(self) -> None:
        """One more collection will show a part."""
        self.missing += 1

    def arrive(self, showings: Showings, show: Show) -> None:
        """A collection shows its part."""
        self._showings = showings
        self.missing -= 1
        self.parts[show.collection] = show

    def give_up(self) -> None:
        """One that nobody asks, or that has failed and will be read anew, will not show its part."""
        self.missing -= 1
        if self._showings is not None:
            self._showings.complete(self)
