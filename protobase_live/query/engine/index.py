"""An index: the records of a collection in the order of some of their fields.

Entries are flat tuples, the sort key of each field and then the record's key. Every record has one; a missing
field counts as None, as everywhere. Equality on the first fields, with a range on the next, is one stretch of
entries; its length is known without reading it. Bounds of stretches are entries cut short: one that is the
beginning of another stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Literal

from sortedcontainers import SortedList

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model.names import KEY_FIELD
from protobase_live.query.ast.expressions import Field, field_or_expr
from protobase_live.query.ast.ordering import SET, SortKey, sort_key
from protobase_live.query.engine.functions import deep
from protobase_live.query.engine.operator import Row

Path = tuple[str, ...]
Paths = tuple[Path, ...]

Entry = tuple[Any, ...]
"""A sort key for each path, then the record's key; as a bound it may be shorter."""

Walk = Literal["up", "down", "back"]
"""A way through a stretch of entries: ``up`` as they stand, ``back`` the reverse of it, ``down`` values in
reverse, but the records with the same ones by ascending key, as ties in a query's order are."""

MAX_INDEX_FIELDS = 8
"""Most fields of one index."""

BUILD_STEP = 500
"""Records that one step of building looks at."""

DOWN_STEP = 32
"""Entries that a walk down looks at together, to find which have the same values."""

KEY_PATH: Path = (KEY_FIELD,)
END: Entry = ((SET + 1,),)
"""A bound behind all entries."""


def after(key: SortKey) -> SortKey:
    """A bound behind this sort key and before all greater ones."""
    return *key, 0


def behind(prefix: Entry) -> Entry:
    """The bound behind all entries that begin with ``prefix``, which is one of sort keys."""
    return (*prefix[:-1], after(prefix[-1])) if prefix else END


def index_paths(*fields: str | Field) -> Paths:
    """The paths of an index on ``fields``. Raises ValidationError and LimitExceeded."""
    found = tuple(map(field_or_expr, fields))
    if wrong := [each for each in found if not isinstance(each, Field)]:
        raise ValidationError(f"an index is on fields, not on {wrong[0]}")
    return check_paths(tuple(each.field_path for each in found if isinstance(each, Field)))


def check_paths(paths: Paths) -> Paths:
    """The paths, if an index may have them. Raises ValidationError and LimitExceeded."""
    if not paths:
        raise ValidationError("an index needs at least one field, such as 'owner'")
    if len(paths) > MAX_INDEX_FIELDS:
        raise LimitExceeded(f"an index has at most {MAX_INDEX_FIELDS} fields, not {len(paths)}")
    if len(set(paths)) < len(paths):
        raise ValidationError(f"an index names a field twice: {named(paths)}")
    return paths


def named(paths: Paths) -> str:
    """The paths as people write them."""
    return ", ".join(map(".".join, paths))


class Index:
    """The keys of a collection's records, ordered by the values at ``paths``.

    It is ready when it holds all of ``waiting``, the keys of the records there were before it; see `build`.
    """

    def __init__(self, paths: Paths, waiting: Iterable[str] = ()) -> None:
        self.paths = check_paths(paths)
        self._entries: SortedList[Entry] = SortedList()
        self._getters = tuple(map(_getter, paths))
        self._waiting = set(waiting)
        self._tied = (*paths, KEY_PATH).index(KEY_PATH)
        """How many fields it takes to tie: where the key is among the fields, those before it."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ready(self) -> bool:
        """Whether every record is in it."""
        return not self._waiting

    def copy(self) -> Index:
        """The same index as it is now, for who reads it while it changes."""
        copied = Index(self.paths)
        copied._entries = self._entries.copy()
        return copied

    def build(self, rows: Mapping[str, Row]) -> Iterator[None]:
        """Add what was there before, in steps of BUILD_STEP records, between which records may change.

        ``rows`` is the collection as it is at each step: a record that waits for its turn is read then.
        """
        while self._waiting:
            count = min(BUILD_STEP, len(self._waiting))
            keys = [self._waiting.pop() for _ in range(count)]
            self._entries.update([self._entry(key, rows[key]) for key in keys if key in rows])
            yield

    def change(self, key: str, before: Row | None, after: Row | None) -> None:
        """A record is ``after`` what was ``before``; None for absent."""
        if key in self._waiting:
            return
        old = None if before is None else self._entry(key, before)
        new = None if after is None else self._entry(key, after)
        if old != new:
            if old is not None:
                self._entries.remove(old)
            if new is not None:
                self._entries.add(new)

    def stretch(self, low: Entry, high: Entry) -> tuple[int, int]:
        """Where the entries from ``low`` up to, not including, ``high`` start and stop."""
        start = self._entries.bisect_left(low)
        return start, max(start, self._entries.bisect_left(high))

    def keys(self, start: int, stop: int, walk: Walk = "up") -> Iterator[str]:
        """The keys of a stretch, lazily; the index may not change meanwhile."""
        if walk == "down":
            return chain.from_iterable(self._groups_down(start, stop))
        return map(_key_of, self._entries.islice(start, stop, reverse=walk == "back"))

    def _groups_down(self, start: int, stop: int) -> Iterator[Iterator[str]]:
        """The keys of each group of records that have the same values, the last group first."""
        values = itemgetter(slice(self._tied))
        while start < stop:
            tail = self._entries.islice(max(start, stop - DOWN_STEP), stop, reverse=True)
            *groups, last = [list(group) for _, group in groupby(tail, values)]
            for group in groups:
                yield map(_key_of, reversed(group))
                stop -= len(group)
            first = max(start, self._entries.bisect_left(values(last[0])))  # it may begin before the tail
            yield self.keys(first, stop)
            stop = first

    def _entry(self, key: str, row: Row) -> Entry:
        return *[sort_key(get(row)) for get in self._getters], key


_key_of: Callable[[Entry], str] = itemgetter(-1)


def _getter(path: Path) -> Callable[[Row], Any]:
    if len(path) == 1:
        name = path[0]
        return lambda row: row.get(name)
    return lambda row: deep(row, path)
