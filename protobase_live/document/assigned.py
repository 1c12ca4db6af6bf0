"""What a transaction makes of the merging fields of records, found out before anything of it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from protobase_live.document.record_rows import mismatch
from protobase_live.document.targets import check_new
from protobase_live.errors import KindMismatch, RecordMissing, naming
from protobase_live.model.operations import Op, Target
from protobase_live.structures import Kind, fits_kind

Resolve = Callable[[Target], Any]
"""Gives the shared type of a target in the document, None for one to be made; raises what forbids that."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is in a field."""

    kind: str | None = None
    """Its kind; None for a plain value."""
    shared: Any = None
    """Its shared type, where the document has it."""
    state: Any = None
    """What the last rehearsal of an action on it has left; None: none."""


_ABSENT = _Standing()
_PLAIN = _Standing()


@dataclass(slots=True)
class _Field:
    """A field: what it held at first, and what was assigned to it since, each with the kind that was said."""

    held: _Standing | None
    """None: what the document has."""
    assigned: list[tuple[str | None, Any]] = field(default_factory=list[tuple[str | None, Any]])

    def standing(self, target: Target, resolve: Resolve) -> _Standing:
        """What it holds now, as far as that is of the target's kind."""
        held = self.held
        if held is None:
            held = _in_document(target, resolve, lenient=bool(self.assigned))
        for kind, value in self.assigned:
            held = _assigned(held, kind, value)
        return held


class _Record:
    """The fields of a record that the transaction touches."""

    def __init__(self, *, whole: bool) -> None:
        """``whole``: the document's fields are gone."""
        self._whole = whole
        self._fields: dict[str, _Field] = {}

    def field(self, name: str) -> _Field:
        """One of them."""
        return self._fields.setdefault(name, _Field(_ABSENT if self._whole else None))

    def keep(self, names: Iterable[str]) -> None:
        """All other fields are gone."""
        self._fields = {name: self.field(name) for name in names}
        self._whole = True


class Assigned:
    """The fields that merge of the records that a transaction has written so far.

    What it assigns to a field may put an end to what the field merged by, or make another of it.
    """

    def __init__(self, ops: Iterable[Op]) -> None:
        """``ops`` are all that will follow. Nothing is kept of records whose fields they do not write."""
        self._keys = frozenset(op.target.path[1] for op in ops if len(op.target.path) == 3)
        self._records: dict[str, _Record] = {}

    def note(self, action: str, args: tuple[Any, ...], *, existed: bool) -> None:
        """Take note of an operation on a record, which was there or not."""
        key = args[0]
        if key not in self._keys:
            return
        if action == "delete" or not existed:
            self._records[key] = _Record(whole=True)
        if action == "delete":
            return
        _, fields, merges = args
        record = self._record(key)
        if action == "put":
            record.keep(fields)
        for name, value in fields.items():
            record.field(name).assigned.append((merges.get(name), value))

    def rehearse(self, kind: Kind, op: Op, resolve: Resolve, touched: Mapping[str, bool]) -> None:
        """Rehearse an operation on a field. ``touched`` says of written records whether they are there.

        Raises KindMismatch, RecordMissing and what else keeps it from being carried out.
        """
        _, key, name = op.target.path
        if not touched.get(key, True):
            raise RecordMissing(f"the record {key!r} is deleted earlier in the same transaction")
        place = self._record(key).field(name)
        held = place.standing(op.target, resolve)
        if held is _ABSENT:
            check_new(op.target)
        elif held.kind != kind.name:
            raise mismatch(op.target, held.kind)
        with naming(op.target):
            state = kind.rehearse(held.shared, held.state, op.action, op.args)
        place.held, place.assigned = _Standing(kind.name, held.shared, state), []

    def _record(self, key: str) -> _Record:
        return self._records.setdefault(key, _Record(whole=False))


def _in_document(target: Target, resolve: Resolve, *, lenient: bool) -> _Standing:
    """What the document has there; ``lenient``: something of another kind is no mistake yet."""
    try:
        shared = resolve(target)
    except KindMismatch:
        if not lenient:
            raise
        return _PLAIN
    return _ABSENT if shared is None else _Standing(target.kind, shared)


def _assigned(held: _Standing, kind: str | None, value: Any) -> _Standing:
    """What a field holds when a value is assigned to it (see `structures.records`)."""
    made = kind or (held.kind if held.kind is not None and fits_kind(held.kind, value) else None)
    if made is not None:
        return _Standing(made, None, _length(value))
    return _ABSENT if value is None else _PLAIN


def _length(value: Any) -> int | None:
    """The length of a list or text that is assigned, which is what rehearsing it needs to know."""
    return len(cast("str | list[Any]", value)) if isinstance(value, (str, list)) else None
