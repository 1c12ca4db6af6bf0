"""Counts the rows."""

from __future__ import annotations

from collections.abc import Iterator

from protobase_live.query.engine.operator import Changes, Delta, Item, Operator


class Counting(Operator):
    """One item, with how many items the input has; the first `push` says so even if there are none."""

    name = "counting"

    def __init__(self, input: Operator) -> None:
        self.inputs = (input,)
        self._count = 0
        self._shown: Item | None = None

    @property
    def sorted(self) -> bool:
        return True

    def fetch(self) -> Iterator[list[Item]]:
        count = 0
        for batch in self.inputs[0].fetch():
            count += len(batch)
            yield []
        yield [_item(count)]

    def push(self, changes: Changes) -> Delta:
        for before, after in self.inputs[0].push(changes):
            self._count += (after is not None) - (before is not None)
        before, after = self._shown, _item(self._count)
        if before is not None and before[2] == after[2]:
            return []
        self._shown = after
        return [(before, after)]


def _item(count: int) -> Item:
    return (), (), {"count": count}
