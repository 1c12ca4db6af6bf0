"""Walks from records to those they refer to, or that refer to them.

Level 0 is what the start holds; level i+1 is what level i refers to, whether there is such a record or not.
A record is shown if it is on a level, with the number of the lowest one.

For `push`, a level holds for each key how many references from the level before lead to it (level 0: one
for each key of the start); the key is on the level as long as there are any. What a change does to the
counts of the next level is the new references of the keys that came or went, and the changed references of
the keys that were on the level before. There are as many levels as the depth allows, so circles need no care.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from protobase_live.errors import LimitExceeded
from protobase_live.query.ast.tree import Traverse
from protobase_live.query.engine.code import compile_value
from protobase_live.query.engine.operator import Changes, Delta, Item, Operator, alike
from protobase_live.query.engine.operators.batches import batched

DEPTH = "_depth"
"""The field that says on which level a record was found."""

MAX_PUSHED_REFERENCES = 1_000_000
"""Most references, counted on each level, that one push follows; above it the live query fails."""

Counts = dict[str, int]
"""By key, how many there are, or how many more or less."""


class Traversal(Operator):
    """The records on the levels from ``start`` on, with DEPTH; ``records`` gives the whole collection."""

    name = "traversal"

    def __init__(self, start: Operator, records: Operator, step: Traverse) -> None:
        self.inputs = (start, records)
        self.step = step
        self._value = compile_value(step.field)
        self._records: dict[str, Item] = {}
        self._referring: defaultdict[str, set[str]] = defaultdict(set)
        """In reverse, the keys of the records that refer to a key."""
        self._levels: list[Counts] = [{} for _ in range(step.depth + 1)]
        self._shown: dict[str, Item] = {}

    @property
    def detail(self) -> str:
        return f"{'back along' if self.step.reverse else 'along'} {self.step.field}, depth {self.step.depth}"

    def fetch(self) -> Iterator[list[Item]]:
        for batch in self.inputs[1].fetch():
            for item in batch:
                self._learn(None, item)
            yield []
        start: dict[str, None] = {}
        for batch in self.inputs[0].fetch():
            start.update((item[0], None) for item in batch)
            yield []
        yield from self._walk(start)

    def _walk(self, level: Mapping[str, None]) -> Iterator[list[Item]]:
        """The records from those of ``level`` on; each is reached on its lowest level first."""
        seen = set(level)
        for depth in range(self.step.depth + 1):
            following: dict[str, None] = {}
            for keys in batched(level):
                yield [_at(depth, self._records[key]) for key in keys if key in self._records]
                found = (target for key in keys for target in self._targets(key))
                following.update((target, None) for target in found if target not in seen)
            seen.update(following)
            level = following

    def push(self, changes: Changes) -> Delta:
        starts, records = self.inputs[0].push(changes), self.inputs[1].push(changes)
        edges: defaultdict[str, Counts] = defaultdict(dict)
        for before, after in records:
            for source, target, sign in self._learn(before, after):
                edges[source][target] = sign
        touched = {_key(*pair) for pair in records}
        counts = {_key(*pair): (pair[1] is not None) - (pair[0] is not None) for pair in starts}
        work = 0
        for level in self._levels:
            moved = _include(counts, level)
            touched.update(moved)
            counts = self._following(level, moved, edges)
            work += sum(map(abs, counts.values()))
            if work > MAX_PUSHED_REFERENCES:
                raise LimitExceeded(
                    f"one change moves more than {MAX_PUSHED_REFERENCES} references of this live query "
                    "(MAX_PUSHED_REFERENCES): traverse less deep, or from fewer records"
                )
        return self._show(touched)

    def _following(self, level: Counts, moved: Counts, edges: Mapping[str, Counts]) -> Counts:
        """What has changed in the next level's counts, when ``moved`` came to (1) and left (-1) this one."""
        counts: Counter[str] = Counter()
        for key, sign in moved.items():
            for target in self._targets(key):
                counts[target] += sign
        for source, targets in edges.items():
            was_here = (source in level) != (source in moved)
            if was_here:
                counts.update(targets)
        return counts

    def _show(self, keys: Iterable[str]) -> Delta:
        """The difference between what was shown of ``keys`` and what is shown now."""
        delta: Delta = []
        for key in keys:
            before, after = self._shown.pop(key, None), self._item(key)
            if after is not None:
                self._shown[key] = after
            if not alike(before, after):
                delta.append((before, after))
        return delta

    def _item(self, key: str) -> Item | None:
        record = self._records.get(key)
        depth = next((depth for depth, level in enumerate(self._levels) if key in level), None)
        return None if record is None or depth is None else _at(depth, record)

    def _learn(self, before: Item | None, after: Item | None) -> list[tuple[str, str, int]]:
        """Put a record in the place of another; the references, from and to, that went (-1) and came (1)."""
        key = _key(before, after)
        olds = _references(None if before is None else self._value(before[2]))
        news = _references(None if after is None else self._value(after[2]))
        if after is None:
            del self._records[key]
        else:
            self._records[key] = after
        changed = [(target, -1) for target in olds - news] + [(target, 1) for target in news - olds]
        if not self.step.reverse:
            return [(key, target, sign) for target, sign in changed]
        for target in olds - news:
            self._referring[target].remove(key)
            if not self._referring[target]:
                del self._referring[target]
        for target in news - olds:
            self._referring[target].add(key)
        return [(target, key, sign) for target, sign in changed]

    def _targets(self, key: str) -> Iterable[str]:
        """The keys on the level after that of ``key``, because of it."""
        if self.step.reverse:
            return self._referring.get(key, ())
        record = self._records.get(key)
        return () if record is None else _references(self._value(record[2]))


def _include(counts: Counts, level: Counts) -> Counts:
    """Add ``counts`` to those of ``level``; which keys came to it (1) and left it (-1)."""
    moved: Counts = {}
    for key, count in counts.items():
        before = level.get(key, 0)
        after = before + count
        if after:
            level[key] = after
        else:
            level.pop(key, None)
        if bool(before) != bool(after):
            moved[key] = 1 if after else -1
    return moved


def _references(value: Any) -> set[str]:
    """The keys that a field's value refers to."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, (list, set, frozenset, tuple)):
        return {each for each in cast("Iterable[Any]", value) if isinstance(each, str)}
    return set()


def _key(before: Item | None, after: Item | None) -> str:
    item = before or after
    assert item is not None, "a pair of a delta holds at least one item"
    return item[0]


def _at(depth: int, record: Item) -> Item:
    return record[0], (), {**record[2], DEPTH: depth}
