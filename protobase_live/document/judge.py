"""Rules for what Yjs clients write, which are asked about what an update comes to, and not about its bytes.

A reason says where something is wrong and what would be right, and nothing of what was refused: no value, and
no name that only the refused update has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from protobase_live.document.scopes import Row, Scope, obstacle, united
from protobase_live.model.atoms import Atom, misfits
from protobase_live.model.field_types import FieldType
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.values import from_doc
from protobase_live.protocol.yjs.structs import TYPED, Spot, Use
from protobase_live.structures.texts import TEXT

Fits = Callable[[Any], bool]
"""Whether a value may be set."""


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
    def touched(self) -> frozenset[str] | None:
        """The fields that were touched; None: all, since a record was replaced or deleted."""
        if self.fields is None and self.before is None:
            return frozenset(self.after or ())
        return self.fields


@dataclass(frozen=True, slots=True)
class Effects:
    """What an update comes to."""

    records: Sequence[Effect]
    spots: Iterable[Spot]
    """The roots that it touches, those of records and of the server included."""


@dataclass(frozen=True, eq=False)
class Judge:
    """What somebody may write into a collection. Without arguments: everything.

    A judge is asked about each keystroke of many clients, so it keeps what its rules come to, and is the
    same as no other one.
    """

    read_only: bool = False
    """Nothing may be written."""
    scopes: Sequence[Scope] | None = None
    """The parts that may be written; None: all."""
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
            if effect.is_stray and self._rules_records:
                yield f"{_named(effect)} would be no map of fields"
            yield from self._of_scopes(effect)
            yield from self._of_schema(effect)

    def lets(self, root: str, field: str | None = None, value: Any = None) -> bool:
        """Whether what is written there (`Aim`) is surely not refused, whatever the records are."""
        if self.read_only:
            return False
        if root != RECORDS_NAME:
            return self._structures is None or root in self._structures
        if not self._rules_records:
            return True
        fits = None if field is None else self._let_fields.get(field)
        return fits is not None and fits(value)

    @cached_property
    def _let_fields(self) -> Mapping[str, Fits]:
        """The fields that may be written of each record, whatever it is, where any rule speaks of records:
        scopes and schema in one."""
        fields = self._fields
        if self.schema is None:
            return dict.fromkeys(fields or (), _anything)
        known = self.schema.__fields__
        return {name: _fits(known[name].type) for name in known if fields is None or name in fields}

    def binds(self, spots: Iterable[Spot]) -> bool:
        """Whether an update that touches these roots, and no others, might be refused."""
        if self.read_only:
            return True
        if self._rules_records and any(spot.root == RECORDS_NAME for spot in spots):
            return True
        return next(self._of_roots(spots), None) is not None

    @cached_property
    def _structures(self) -> frozenset[str] | None:
        """The structures beside the records that may be written; None: all."""
        return None if self.scopes is None else united(scope.structures for scope in self.scopes)

    @cached_property
    def _fields(self) -> frozenset[str] | None:
        """The fields that may be written of each record; None: all."""
        if not self._limits_records or self.scopes is None:
            return None
        return united(scope.fields for scope in self.scopes if scope.has_each_record)

    @cached_property
    def _limits_records(self) -> bool:
        return self.scopes is not None and not any(scope.has_all_records for scope in self.scopes)

    @cached_property
    def _rules_records(self) -> bool:
        return self.schema is not None or self._limits_records

    def _of_roots(self, spots: Iterable[Spot]) -> Iterator[str]:
        named = self._structures
        for root, use in spots:
            if root == RECORDS_NAME:
                if self._rules_records and use is not Use.MAP:
                    yield "records stand under keys, and nothing else stands beside them"
            elif named is not None and root not in named:
                yield f"you may write {_these('structures', named)}"

    def _of_scopes(self, effect: Effect) -> Iterator[str]:
        if self.scopes is None or not self._limits_records:
            return
        scopes = [scope for scope in self.scopes if scope.records]
        match obstacle(scopes, effect.key, effect.before, effect.after, effect.touched):
            case None:
                return
            case ("old", _):
                yield f"{_named(effect)} is none that you may write"
            case ("new", _):
                yield f"{_named(effect)} would be none that you may write"
            case (_, fields):
                yield f"you may write {_these('fields of records', fields)}"

    def _of_schema(self, effect: Effect) -> Iterator[str]:
        if self.schema is None:
            return
        for field, misfit in misfits(self.schema, effect.after) if effect.after is not None else ():
            if effect.fields is None or field in effect.fields:
                yield f"{_named(effect)} would be no {self.schema.__qualname__}: {misfit}"


def _anything(value: Any) -> bool:
    return True


def _fits(kind: FieldType) -> Fits:
    """Whether a value, as it stands in the document, is of a type; `TYPED` if it is text that merges."""
    merges = kind.merge == TEXT.name
    return lambda value: merges if value is TYPED else kind.fits(from_doc(value))


class Rules(NamedTuple):
    """What binds everybody who writes into a document from outside."""

    schema: type[Atom] | None = None
    """What each record that is written has to fit."""
    put_back_clocks: int = 100_000
    """Most clocks (characters, values, shared types) that one refused update may delete and have put back."""

    def bind(self, judge: Judge | None) -> Judge | None:
        """Who judges somebody that has this judge of his own; None where he may write everything."""
        return judge if self.schema is None else _with_schema(judge, self.schema)


@lru_cache(maxsize=1_000)
def _with_schema(judge: Judge | None, schema: type[Atom]) -> Judge:
    return replace(judge or Judge(), schema=schema)


def _named(effect: Effect) -> str:
    """A key that only the refused update has is not told."""
    return "a new record" if effect.before is None else f"record {effect.key!r}"


def _these(what: str, names: frozenset[str]) -> str:
    return f"these {what} only: {', '.join(map(repr, sorted(names)))}" if names else f"no {what}"
