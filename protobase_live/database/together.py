"""What a transaction over several collections shows to queries: all of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.live.views import Show, Views


class Together:
    """Gathers the parts of one transaction. All are durable at the same moment, so none waits for long."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._missing = 0
        self._shows: list[Show] = []

    def expect(self) -> None:
        """One more collection will show a part."""
        self._missing += 1

    def arrive(self, shows: Sequence[Show] = ()) -> None:
        """A collection shows its part, or has failed and never will: who reads it will read it anew."""
        self._missing -= 1
        self._shows += shows
        if not self._missing:
            self._views.show(self._shows)
