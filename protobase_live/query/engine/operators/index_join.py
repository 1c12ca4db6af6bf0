"""Puts beside each row the records of a collection whose keys are equal, each looked up when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from protobase_live.model.names import KEY_FIELD
from protobase_live.query.ast.expressions import Field
from protobase_live.query.ast.ordering import NONE, TEXT, SortKey
from protobase_live.query.ast.tree import Join, Where
from protobase_live.query.engine.code import compile_keys
from protobase_live.query.engine.guard import split
from protobase_live.query.engine.index import KEY_PATH, Index, behind, named
from protobase_live.query.engine.operator import Changes, Delta, Item, Operator, Row
from protobase_live.query.engine.operators.batches import batched
from protobase_live.query.engine.table import Table

JoinKey = tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """How to find the records for a join key: by some parts of it, in the index or as the records' key."""

    index: Index | None
    parts: tuple[int, ...]


def lookup_for(table: Table, step: Join) -> Lookup | None:
    """The lookup that says most about the partners in ``table``; None where each row has to be seen."""
    if step.how not in ("inner", "left") or not all(isinstance(each, Where) for each in step.other.steps):
        return None
    parts = {other.field_path: n for n, (_, other) in enumerate(step.on) if isinstance(other, Field)}
    if KEY_PATH in parts:
        return Lookup(None, (parts[KEY_PATH],))
    found = [
        Lookup(index, tuple(parts[path] for path in takewhile(parts.__contains__, index.paths)))
        for index in table.usable
    ]
    best = max(found, key=lambda each: len(each.parts), default=None)
    return best if best is not None and best.parts else None


class IndexJoin(Operator):
    """`HashJoin` of ``left`` with a table by a lookup: the same items, without reading all of the table."""

    name = "index join"

    def __init__(self, left: Operator, table: Table, step: Join, lookup: Lookup) -> None:
        self.inputs = (left,)
        self.step = step
        self._table = table
        self._rows = table.rows
        self._parts, self._index = lookup.parts, lookup.index
        self._left_key = compile_keys([mine for mine, _ in step.on])
        self._right_key = compile_keys([other for _, other in step.on])
        asked, _ = split(step.other.steps)
        self._condition = asked.whole
        self._test = asked.test()

    @property
    def sorted(self) -> bool:
        return self.inputs[0].sorted

    @property
    def detail(self) -> str:
        on = ", ".join(f"{mine} == {self.step.name}.{other}" for mine, other in self.step.on)
        index = self._index
        way = "by key" if index is None else f"index on {named(index.paths)}"
        where = "" if self._condition is None else f" where {self._condition}"
        return f"{self.step.how}, {on}, {self._table.name}: {way}{where}"

    def fetch(self) -> Iterator[list[Item]]:
        for batch in self.inputs[0].fetch():
            yield from batched(item for left in batch for item in self._of_left(left))
            yield []

    def pin(self) -> None:
        """Keep what partners are looked up in as it is now; see `Source.pin`.

        Not the partners: there may be very many.
        """
        self._rows = self._rows.copy()
        self._index = self._index and self._index.copy()

    def push(self, changes: Changes) -> Delta:
        raise NotImplementedError("a join that looks records up only answers once; see HashJoin")

    def _of_left(self, left: Item) -> Iterator[Item]:
        identity, rank, row = left
        key, name, partnered = self._left_key(row), self.step.name, False
        for found in () if NONE in key else self._partners(key):
            partnered = True
            yield ((identity,), (found[KEY_FIELD],)), rank, {**row, name: found}
        if not partnered and self.step.how == "left":
            yield ((identity,), ()), rank, {**row, name: None}

    def _partners(self, key: JoinKey) -> Iterator[Row]:
        """The rows of the other records that have this join key, in the order of their keys."""
        test = self._test
        for found in self._candidates(tuple([key[part] for part in self._parts])):
            row = self._rows.get(found)  # which may have been pinned since the last one
            if row is None or (test is not None and not test(row)):
                continue
            if len(self._parts) == len(key) or self._right_key(row) == key:
                yield row

    def _candidates(self, values: JoinKey) -> Iterable[str]:
        index = self._index
        if index is None:
            return (values[0][1],) if values[0][0] == TEXT else ()
        return sorted(index.keys(*index.stretch(values, behind(values))))
