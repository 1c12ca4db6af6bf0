"""The recent changes of a collection, kept once for all its change streams.

Streams pull: each knows its own position, so a slow one costs no memory. A position that is no longer
here is read from the log instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protobase_live.change import Change
from protobase_live.cursor import Cursor
from protobase_live.document import Difference
from protobase_live.live.news import News
from protobase_storage import Commit, join


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit's changes, and the vector with it."""

    commit: Commit
    changes: tuple[Change, ...]
    vector: Mapping[str, int]


class Feed:
    """A ring of entries; indexes grow for ever and only the newest are held."""

    def __init__(self, capacity: int) -> None:
        """``capacity`` counts changes; the newest entry is held even if it alone is larger."""
        self._capacity = capacity
        self._entries: deque[Entry] = deque()
        self._held = 0
        self._start = 0
        self._closed = False
        self._news = News()

    @property
    def end(self) -> int:
        """The index that the next entry will have."""
        return self._start + len(self._entries)

    def push(self, entry: Entry) -> None:
        """Add a commit that may be shown, and wake who waits."""
        self._entries.append(entry)
        self._held += len(entry.changes) + 1
        while self._held > self._capacity and len(self._entries) > 1:
            self._held -= len(self._entries.popleft().changes) + 1
            self._start += 1
        self._news.wake()

    def clear(self) -> None:
        """Forget what is held; nobody reads."""
        self._start = self.end
        self._entries.clear()
        self._held = 0

    def close(self) -> None:
        """No more will come; whoever waits is woken and finds the feed closed."""
        self._closed = True
        self._news.wake()

    async def get(self, index: int) -> Entry | None:
        """The entry at ``index``, waited for; None if it is no longer here or will never be."""
        while not self._closed:
            if index < self._start:
                return None
            if index < self.end:
                return self._entries[index - self._start]
            await self._news.wait()
        return None

    def peek(self, index: int) -> Entry | None:
        """The entry at ``index`` if it is here now."""
        return self._entries[index - self._start] if self._start <= index < self.end else None


def changes_of(
    commit: Commit, differences: Sequence[Difference], before: Mapping[str, int]
) -> tuple[Change, ...]:
    """The changes of one commit, in an order that depends on the commit alone.

    What one author's part touched last stays together, parts in order; each change's cursor resumes right
    after it, also in the middle of the commit.
    """
    toucher = {key: n for n, part in enumerate(commit.parts) for key in part.keys}
    last = len(commit.parts)

    def place(difference: Difference) -> tuple[int, str, str]:
        structure, key = difference.structure, difference.key
        part = toucher.get((structure, None), last)
        if isinstance(key, str):
            part = toucher.get((structure, key), part)
        return part, structure, str(key)

    ordered = sorted(((place(d), d) for d in differences), key=lambda pair: pair[0])
    cursors = [Cursor(before, n, commit.origin).encode() for n in range(1, len(ordered))]
    cursors.append(Cursor(after(commit, before)).encode())
    return tuple(
        Change(
            commit.collection,
            difference.structure,
            "insert" if difference.before is None else "delete" if difference.after is None else "update",
            difference.key,
            difference.before,
            difference.after,
            cursor,
            commit.parts[part].author if part < last else None,
        )
        for ((part, _, _), difference), cursor in zip(ordered, cursors, strict=False)
    )


def after(commit: Commit, before: Mapping[str, int]) -> dict[str, int]:
    """The vector ``before`` with ``commit`` included."""
    return join(before, {commit.origin: commit.sequence})
