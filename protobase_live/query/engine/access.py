"""How the records that a query starts from are reached in a table as it is now.

Costs are those of rows: one for a row of a scan, INDEX_ROW for one that is read through an index, SORT_ROW
for one that is then sorted, LOOKUP for each stretch that is looked up. The length of a stretch is known. How
many records are selected is known, too, if one way takes care of the whole condition; else it is guessed to
be one of RESIDUAL on the shortest way. A way in the order asked for is read until it has given what the
query's limit asks for; matches are expected to lie evenly in it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from protobase_live.query.ast.expressions import Expr
from protobase_live.query.engine.access_paths import AccessPath, AccessPaths, Terms
from protobase_live.query.engine.code import compile_rank
from protobase_live.query.engine.effort import apart
from protobase_live.query.engine.guard import Guarded
from protobase_live.query.engine.index import Paths
from protobase_live.query.engine.operator import BATCH_ROWS, Rank, Row
from protobase_live.query.engine.table import Table

INDEX_ROW = 4
SORT_ROW = 4
LOOKUP = 8
RESIDUAL = 4

FIRST_BATCH = 16
"""Fewest records that an ordered way is read in at first; each batch is twice as large as the one before."""


class Selection:
    """The records of a query before its first step that is not about single records.

    ``reach`` is how many of them, in the order of ``terms`` (then of keys), the query looks at; None: all.
    ``condition`` is asked of those for which ``guard`` is true.
    """

    def __init__(
        self,
        condition: Expr | None,
        terms: Terms = (),
        reach: int | None = None,
        guard: Expr | None = None,
    ) -> None:
        self.condition = condition
        self.guard = guard
        self.terms = terms
        self.reach = reach
        self.rank = compile_rank(terms) if terms else None
        self.place = apart(self.rank) if self.rank and guard is not None else self.rank
        """`rank`, of rows that the guard may leave out: what it costs must not add up to a failure."""
        self._ways = AccessPaths(Guarded(guard, condition), terms)
        self._found: tuple[tuple[Paths, ...] | None, tuple[AccessPath, ...]] = (None, ())

    def access(self, table: Table) -> Access:
        """The cheapest way, as the table is now."""
        indexes, ways = self._found
        usable = tuple([index.paths for index in table.usable])
        if indexes != usable:
            ways = tuple(self._ways.through(table.usable))
            self._found = usable, ways
        found = [Access(self, way, table) for way in ways]
        exact = [each.count for each in found if each.way.is_exact]
        kept = exact[0] if exact else min([each.count for each in found]) / RESIDUAL
        for each in found:
            each.expect(kept)
        return min(found, key=_cost)


class Access:
    """A way to the records of a selection, in a table; good until the table changes."""

    __slots__ = (
        "_keys",
        "_positions",
        "_selection",
        "_table",
        "cost",
        "count",
        "rows",
        "sorted",
        "way",
    )

    def __init__(self, selection: Selection, way: AccessPath, table: Table) -> None:
        self._selection = selection
        self._table = table
        self.way = way
        self.sorted = way.walk is not None
        """Whether it gives the order asked for."""
        self._positions: list[tuple[int, int]] = []
        self._keys = None if way.keys is None else [key for key in way.keys if key in table.rows]
        if way.paths is not None:
            stretch = table.index(way.paths).stretch
            self._positions = [stretch(low, high) for low, high in way.stretches]
            self.count = sum([stop - start for start, stop in self._positions])
            """How many records there are to read."""
        else:
            self.count = len(table.rows if self._keys is None else self._keys)

    def expect(self, kept: float) -> None:
        """Estimate ``rows`` and ``cost``, if ``kept`` of the records are selected."""
        read, reach = self.count, self._selection.reach
        if reach is not None and reach < kept:
            self.rows = reach
            if self.sorted:
                read = reach if self.way.is_exact else read * reach / kept
        else:
            self.rows = round(kept)
        is_scan = self.way.paths is None and self.way.keys is None
        self.cost = read if is_scan else read * INDEX_ROW + len(self._positions) * LOOKUP
        if not self.sorted and (self._selection.terms or reach is not None):
            self.cost += kept * SORT_ROW

    @property
    def scan(self) -> Callable[[Iterable[Row]], list[Row]] | None:
        """Picks the selected ones of the rows that are read; None: they all are."""
        return self.way.scan

    @property
    def rank(self) -> Callable[[Row], Rank] | None:
        """Gives a row its rank; None: they all have the rank ``()``."""
        return self._selection.rank

    @property
    def first_batch(self) -> int:
        """How many records to read at first."""
        reach = self._selection.reach
        return max(FIRST_BATCH, min(reach, BATCH_ROWS)) if self.sorted and reach else BATCH_ROWS

    def read(self) -> Iterator[Row]:
        """The rows of ``count`` records, lazily: the table may not change until all are read."""
        rows = self._table.rows
        if self._keys is None and self.way.paths is None:
            return iter(rows.values())
        return map(rows.__getitem__, self._found_keys())

    def _found_keys(self) -> Iterable[str]:
        if self.way.paths is None:
            return self._keys or ()
        index, walk = self._table.index(self.way.paths), self.way.walk or "up"
        stretches = [index.keys(start, stop, walk) for start, stop in self._positions]
        if len(stretches) == 1:
            return stretches[0]
        return heapq.merge(*stretches, key=self._place) if self.sorted else chain.from_iterable(stretches)

    def _place(self, key: str) -> tuple[Rank, str]:
        rank = self._selection.place
        return () if rank is None else rank(self._table.rows[key]), key

    def __str__(self) -> str:
        if self.sorted:
            return f"{self.way}, in order"
        terms = ", ".join(f"{each} descending" if down else str(each) for each, down in self._selection.terms)
        return f"{self.way}, to be sorted by {terms}" if terms else str(self.way)


def _cost(access: Access) -> float:
    return access.cost
