"""The recent changes of a collection, kept once for all its change streams.

Streams pull: each knows its own position, so a slow one costs no memory. A position that is no longer
here is read from the log instead; what one stream had to read there, others find here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from protobase_actors import WakeUp
from protobase_live.changes.entry import Entry
from protobase_live.document import Room
from protobase_live.model.cursor import Cursor


class Gap(NamedTuple):
    """What a feed lacks: everything before the entry ``first``, whose predecessors led to ``vector``."""

    first: int
    vector: Mapping[str, int]
    era: int
    """Counts what has made a difference to what entries tell."""


class Feed:
    """A ring of entries, one a commit; indexes grow for ever and only the newest are held."""

    def __init__(self, capacity: int, most_bytes: int) -> None:
        """``capacity`` counts changes, ``most_bytes`` about what they hold; the newest entry is held even if
        it alone is larger.
        """
        self.capacity = capacity
        self._most_bytes = most_bytes
        self._bytes = 0
        self.recalling = asyncio.Lock()
        """Held by the stream that reads the log for all of them."""
        self._entries: deque[Entry] = deque()
        self._held = 0
        self._start = 0
        self._whole = 0
        """From which index on the entries tell all that is told now."""
        self._era = 0
        self._closed = False
        self._wake_up = WakeUp()

    @property
    def closed(self) -> bool:
        """Whether no more will come."""
        return self._closed

    @property
    def end(self) -> int:
        """The index that the next entry will have."""
        return self._start + len(self._entries)

    def push(self, entry: Entry) -> None:
        """Add a commit that may be shown, and wake who waits."""
        self._entries.append(entry)
        self._held += entry.size
        self._bytes += entry.bytes
        while (self._held > self.capacity or self._bytes > self._most_bytes) and len(self._entries) > 1:
            self._drop_oldest()
        self._wake_up.wake()

    def renew(self) -> None:
        """More is told from now on than before: nobody may resume in what is held."""
        self._whole = self.end
        self._era += 1

    def find(self, position: Cursor, end: int) -> int | None:
        """The index below ``end`` where a stream at ``position`` goes on; None if it is not here, and for who
        has seen something else.
        """
        if position.part is not None:
            return None
        for index in range(min(end, self.end) - 1, max(self._start, self._whole) - 1, -1):
            entry = self._entries[index - self._start]
            if entry.before == position.vector:
                # In another history, and on another node, another commit may follow the same one.
                return index if position.half is None or position.half.is_of(entry.commit) else None
        return None

    def gap(self, end: int, vector: Mapping[str, int]) -> Gap:
        """What is to be read from the log; ``vector`` is that before the entry ``end``, if it is there."""
        first = max(self._start, self._whole)
        if first < min(end, self.end):
            return Gap(first, self._entries[first - self._start].before, self._era)
        return Gap(end, vector, self._era)

    def recall(self, gap: Gap, entries: Sequence[Entry]) -> None:
        """Add what was read from the log, as far as it fits; nothing if the feed went on beyond the gap."""
        first = gap.first
        if gap.era != self._era or not self._start <= first <= self.end:
            return
        while self._start < first and self._entries:
            self._drop_oldest()
        self._start = self._whole = first
        for entry in reversed(entries):
            too_many = self._held + entry.size > self.capacity
            if too_many or self._bytes + entry.bytes > self._most_bytes:
                break
            self._entries.appendleft(entry)
            self._held += entry.size
            self._bytes += entry.bytes
            self._start = self._whole = self._start - 1

    def _drop_oldest(self) -> None:
        oldest = self._entries.popleft()
        self._held -= oldest.size
        self._bytes -= oldest.bytes
        self._start += 1

    def clear(self) -> None:
        """Forget what is held; nobody reads."""
        self._start = self._whole = self.end
        self._entries.clear()
        self._held = self._bytes = 0
        self._era += 1

    def skip(self) -> None:
        """Something has happened that is no entry: whoever reads here looks into the log."""
        self.clear()
        self._start = self._whole = self._start + 1
        self._wake_up.wake()

    def close(self) -> None:
        """No more will come; whoever waits is woken and finds the feed closed."""
        self._closed = True
        self._wake_up.wake()

    def awaits(self, index: int) -> bool:
        """Whether the entry at ``index`` is yet to come."""
        return not self._closed and index >= self.end

    def news(self) -> asyncio.Future[None]:
        """Done when something has happened, or when somebody sets it before. To be forgotten afterwards."""
        return self._wake_up.future()

    def forget(self, news: asyncio.Future[None]) -> None:
        """Nobody waits for ``news`` any more."""
        self._wake_up.forget(news)

    async def get(self, index: int) -> Entry | None:
        """The entry at ``index``, waited for; None if it is no longer here or will never be."""
        while not self._closed:
            if index < self._start:
                return None
            if index < self.end:
                return self._entries[index - self._start]
            await self._wake_up.wait()
        return None

    def peek(self, index: int) -> Entry | None:
        """The entry at ``index`` if it is here now."""
        return self._entries[index - self._start] if self._start <= index < self.end else None


@dataclass(slots=True)
class Subscribed:
    """Where a stream begins: the feed holds what comes after ``vector`` from ``index`` on."""

    feed: Feed
    index: int
    vector: Mapping[str, int]
    room: Room
    """What the collection's document may hold: one that the log is read with has to hold as much."""
