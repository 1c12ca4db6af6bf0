"""Makes one row of each group of rows."""

from __future__ import annotations

from collections.abc import Iterator

from protobase_live.model.values.weighing import weight
from protobase_live.query.ast.expressions import Call
from protobase_live.query.ast.ordering import has_forms
from protobase_live.query.ast.tree import GroupBy
from protobase_live.query.engine.code import compile_keys, compile_value
from protobase_live.query.engine.effort import hold
from protobase_live.query.engine.operator import (
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    Row,
    alike,
)
from protobase_live.query.engine.operators.accumulators import ACCUMULATORS, Accumulator
from protobase_live.query.engine.operators.batches import batched
from protobase_live.query.engine.operators.forms import Forms

SHOW_ROWS = 2_000
"""How many groups that were held back are shown at once, counted with the rows that are in them."""


class Grouping(Operator):
    """One item for each combination of the keys' values, which are its identity; its rank is ``()``."""

    name = "grouping"

    def __init__(self, input: Operator, step: GroupBy) -> None:
        self.inputs = (input,)
        self.step = step
        self._identity = compile_keys([expr for _, expr in step.keys])
        self._keys = [(name, compile_value(expr)) for name, expr in step.keys]
        self._names = [name for name, _ in step.aggregates]
        self._makers = [ACCUMULATORS[aggregate.name] for _, aggregate in step.aggregates]
        self._values = [
            _present if aggregate.over is None else compile_value(aggregate.over)
            for _, aggregate in step.aggregates
        ]
        self._computed = [isinstance(aggregate.over, Call) for _, aggregate in step.aggregates]
        """Whether what an accumulator remembers is no value of a record, which is there anyway."""
        self._groups: dict[Identity, _Group] = {}
        self._held: dict[Identity, _Group] | None = None
        """Groups that changed and are not shown, while they are held back."""
        self._due = 0
        """How many of them, and of their rows, the next push shows."""

    @property
    def makes_values(self) -> bool:
        aggregates = [aggregate for _, aggregate in self.step.aggregates]
        exprs = [*(expr for _, expr in self.step.keys), *(each.over for each in aggregates)]
        return any(each.name == "collect" for each in aggregates) or any(
            isinstance(expr, Call) for expr in exprs
        )

    @property
    def detail(self) -> str:
        aggregates = ", ".join(f"{name}={aggregate}" for name, aggregate in self.step.aggregates)
        keys = ", ".join(f"{name}={expr}" for name, expr in self.step.keys)
        return f"by {keys}: {aggregates}" if keys else aggregates

    def fetch(self) -> Iterator[list[Item]]:
        for batch in self.inputs[0].fetch():
            for item in batch:
                self._add(self._group(item[2]), item)
            yield []
        yield from batched(self._item(group) for group in self._groups.values())

    def push(self, changes: Changes) -> Delta:
        touched: dict[Identity, _Group] = {} if self._held is None else self._held
        for before, after in self.inputs[0].push(changes):
            if before is not None:
                group = self._group(before[2])
                self._remove(group, before)
                touched[group.identity] = group
            if after is not None:
                group = self._group(after[2])
                self._add(group, after)
                touched[group.identity] = group
        shown = touched.values() if self._held is None else self._take_due(self._held)
        return [pair for group in shown if not alike(*(pair := self._show(group)))]

    def hold_back(self) -> None:
        super().hold_back()
        self._held = {}

    def let_go(self) -> bool:
        if super().let_go():  # what is shown here depends on it
            return True
        if not self._held:
            self._held = None
            return False
        self._due = SHOW_ROWS
        return True

    def _take_due(self, held: dict[Identity, _Group]) -> list[_Group]:
        """The groups whose turn it is, of large ones fewer."""
        due: list[_Group] = []
        while held and self._due > 0:
            group = held.pop(next(iter(held)))
            self._due -= 1 + group.count
            due.append(group)
        self._due = 0
        return due

    def _group(self, row: Row) -> _Group:
        """The group of a row, made if it is new."""
        identity = self._identity(row)
        group = self._groups.get(identity)
        if group is None:
            accumulators = [make() for make in self._makers]
            group = self._groups[identity] = _Group(identity, self._keys_of(row), accumulators)
        return group

    def _keys_of(self, row: Row) -> Row:
        return {name: value(row) for name, value in self._keys}

    def _add(self, group: _Group, item: Item) -> None:
        group.count += 1
        if group.forms is not None:
            group.forms.add(self._keys_of(item[2]))
        for value_of, accumulator, computed in zip(
            self._values, group.accumulators, self._computed, strict=True
        ):
            if (value := value_of(item[2])) is not None:
                if computed:
                    hold(weight(value))
                accumulator.add(value, item)

    def _remove(self, group: _Group, item: Item) -> None:
        group.count -= 1
        if group.forms is not None:
            group.forms.remove(self._keys_of(item[2]))
        for value_of, accumulator, computed in zip(
            self._values, group.accumulators, self._computed, strict=True
        ):
            if (value := value_of(item[2])) is not None:
                if computed:
                    hold(-weight(value))
                accumulator.remove(value, item)

    def _show(self, group: _Group) -> tuple[Item | None, Item | None]:
        """What was shown of a group last, and what is shown from now on. A group without rows goes away."""
        before, after = group.shown, self._item(group) if group.count else None
        group.shown = after
        if after is None:
            del self._groups[group.identity]
        return before, after

    def _item(self, group: _Group) -> Item:
        results = (accumulator.result() for accumulator in group.accumulators)
        keys = group.keys if group.forms is None else group.forms.shown()
        return group.identity, (), {**keys, **dict(zip(self._names, results, strict=True))}


class _Group:
    __slots__ = ("accumulators", "count", "forms", "identity", "keys", "shown")

    def __init__(self, identity: Identity, keys: Row, accumulators: list[Accumulator]) -> None:
        self.identity = identity
        self.keys = keys
        self.forms = Forms() if any(map(has_forms, identity)) else None
        """The keys of all its rows, where they need not be alike."""
        self.accumulators = accumulators
        self.count = 0
        self.shown: Item | None = None


def _present(row: Row) -> bool:
    """A value that is never None, for ``count()``, which counts the rows."""
    return True
