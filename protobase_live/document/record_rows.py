"""The records of a document: their plain view, and what a turn did to them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from pycrdt import Doc, Map

from protobase_live.document.difference import Difference
from protobase_live.errors import KindMismatch, RecordMissing
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Target, a_kind
from protobase_live.structures import RECORDS_KIND, Kind, kind_of
from protobase_live.structures.key_order import KeyOrder
from protobase_live.structures.kind import Args
from protobase_live.structures.raw import RawMap, map_entry, native_entry, observe, opened

Rows = dict[str, dict[str, Any]]

COMPARE_SLICE = 5_000
"""How many records are compared with what they were without a pause."""

_ROW_SIZE = 5
"""How many values take as long to read as a record without any."""

_SIZED = frozenset({list, dict})


class Look(NamedTuple):
    """What was refreshed since some moment."""

    before: Mapping[str, dict[str, Any] | None]
    """What each record was at that moment."""
    fields: dict[str, frozenset[str] | None]
    """Which fields of it; None: all of them."""

    def note(self, key: str, fields: Collection[str] | None) -> None:
        """A record was refreshed, as far as these fields go."""
        known = self.fields.get(key, frozenset[str]())
        self.fields[key] = None if fields is None or known is None else known.union(fields)


class RecordRows:
    """The root map of records, with a plain row for each that is kept up by `refresh_changed`."""

    def __init__(self, doc: Doc[Any]) -> None:
        self.shared: Map[Any] = doc.get(RECORDS.path[0], type=Map)
        self.rows: Rows = {}
        self._order = KeyOrder(self.rows)
        self.strays: dict[str, Any] = {}
        """The plain values of what Yjs clients put there that is no record."""
        self._changed: dict[str, set[str] | None] = {}
        """The fields of records that have changed and were not read anew; None: all of them."""
        self._before: dict[str, dict[str, Any] | None] = {}
        self._look: Look | None = None
        self._watch = observe(self.shared, self._on_records)

    def _on_records(self, events: Sequence[Any]) -> None:
        for event in events:
            path = event.path
            if not path:
                for key in event.keys:
                    self.note(key, None)
            elif isinstance(path[0], str):  # else somebody put it into the root as into an array: no record
                fields = path[1:2] or getattr(event, "keys", None)
                # What was put into a record as into an array has a number there, and is no field.
                self.note(path[0], None if fields is None else [f for f in fields if isinstance(f, str)])

    def note(self, key: str, fields: Iterable[str] | None) -> None:
        """Some fields of a record have changed; None: all of them."""
        known = self._changed.setdefault(key, set())
        if fields is None:
            self._changed[key] = None
        elif known is not None:
            known.update(fields)

    @property
    def has_changed(self) -> bool:
        """Whether there is anything that has changed and was not read anew."""
        return bool(self._changed)

    def close(self) -> None:
        """Observe no more."""
        self._watch.drop()

    @contextmanager
    def looking(self) -> Generator[Look]:
        """What is refreshed meanwhile, as it was before."""
        before, self._before = self._before, {}
        self._look = look = Look(self._before, {})
        try:
            yield look
        finally:
            self._look, self._before = None, {**self._before, **before}

    def _refresh(self, raw: Any, txn: Any, key: str, fields: Collection[str] | None) -> None:
        """Read one record anew, or only these fields of it: another may be a list of millions."""
        before = self.rows.get(key)
        self._before.setdefault(key, before)
        if self._look is not None:
            self._look.note(key, fields)
        if before is not None and fields is not None:
            record = native_entry(raw, txn, key)
            if isinstance(record, RawMap):
                self.rows[key] = RECORDS_KIND.reread(record, txn, before, fields)
                return
        self._refresh_whole(raw, txn, key)

    def _refresh_whole(self, raw: Any, txn: Any, key: str) -> None:
        row, value = RECORDS_KIND.native_entry(raw, txn, key)
        self.strays.pop(key, None)
        if row is not None:
            if key not in self.rows:
                self._order.add(key)
            self.rows[key] = row
            return
        if self.rows.pop(key, None) is not None:
            self._order.discard(key)
        if raw.has(txn, key):
            self.strays[key] = value

    def answer(self, method: str, args: Args) -> Any:
        """Answer a checked question about the records, or what stands in their place."""
        if method == "strays":
            return RECORDS_KIND.answer(self.strays, method, args)
        return RECORDS_KIND.answer_in_order(self.rows, self._order, method, args)

    def refresh_changed(self, limit: int = sys.maxsize) -> list[str]:
        """Read what has changed and was not read since, up to about `limit` values; answers with the keys."""
        refreshed: list[str] = []
        if not self._changed:  # most turns change none, and a transaction takes as long as all else here
            return refreshed
        size = 0
        with opened(self.shared) as (raw, txn):  # once for all takes less time than for each
            while self._changed and size < limit:
                key, fields = self._changed.popitem()
                self._refresh(raw, txn, key, fields)
                refreshed.append(key)
                size += _size_of(self.rows.get(key, {}), fields)
        return refreshed

    def forget_changed(self) -> None:
        """What has changed was read already."""
        self._changed.clear()

    def carry_on(self, before: RecordRows) -> Generator[None, None, list[tuple[str, str]]]:
        """Take the place of another view of the same records, with pauses.

        Answers with what it read otherwise.
        """
        self._before, touched = dict(before._before), list[tuple[str, str]]()
        for number, key in enumerate({**before.rows, **self.rows}, 1):
            if number % COMPARE_SLICE == 0:
                yield
            was, now = before.rows.get(key), self.rows.get(key)
            if not values.same(was, now):
                self._before.setdefault(key, was)
                touched.append((RECORDS.path[0], key))
            elif was is not None:
                self.rows[key] = was
        self._changed.clear()
        return touched

    def replace(self, before: RecordRows) -> None:
        """Take over what another view of the same records has read."""
        self.rows, self._order, self._before = before.rows, before._order, before._before
        self.strays = before.strays
        self._changed.clear()

    def differences(self) -> Iterator[Difference]:
        """What was refreshed in this turn, before and after."""
        for key, before in self._before.items():
            yield Difference("records", key, before, self.rows.get(key))

    def snapshot(self) -> list[Difference]:
        """Every record, as if it had just been inserted."""
        return [Difference("records", key, None, row) for key, row in sorted(self.rows.items())]

    def end_turn(self) -> None:
        """Begin the next turn."""
        self._before = {}
        self._changed.clear()

    def field(self, kind: Kind, target: Target) -> Any:
        """The shared type in a record's field; None for one that nobody wrote yet.

        Raises RecordMissing and KindMismatch.
        """
        _, key, field = target.path
        record: Any = map_entry(self.shared, key)
        if isinstance(record, Map):
            shared: Any = map_entry(cast("Map[Any]", record), field)
        elif (row := RECORDS_KIND.entry(self.shared, key)[0]) is not None:
            shared = row.get(field)  # of a plain object
        else:
            raise RecordMissing(f"there is no record {key!r}, so it has no field {field!r}")
        if shared is None:
            return None
        found = kind_of(shared)
        if found != kind.name:
            raise mismatch(target, found)
        return shared


def _size_of(row: Mapping[str, Any], fields: Collection[str] | None) -> int:
    """About how many values it takes to read these fields of a row; None: all of it."""
    size = _ROW_SIZE
    for value in row.values() if fields is None else map(row.get, fields):
        size += len(cast("Sized", value)) if value.__class__ in _SIZED else 1
    return size


def mismatch(target: Target, found: str | None) -> KindMismatch:
    """Says that a field holds something of another kind than the target's (None: a plain value), and what
    makes it one."""
    _, key, field = target.path
    held = "a plain value" if found is None else a_kind(found)
    what = f"field {field!r} of record {key!r} is {held}, not {a_kind(target.kind)}"
    right = f"writing {field!r} with a class in which it is one makes it one"
    return KindMismatch(what if found else f"{what}; {right}")
