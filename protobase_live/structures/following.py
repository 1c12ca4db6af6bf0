"""What was told last of a structure, and what has changed in it since.

Yjs transactions note where they have changed something, and read nothing there: an observer must not. What is
told later is read in those places alone, so it takes as long as the change and not as the structure is large.
Each keeps one plain value of the structure, and of each change its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from protobase_live.structures.arrays import INDEXED_ITEMS
from protobase_live.structures.kind import Entry, KeyedKind, Kind
from protobase_live.structures.lists import LIST
from protobase_live.structures.nested import plain_of
from protobase_live.structures.raw import is_of_array, is_of_map, opened

_UNREAD = object()
"""Stands in a list for an item that is not read yet."""


class Source(NamedTuple):
    """Where a structure is read."""

    shared: Any
    """What `Kind.kept` gives."""
    plain: Callable[[], Any]
    """Reads all that is there; nothing where it cannot be read."""
    readable: Callable[[], bool]
    """Whether it can be read."""


class Following:
    """Reads the whole structure to tell what changed: a text, a number, XML."""

    def __init__(self, kind: Kind, source: Source) -> None:
        """Nothing was told of it yet."""
        self.kind = kind
        self.source = source
        """May be another view of the same structs from some moment on."""
        self._told: Any = kind.plain_type()
        self._whole = True
        """It is not known where something has changed."""

    def begin(self) -> None:
        """All that is there now counts as told."""
        self._told = self.source.plain()
        self._whole = False

    def note(self, events: Sequence[Any]) -> None:
        """A Yjs transaction has changed something, as its native events say. Reads nothing, does not fail."""
        self.note_all()

    def note_all(self) -> None:
        """Anything may have changed."""
        self._whole = True

    def tell(self) -> list[Entry]:
        """What is otherwise than it was told last; from now on it counts as told."""
        if not self._whole:
            return []
        before = self._told
        self.begin()
        return self.kind.differences(before, self._told)


class FollowingEntries(Following):
    """Reads the changed entries of a Y.Map."""

    def __init__(self, kind: KeyedKind, source: Source) -> None:
        super().__init__(kind, source)
        self._keyed = kind
        self._keys: set[str] = set()

    def begin(self) -> None:
        """See Following."""
        super().begin()
        self._keys.clear()

    def note(self, events: Sequence[Any]) -> None:
        """See Following."""
        for event in events:
            path = event.path
            if path and isinstance(path[0], str):
                self._keys.add(path[0])
            elif not path and is_of_map(event):
                self._keys.update(event.keys)
            else:  # somebody used the root as something else, or opened it as that first
                self.note_all()

    def tell(self) -> list[Entry]:
        """See Following."""
        if self._whole:
            return super().tell()
        keys, self._keys = self._keys, set()
        entries = self._keyed.refresh(self.source.shared, self._told, keys) if keys else []
        if entries is None:
            self.note_all()
            return super().tell()
        return entries


class FollowingItems(Following):
    """Reads the changed items of a Y.Array."""

    def __init__(self, kind: Kind, source: Source) -> None:
        super().__init__(kind, source)
        self._forget()

    def _forget(self) -> None:
        """Nothing has changed since it was told."""
        self._items: list[Any] | None = None
        """What is there now, as far as it was read."""
        self._splices = 0
        self._same_first = self._same_last = len(self._told)
        """How many items at the beginning and at the end no splice has touched."""

    def begin(self) -> None:
        """See Following."""
        super().begin()
        self._forget()

    def note(self, events: Sequence[Any]) -> None:
        """See Following."""
        for event in sorted(events, key=lambda event: len(event.path)):  # places are those after the splices
            if self._whole:
                return
            path = event.path
            if path and isinstance(path[0], int):
                self._splice(path[0], 1, 1)
            elif not path and is_of_array(event):
                self._take(event.delta)
            else:
                self.note_all()

    def _take(self, delta: Sequence[Any]) -> None:
        """Move items as an event says; each part of a delta is a dict with one entry."""
        at = 0
        for part in delta:
            ((what, value),) = part.items()
            if what == "retain":
                at += value
            elif what == "delete":
                self._splice(at, value, 0)
            else:
                self._splice(at, 0, len(value))
                at += len(value)

    def _splice(self, at: int, deleted: int, inserted: int) -> None:
        if self._items is None:
            self._items = [*self._told]
        self._items[at : at + deleted] = [_UNREAD] * inserted
        self._same_first = min(self._same_first, at)
        self._same_last = min(self._same_last, len(self._items) - at - inserted)
        self._splices += max(1, inserted)
        if self._splices > INDEXED_ITEMS:  # by then reading all takes no longer
            self.note_all()

    def tell(self) -> list[Entry]:
        """See Following."""
        if not self._whole and self._items is None:
            return []
        if self._whole or not self.source.readable() or not self._read_items(self._items or []):
            self.note_all()
            return super().tell()
        before, self._told = self._told, self._items
        self._forget()
        return self.kind.differences(before, self._told)

    def _read_items(self, items: list[Any]) -> bool:
        """Read what is not read; whether that makes all of the array."""
        with opened(self.source.shared) as (raw, txn):
            if raw.len(txn) != len(items):
                return False
            for at in range(self._same_first, len(items) - self._same_last):
                if items[at] is _UNREAD:
                    items[at] = plain_of(raw.get(txn, at), txn)
        return True


def following(kind: Kind, source: Source) -> Following:
    """What tells the changes of a root of that kind."""
    if isinstance(kind, KeyedKind):
        return FollowingEntries(kind, source)
    return FollowingItems(kind, source) if kind is LIST else Following(kind, source)
