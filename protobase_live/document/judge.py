"""Rules for what Yjs clients write, which are asked about what an update comes to, and not about its bytes.

A reason says where something is wrong and what would be right, and nothing of what was refused: no value, and
no name that only the refused update has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from protobase_live.model.atoms import Atom, misfits
from protobase_live.model.names import RECORDS_NAME
from protobase_live.protocol.yjs.structs import Spot, Use

Row = Mapping[str, Any]
Condition = Callable[[Row], bool]
"""Whether a record is one that may be written; an error that it raises refuses."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an update has made of one record."""

    key: str
    before: Row | None
    after: Row | None
    fields: frozenset[str] | None
    """What was touched of it; None: the record as a whole."""
    is_stray: bool = False
    """Whether something stands in its place that is no record."""

    @property
    def touched(self) -> frozenset[str]:
        """The fields that were touched, each for itself or with the record."""
        if self.fields is not None:
            return self.fields
        return frozenset({**(self.before or {}), **(self.after or {})})


@dataclass(frozen=True, slots=True)
class Effects:
    """What an update comes to."""

    records: Sequence[Effect]
    spots: Iterable[Spot]
    """The roots that it touches, those of records and of the server included."""


@dataclass(frozen=True, slots=True)
class Judge:
    """What somebody may write into a collection. Without arguments: everything."""

    read_only: bool = False
    """Nothing may be written."""
    fields: frozenset[str] | None = None
    """The fields of records that may be written; None: all. Who inserts or deletes a record writes all that
    it has."""
    structures: frozenset[str] | None = None
    """The other roots that may be written; None: all."""
    old: Condition | None = None
    """Which records may be changed or deleted, as they were before."""
    new: Condition | None = None
    """Which records may be made or left, as they are then."""
    schema: type[Atom] | None = None
    """What each record that is written has to fit. What nobody touches may stay as wrong as
    it was."""

    def refusal(self, effects: Effects) -> str | None:
        """Why such an update is refused, in one sentence; None if it is not."""
        return next(self._reasons(effects), None)

    def _reasons(self, effects: Effects) -> Iterator[str]:
        if self.read_only:
            yield "you may read here, and not write"
        yield from self._of_roots(effects.spots)
        for effect in effects.records:
            yield from self._of_fields(effect)
            yield from self._of_conditions(effect)
            yield from self._of_schema(effect)

    def binds(self, spots: Iterable[Spot]) -> bool:
        """Whether an update that touches these roots, and no others, might be refused."""
        if self.read_only:
            return True
        if self._rules_records and any(spot.root == RECORDS_NAME for spot in spots):
            return True
        return next(self._of_roots(spots), None) is not None

    @property
    def _rules_records(self) -> bool:
        rules = self.fields, self.old, self.new, self.schema
        return any(rule is not None for rule in rules)

    def _of_roots(self, spots: Iterable[Spot]) -> Iterator[str]:
        for root, use in spots:
            if root == RECORDS_NAME:
                if self._rules_records and use is not Use.MAP:
                    yield "records stand under keys, and nothing else stands beside them"
            elif self.structures is not None and root not in self.structures:
                yield f"you may write {_these('structures', self.structures)}"

    def _of_fields(self, effect: Effect) -> Iterator[str]:
        if self.fields is not None and (effect.is_stray or not effect.touched <= self.fields):
            yield f"you may write {_these('fields of records', self.fields)}"

    def _of_conditions(self, effect: Effect) -> Iterator[str]:
        if effect.before is not None and not _holds(self.old, effect.before):
            yield f"record {effect.key!r} is none that you may change"
        if effect.after is not None and not _holds(self.new, effect.after):
            yield f"{_named(effect)} would be none that you may write"

    def _of_schema(self, effect: Effect) -> Iterator[str]:
        if self.schema is None:
            return
        if effect.is_stray:
            yield f"{_named(effect)} would be no map of fields"
        for field, misfit in misfits(self.schema, effect.after) if effect.after is not None else ():
            if effect.fields is None or field in effect.fields:
                yield f"{_named(effect)} would be no {self.schema.__qualname__}: {misfit}"


class Rules(NamedTuple):
    """What binds everybody who writes into a document from outside."""

    schema: type[Atom] | None = None
    """What each record that is written has to fit."""
    put_back_clocks: int = 100_000
    """Most clocks (characters, values, shared types) that one refused update may delete and have put back."""

    def bind(self, judge: Judge | None) -> Judge | None:
        """Who judges somebody that has this judge of his own; None where he may write everything."""
        if self.schema is None:
            return judge
        return replace(judge or Judge(), schema=self.schema)


def _holds(condition: Condition | None, row: Row) -> bool:
    if condition is None:
        return True
    try:
        return condition(row)
    except Exception:
        return False


def _named(effect: Effect) -> str:
    """A key that only the refused update has is not told."""
    return "a new record" if effect.before is None else f"record {effect.key!r}"


def _these(what: str, names: frozenset[str]) -> str:
    return f"these {what} only: {', '.join(map(repr, sorted(names)))}" if names else f"no {what}"
