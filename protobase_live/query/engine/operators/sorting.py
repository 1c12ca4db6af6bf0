"""Puts items in order: the end of a plan whose rows are not in order yet."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from protobase_live.query.engine.operator import BATCH_ROWS, Changes, Delta, Item, Operator, place
from protobase_live.query.engine.operators.batches import batched

RUN_ROWS = 16 * BATCH_ROWS
"""Most items that are sorted at a stretch, in about 10 ms; the sorted runs are merged lazily."""


class Sorting(Operator):
    """The same items, in order."""

    name = "sorting"

    def __init__(self, input: Operator) -> None:
        self.inputs = (input,)

    @property
    def sorted(self) -> bool:
        return True

    def fetch(self) -> Iterator[list[Item]]:
        if self.inputs[0].sorted:
            yield from self.inputs[0].fetch()
            return
        runs: list[list[Item]] = [[]]
        for batch in self.inputs[0].fetch():
            runs[-1] += batch
            if len(runs[-1]) >= RUN_ROWS:
                runs[-1].sort(key=place)
                runs.append([])
            yield []
        runs[-1].sort(key=place)
        yield from batched(merge(*runs, key=place))

    def push(self, changes: Changes) -> Delta:
        return self.inputs[0].push(changes)
