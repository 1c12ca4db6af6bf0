"""What a transaction over several collections shows to queries: all of it at once."""

from __future__ import annotations

from protobase_live.live.show import Show


class Together:
    """Gathers the parts of one transaction. All are durable at the same moment, so none waits for long."""

    def __init__(self) -> None:
        self._missing = 0
        self._shows: list[Show] = []

    def expect(self) -> None:
        """One more collection will show a part."""
        self._missing += 1

    def arrive(self, show: Show | None = None) -> None:
        """A collection shows its part; None if nobody asks it, or if it has failed and will be read anew."""
        self._missing -= 1
        if show is not None:
            self._shows.append(show)
        if self._shows and not self._missing:
            self._shows[0].views.show(self._shows)
