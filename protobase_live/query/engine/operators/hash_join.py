"""Puts beside each row those of another input whose keys are equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from protobase_live.query.ast.expressions import Expr
from protobase_live.query.ast.ordering import NONE, SortKey
from protobase_live.query.ast.tree import Join
from protobase_live.query.engine.code import compile_keys
from protobase_live.query.engine.operator import (
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    net,
)
from protobase_live.query.engine.operators.batches import batched, bounded, held_after

JoinKey = tuple[SortKey, ...]
Keyed = tuple[JoinKey, Item]


class HashJoin(Operator):
    """The items of ``left``, each with those of ``right`` that have the same key.

    The identity is ((identity of the left,), (identity of the right,)), with () for the one that is missing;
    the rank is the left item's, or () without one.
    """

    name = "hash join"

    def __init__(self, left: Operator, right: Operator, step: Join) -> None:
        self.inputs = (left, right)
        self.step = step
        self._keeps_left = step.how in ("left", "full")
        self._keeps_right = step.how in ("right", "full")
        self._left = _Side([mine for mine, _ in step.on])
        self._right = _Side([other for _, other in step.on])
        self._held = 0

    @property
    def sorted(self) -> bool:
        return self.inputs[0].sorted and not self._keeps_right

    @property
    def detail(self) -> str:
        on = ", ".join(f"{mine} == {self.step.name}.{other}" for mine, other in self.step.on)
        return f"{self.step.how}, {on}"

    def fetch(self) -> Iterator[list[Item]]:
        rights: defaultdict[JoinKey, list[Item]] = defaultdict(list)
        for batch in self.inputs[1].fetch():
            for key, right in self._right.keyed(batch):
                rights[key].append(right)
            yield []
        if self.sorted:
            for group in rights.values():
                group.sort(key=_identity)
        loose = set(rights)
        for batch in self.inputs[0].fetch():
            lefts = self._left.keyed(batch)
            yield from batched(self._partnered(lefts, rights))
            loose.difference_update(key for key, _ in lefts if NONE not in key)
            yield []
        if self._keeps_right:
            yield from batched(
                self._joined(None, right) for key in rights if key in loose for right in rights[key]
            )

    def _partnered(self, lefts: Iterable[Keyed], rights: dict[JoinKey, list[Item]]) -> Iterator[Item]:
        """The joined items of some left ones."""
        for key, left in lefts:
            partners = None if NONE in key else rights.get(key)
            for right in partners or ():
                yield self._joined(left, right)
            if self._keeps_left and not partners:
                yield self._joined(left, None)

    def push(self, changes: Changes) -> Delta:
        lefts, rights = self.inputs[0].push(changes), self.inputs[1].push(changes)
        old_lefts = self._left.keyed(old for old, _ in lefts if old is not None)
        new_lefts = self._left.keyed(new for _, new in lefts if new is not None)
        old_rights = self._right.keyed(old for old, _ in rights if old is not None)
        new_rights = self._right.keyed(new for _, new in rights if new is not None)
        left_keys = {key for key, _ in (*old_lefts, *new_lefts)}
        right_keys = {key for key, _ in (*old_rights, *new_rights)}

        before = self._touched(old_lefts, old_rights, left_keys, right_keys)
        self._left.replace(old_lefts, new_lefts)
        self._right.replace(old_rights, new_rights)
        delta = net(before, self._touched(new_lefts, new_rights, left_keys, right_keys))
        self._held = held_after(self._held, delta)
        return delta

    def _touched(
        self,
        lefts: Sequence[Keyed],
        rights: Sequence[Keyed],
        left_keys: Iterable[JoinKey],
        right_keys: Iterable[JoinKey],
    ) -> dict[Identity, Item]:
        """The joined items, as things stand, that a change can concern: those of the changed items (``lefts``
        and ``rights``), and those without a partner whose key's other side is changed (``right_keys`` and
        ``left_keys``). If that side is empty now, it was or will be otherwise, so that they really change.
        """
        found = chain(
            (item for left in lefts for item in self._of_left(left)),
            (item for right in rights for item in self._of_right(right)),
        )
        if self._keeps_left:
            alone = (key for key in right_keys if not self._right.group(key))
            found = chain(
                found, (self._joined(left, None) for key in alone for left in self._left.group(key))
            )
        if self._keeps_right:
            lone = (key for key in left_keys if not self._left.group(key))
            found = chain(
                found, (self._joined(None, right) for key in lone for right in self._right.group(key))
            )
        return {item[0]: item for item in bounded(found)}

    def _of_left(self, keyed: Keyed) -> Iterator[Item]:
        key, left = keyed
        partners = self._right.group(key)
        if not partners and self._keeps_left:
            yield self._joined(left, None)
        for right in partners:
            yield self._joined(left, right)

    def _of_right(self, keyed: Keyed) -> Iterator[Item]:
        key, right = keyed
        partners = self._left.group(key)
        if not partners and self._keeps_right:
            yield self._joined(None, right)
        for left in partners:
            yield self._joined(left, right)

    def _joined(self, left: Item | None, right: Item | None) -> Item:
        other = None if right is None else right[2]
        right_identity = () if right is None else (right[0],)
        if left is None:
            return ((), right_identity), (), {self.step.name: other}
        return ((left[0],), right_identity), left[1], {**left[2], self.step.name: other}


class _Side:
    """The items of one input by key. Those with None in their key are equal to nothing and left out."""

    __slots__ = ("_groups", "_key")

    def __init__(self, on: Sequence[Expr]) -> None:
        self._key = compile_keys(on)
        self._groups: dict[JoinKey, dict[Identity, Item]] = {}

    def keyed(self, items: Iterable[Item]) -> list[Keyed]:
        """Some items with their keys."""
        key = self._key
        return [(key(item[2]), item) for item in items]

    def group(self, key: JoinKey) -> Iterable[Item]:
        """The items with that key; empty and false if there are none."""
        group = self._groups.get(key)
        return group.values() if group else ()

    def replace(self, olds: Iterable[Keyed], news: Iterable[Keyed]) -> None:
        """Take out ``olds`` and put in ``news``."""
        for key, old in olds:
            if NONE not in key:
                group = self._groups[key]
                del group[old[0]]
                if not group:
                    del self._groups[key]
        for key, new in news:
            if NONE not in key:
                self._groups.setdefault(key, {})[new[0]] = new


def _identity(item: Item) -> Identity:
    return item[0]
