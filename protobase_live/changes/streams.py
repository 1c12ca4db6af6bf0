"""The change streams of one collection: who is told what happens, and what was told lately."""

from __future__ import annotations

from collections.abc import Callable

from protobase_actors import Clock, Timer
from protobase_live.changes.entry import Entry
from protobase_live.changes.feed import Feed


class Streams:
    """Who reads the collection's feed, which goes on for a while when nobody does: the last may come back."""

    def __init__(self, clock: Clock, feed: Feed, seconds: float, tell: Callable[[bool], None]) -> None:
        """``feed`` is kept for ``seconds`` without readers.

        ``tell`` has the document say what happens to structures, or no longer.
        """
        self.feed = feed
        self.told = False
        """Whether what happens is told to the feed."""
        self._clock = clock
        self._seconds = seconds
        self._tell = tell
        self._readers: set[object] = set()
        self._end: Timer | None = None

    def __len__(self) -> int:
        return len(self._readers)

    def add(self, reader: object) -> bool:
        """Somebody reads; answers whether nothing was told before."""
        self._readers.add(reader)
        self._cancel()
        if begins := not self.told:
            self.told = True
            self._tell(True)
        return begins

    def remove(self, reader: object) -> None:
        """Somebody reads no more. Harmless if he did not."""
        if reader in self._readers:
            self._readers.remove(reader)
            if not self._readers:
                self._end = self._clock.call_later(self._seconds, self._forget)

    def show(self, entry: Callable[[], Entry]) -> None:
        """A commit may be shown; ``entry`` is asked only if somebody is told."""
        if self.told:
            self.feed.push(entry())

    def close(self) -> None:
        """No more will come."""
        self._cancel()
        self.feed.close()

    def _forget(self) -> None:
        self._end = None
        self.told = False
        self._tell(False)
        self.feed.clear()

    def _cancel(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
