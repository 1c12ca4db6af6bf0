"""The records of a document: their plain view, and what a turn did to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pycrdt import Doc, Map

from protobase_live import values
from protobase_live.document.difference import Difference
from protobase_live.errors import KindMismatch, RecordMissing
from protobase_live.operations import RECORDS, Target
from protobase_live.structures import RECORDS_KIND, Kind, kind_of
from protobase_live.structures.raw import map_entry, observe

Rows = dict[str, dict[str, Any]]


class RecordRows:
    """The root map of records, with a plain row for each that is kept up by `refresh`."""

    def __init__(self, doc: Doc[Any]) -> None:
        self.shared: Map[Any] = doc.get(RECORDS.path[0], type=Map)
        self.rows: Rows = {}
        self.changed: set[str] = set()
        """Keys of the records that Yjs transactions have changed, since somebody cleared it."""
        self._before: dict[str, dict[str, Any] | None] = {}
        self._watch = observe(self.shared, self._on_records)

    def _on_records(self, events: Sequence[Any]) -> None:
        for event in events:
            path = event.path
            if not path:
                self.changed.update(event.keys)
            elif isinstance(path[0], str):  # else somebody put it into the root as into an array: no record
                self.changed.add(path[0])

    def close(self) -> None:
        """Observe no more."""
        self._watch.drop()

    def refresh(self, key: str) -> None:
        """Read one record anew."""
        before = self.rows.get(key)
        self._before.setdefault(key, before)
        shared: Any = map_entry(self.shared, key)
        if isinstance(shared, Map):
            self.rows[key] = RECORDS_KIND.row(cast("Map[Any]", shared))
        else:  # deleted, or something a Yjs client put there that is no record
            self.rows.pop(key, None)

    def carry_on(self, before: RecordRows) -> list[tuple[str, str]]:
        """Take the place of another view of the same records; answers with what it read otherwise."""
        self._before, touched = dict(before._before), list[tuple[str, str]]()
        for key in before.rows.keys() | self.rows.keys():
            was, now = before.rows.get(key), self.rows.get(key)
            if not values.same(was, now):
                self._before.setdefault(key, was)
                touched.append((RECORDS.path[0], key))
            elif was is not None:
                self.rows[key] = was
        self.changed.clear()
        return touched

    def differences(self) -> list[Difference]:
        """What was refreshed in this turn, before and after."""
        return [
            Difference("records", key, before, self.rows.get(key)) for key, before in self._before.items()
        ]

    def snapshot(self) -> list[Difference]:
        """Every record, as if it had just been inserted."""
        return [Difference("records", key, None, row) for key, row in sorted(self.rows.items())]

    def end_turn(self) -> None:
        """Begin the next turn."""
        self._before = {}
        self.changed.clear()

    def field(self, kind: Kind, target: Target) -> Any:
        """The shared type in a record's field; None for one that nobody wrote yet.

        Raises RecordMissing and KindMismatch.
        """
        _, key, field = target.path
        record: Any = map_entry(self.shared, key)
        if not isinstance(record, Map):
            raise RecordMissing(f"there is no record {key!r}, so it has no field {field!r}")
        shared: Any = map_entry(cast("Map[Any]", record), field)
        if shared is None:
            return None
        found = kind_of(shared) or "plain value"
        if found != kind.name:
            raise KindMismatch(f"field {field!r} of record {key!r} is a {found}, not a {kind.name}")
        return shared
