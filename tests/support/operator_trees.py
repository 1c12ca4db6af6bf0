"""Trees of operators over a few records, and the check of what `operators.operator` says of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from protobase_live.model.values import copy, same
from protobase_live.query.engine.operator import (
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    RecordChange,
    Row,
    alike,
    items_of,
    place,
)

Tables = dict[str, dict[str, Row]]
"""Records by collection and key."""

Turn = Mapping[str, Mapping[str, Row | None]]
"""What records become, by collection and key; None: they go."""

Make = Callable[[Tables], Operator]
"""Makes a tree over some records; a tree for `push` is made over none."""

KEYS = "abcdef"


class Records(Operator):
    """The records of one collection, in the order of their keys or else in the reverse."""

    name = "records"

    def __init__(self, tables: Tables, collection: str = "one", *, in_order: bool = True) -> None:
        self.records = tables.get(collection, {})
        self.collection = collection
        self.in_order = in_order
        self.fetched = 0

    @property
    def sorted(self) -> bool:
        return self.in_order

    def fetch(self) -> Iterator[list[Item]]:
        for key in sorted(self.records, reverse=not self.in_order):
            self.fetched += 1
            yield [item(key, self.records[key])]
            yield []

    def push(self, changes: Changes) -> Delta:
        return [
            (None if old is None else item(key, old), None if new is None else item(key, new))
            for key, old, new in changes.get(self.collection, ())
            if not same(old, new)
        ]


def item(key: str, fields: Row) -> Item:
    """The item of a record."""
    return key, (), {**fields, "_key": key}


class Watch:
    """Pushes changes through a tree, checks what comes out and adds it up."""

    def __init__(self, make: Make) -> None:
        self.tables: Tables = {}
        self.items: dict[Identity, Item] = {}
        self._make = make
        self._tree = make({})
        self._copies: dict[int, tuple[Row, Row]] = {}

    def push(self, turn: Turn) -> Delta:
        """Make the records what ``turn`` says; the checked delta."""
        delta = self._tree.push(self._change(turn))
        identities = [_identity_of(before, after) for before, after in delta]
        assert len(set(identities)) == len(identities)
        for identity, (before, after) in zip(identities, delta, strict=True):
            assert alike(before, self.items.pop(identity, None))
            assert not alike(before, after)
            if after is not None:
                self.items[identity] = after
                self._copies[id(after[2])] = after[2], copy(after[2])
        for row, original in self._copies.values():
            assert same(row, original), "a row was changed after it had been passed on"
        return delta

    def rows(self) -> list[Row]:
        """The rows that the deltas add up to, in order."""
        return [row for _, _, row in in_order(self.items.values())]

    def check(self) -> None:
        """Compare with what a fresh tree fetches from the same records."""
        tree = self._make(self.tables)
        fetched = list(items_of(tree.fetch()))
        if tree.sorted:
            assert fetched == in_order(fetched)
        assert len({found[0] for found in fetched}) == len(fetched)
        pushed, fetched = in_order(self.items.values()), in_order(fetched)
        assert [found[0] for found in pushed] == [found[0] for found in fetched]
        for one, other in zip(pushed, fetched, strict=True):
            assert alike(one, other), (one, other)

    def _change(self, turn: Turn) -> dict[str, list[RecordChange]]:
        changes: dict[str, list[RecordChange]] = {}
        for collection, records in turn.items():
            table = dict(self.tables.get(collection, {}))
            for key, fields in records.items():
                changes.setdefault(collection, []).append((key, table.pop(key, None), fields))
                if fields is not None:
                    table[key] = fields
            self.tables[collection] = table
        return changes


def _identity_of(before: Item | None, after: Item | None) -> Identity:
    assert before is not None or after is not None
    if before is not None and after is not None:
        assert before[0] == after[0]
    return (before or after)[0]  # type: ignore[index]


def in_order(items: Iterable[Item]) -> list[Item]:
    """The items by their place."""
    return sorted(items, key=place)


def fetch(tree: Operator) -> list[Row]:
    """The rows that a tree fetches, in order."""
    return [row for _, _, row in in_order(items_of(tree.fetch()))]


keys = st.sampled_from(KEYS)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_ELSEWHERE = NOON.astimezone(timezone(timedelta(hours=1)))
EQUAL = [NOON, NOON_ELSEWHERE, 0, -0.0, 2**60, float(2**60)]
"""Pairs that Python and queries call equal, and that are not stored alike."""

scalars = st.sampled_from([None, False, True, 0, 1, 1.0, 2, 2.5, "", "x", "y"])
numbers = st.one_of(
    scalars, st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), st.just(2**60 + 1)
)
references = st.one_of(st.none(), keys, st.lists(keys, max_size=3), st.sets(keys, max_size=3))
elements = st.one_of(scalars, st.lists(scalars, max_size=3), st.sets(scalars, max_size=3))

fields = st.fixed_dictionaries(
    {}, optional={"a": scalars, "b": scalars, "n": numbers, "r": references, "t": elements}
)


def histories_of(
    keys: st.SearchStrategy[str], fields: st.SearchStrategy[Row]
) -> st.SearchStrategy[list[Turn]]:
    """Shows, one after the other, of records with these keys and fields."""
    records = st.dictionaries(keys, st.none() | fields, max_size=4)
    turns: st.SearchStrategy[Turn] = st.fixed_dictionaries({}, optional={"one": records, "two": records})
    return st.lists(turns, min_size=1, max_size=6)


histories = histories_of(keys, fields)
equal = st.sampled_from(EQUAL)
equal_histories = histories_of(
    st.sampled_from("abc"), st.fixed_dictionaries(dict.fromkeys("abn", equal) | {"t": st.lists(equal)})
)
"""The same of records with values that Python calls equal."""


def run(make: Make, history: Iterable[Turn], expected: Callable[[Tables], list[Row]] | None = None) -> Any:
    """Push ``history`` through a tree. After each turn its rows must be what a fresh tree fetches, and what
    ``expected`` says (in order)."""
    watch = Watch(make)
    watch.push({})
    for turn in history:
        watch.push(turn)
        watch.check()
        if expected is not None:
            rows, wanted = watch.rows(), expected(watch.tables)
            assert same(rows, wanted), (rows, wanted)
