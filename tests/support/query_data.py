"""Random schemas, records and transactions for the tests of queries.

Everything is picked from small pools, so that rows meet in joins, groups and sorts. What is picked shrinks
towards the beginning of its pool, and what may be absent towards absence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Any, TypeVar

from hypothesis import strategies as st

from protobase_live.model.values import same
from protobase_live.query.engine.table import Record

T = TypeVar("T")
Row = dict[str, Any]
Data = dict[str, dict[str, Row]]
"""Records by key, by collection."""

Schema = dict[str, dict[str, str]]
"""The kind of each field, by collection."""

COLLECTIONS = ("tasks", "users", "teams")
KEYS = ("a", "b", "c", "d", "e", "ö")
FIELDS = ("p", "q", "r", "s")

POOLS: dict[str, list[Any]] = {
    "whole": [0, 1, 2, 3, -1, 10],
    "number": [0, 1, 0.5, -1.5, 0.1, 0.2, 0.3, 2**53, 2**53 + 1, -(2**70), 1e300, -1e300],
    "half": [0, 1, 0.5, -1.5, 2.25, 3],
    "made": [0, 1, 2, 0.5, "a", -1],
    "text": ["", "a", "b", "ab", "A", "ba", "é", "a%b", "a_b", "\\", "a\nb", "\uffff", "\U0001f600"],
    "bool": [False, True],
    "flag": [False, 0, True, 1],
    "ref": [*KEYS, "nobody"],
    "refs": [[], ["a"], ["b", "a"], ["c", "c"], ["d", None], ["ö", "nobody", "a"]],
    "list": [[], [0], [1, True], [[1], [0]], ["b", None, "a"], [{"x": 1}, 1, 1]],
    "dict": [{}, {"x": 0}, {"x": 1, "y": "a"}, {"y": "b"}, {"x": None, "y": "a"}, {"x": {"x": 1}}],
    "bytes": [b"", b"a", b"\xff"],
    "moment": [
        date(2025, 1, 1),
        datetime(2025, 1, 1),
        date(2024, 2, 29),
        datetime(2025, 1, 1, 12, 30, 0, 1),
        datetime(2025, 1, 1, 12, tzinfo=UTC),
        datetime(2025, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    "set": [set(), {0}, {"a", "b"}, {"b", 2, None}, {"ö", (1, "a")}, {True}],
}
POOLS["mixed"] = [
    0,
    None,
    "a",
    True,
    1,
    [1],
    False,
    {"x": 0},
    1.5,
    "b",
    b"a",
    date(2025, 1, 1),
    "c",
    {"x": 1},
]
"""What fields of each kind hold."""

KINDS = (
    "whole",
    "ref",
    "text",
    "number",
    "bool",
    "flag",
    "refs",
    "mixed",
    "dict",
    "list",
    "moment",
    "bytes",
    "set",
)
STORED = tuple(kind for kind in KINDS if kind != "set")
"""Kinds that a plain record of a database can hold."""


class Dice:
    """Where random choices come from."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def below(self, n: int) -> int:
        """A number from 0 to ``n - 1``, smaller as it shrinks."""
        return self._draw(_below(n))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, an earlier one as it shrinks."""
        return options[self.below(len(options))]

    def chance(self, n: int) -> bool:
        """True once in ``n`` times, False as it shrinks."""
        return self.below(n) == n - 1

    def draw(self, strategy: st.SearchStrategy[T]) -> T:
        """What another strategy gives."""
        return self._draw(strategy)


@cache
def _below(n: int) -> st.SearchStrategy[int]:
    return st.integers(0, n - 1)


# records


def schema_of(dice: Dice, kinds: Sequence[str] = KINDS) -> Schema:
    """One to three collections with two to four fields, of at most three kinds."""
    few = [dice.pick(kinds) for _ in range(3)]
    return {
        name: {field: dice.pick(few) for field in FIELDS[: 2 + dice.below(3)]}
        for name in COLLECTIONS[: 1 + dice.below(3)]
    }


def record_of(dice: Dice, fields: Mapping[str, str]) -> Row:
    """A record; a few of its fields are None or missing."""
    row: Row = {}
    for name, kind in fields.items():
        pool = POOLS[kind]
        found = dice.below(2 * len(pool) + 2)
        if found:
            row[name] = None if found == 2 * len(pool) + 1 else pool[(found - 1) % len(pool)]
    return row


def data_of(dice: Dice, schema: Schema) -> Data:
    """Records for all collections; a key in four has none."""
    return {
        name: {key: record_of(dice, fields) for key in KEYS if dice.below(4)}
        for name, fields in schema.items()
    }


# transactions


@dataclass(frozen=True)
class Write:
    """One operation: put a record in place, set some of its fields (``patch``), or delete it."""

    collection: str
    key: str
    fields: Row | None
    patch: bool = False


Transaction = list[Write]
"""Writes that commit as one, at most one to a record."""


def write_of(dice: Dice, schema: Schema) -> Write:
    """A write to any record."""
    collection, key = dice.pick(list(schema)), dice.pick(KEYS)
    fields = schema[collection]
    action = dice.below(4)
    if action == 0:
        return Write(collection, key, None)
    if action == 1:
        return Write(collection, key, record_of(dice, fields))
    name = dice.pick(list(fields))
    return Write(collection, key, {name: dice.pick(POOLS[fields[name]])}, patch=True)


@st.composite
def transactions(draw: st.DrawFn, schema: Schema) -> Transaction:
    """Transactions of one to five writes."""
    dice = Dice(draw)
    found = [write_of(dice, schema) for _ in range(1 + dice.below(5))]
    return list({(write.collection, write.key): write for write in found}.values())


def after(data: Data, transaction: Transaction) -> Data:
    """What the collections hold after a transaction."""
    held = {name: dict(found) for name, found in data.items()}
    for write in transaction:
        rows = held[write.collection]
        if write.fields is None:
            rows.pop(write.key, None)
        else:
            rows[write.key] = {**(rows.get(write.key, {}) if write.patch else {}), **write.fields}
    return held


def difference(before: Data, now: Data) -> dict[str, list[Record]]:
    """Which records changed between two contents, by collection, and what they are now."""
    found: dict[str, list[Record]] = {}
    for name in now:
        old, new = before.get(name, {}), now[name]
        changed = [(key, new.get(key)) for key in {**old, **new} if not same(old.get(key), new.get(key))]
        if changed:
            found[name] = changed
    return found
