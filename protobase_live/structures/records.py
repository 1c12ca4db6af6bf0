"""Records: a Y.Map of key -> Y.Map of fields.

A plain field is a last-writer-wins register. A merging field holds a nested structure; a plain value of
its kind that is assigned to it is carried out as the smallest difference, and any other value replaces it.
Plain values are ``{key: row}``, also what `rehearse` and `answer` work on: a collection keeps that view of
its records.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, ClassVar, cast

from pycrdt import Array, Map, Text

from protobase_live.errors import RecordExists, RecordMissing, ValidationError
from protobase_live.model.names import check_field, check_key
from protobase_live.model.values import check, same, short, to_doc
from protobase_live.structures.arguments import (
    KNOWN_KEY,
    NOTHING,
    Argument,
    Signature,
    Signatures,
    anything,
    integer,
    known_key,
    mapping,
    optional,
)
from protobase_live.structures.counted_sets import COUNTED_SET
from protobase_live.structures.counters import COUNTER
from protobase_live.structures.key_order import KeyOrder
from protobase_live.structures.kind import MARK, Args, Entry, FieldKind, Kind, mapping_differences
from protobase_live.structures.lists import LIST
from protobase_live.structures.nested import MARKED, plain_entries, plain_of
from protobase_live.structures.raw import RawMap, map_entry, native_entry, opened, raw_entries, set_entries
from protobase_live.structures.sets import SET
from protobase_live.structures.texts import TEXT

MAX_FIELDS = 1_000
"""Most fields of one record; above it ValidationError."""

MAX_PAGE = 20_000
"""Most records or keys that one question is answered with."""

FIELD_KINDS: Mapping[str, FieldKind] = {kind.name: kind for kind in (SET, COUNTER, LIST, TEXT, COUNTED_SET)}
"""The kinds that a record's field may have."""

Row = dict[str, Any]

_field_name = lru_cache(4096)(check_field)  # the same few names come with every record


def _key(key: Any, where: str) -> str:
    return check_key(key)


def _merges(value: Any, where: str) -> dict[str, str]:
    for field, kind in mapping(value, where).items():
        if kind not in FIELD_KINDS:
            raise ValidationError(
                f"{where}[{field!r}] is {short(kind)}; expected one of {', '.join(FIELD_KINDS)}"
            )
    return value


def _limit(value: Any, where: str) -> int:
    limit = integer(value, where)
    if not 1 <= limit <= MAX_PAGE:
        raise ValidationError(f"{where} is {limit}; expected 1 to {MAX_PAGE}")
    return limit


_KEY = Argument("key", _key)
_FIELDS = (_KEY, Argument("fields", anything), Argument("merges", _merges, {}))
_PAGE = Signature(Argument("after", optional(known_key), None), Argument("limit", _limit, MAX_PAGE))


class RecordsKind(Kind):
    """``insert(key, fields, merges)``, ``put`` (insert or replace), ``update``, ``delete(key)`` (absent:
    nothing); ``get`` (None when absent), ``contains``, ``count``, ``keys(after, limit)`` and
    ``items(after, limit)`` in key order; ``strays(after, limit)``: what is under other keys and is no record.

    ``merges`` names the kind of those fields that merge. A Python set needs none: it is a set.
    """

    name = "records"
    shared_type = Map
    actions: ClassVar[Signatures] = {
        "insert": Signature(*_FIELDS),
        "put": Signature(*_FIELDS),
        "update": Signature(KNOWN_KEY, *_FIELDS[1:]),
        "delete": Signature(KNOWN_KEY),
    }
    questions: ClassVar[Signatures] = {
        "get": Signature(KNOWN_KEY),
        "contains": Signature(KNOWN_KEY),
        "count": NOTHING,
        "keys": _PAGE,
        "items": _PAGE,
        "strays": _PAGE,
    }
    plain_type = dict
    whole = "items"

    def check(self, action: str, args: Args, method: str | None = None) -> Args:
        """See Kind."""
        checked = super().check(action, args, method)
        if action == "delete":
            return checked
        key, fields, merges = checked
        return key, *_check_fields(f"record {short(key)}", fields, merges)

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> dict[str, bool]:
        """See Kind; ``shared`` is the plain view, the state says of touched keys whether they exist."""
        known: dict[str, bool] = {} if state is None else state
        key = args[0]
        exists = known.get(key, key in (shared or ()))
        _require(action, key, exists)
        known[key] = action != "delete"
        return known

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind; ``shared`` is the Y.Map."""
        key = args[0]
        if action == "delete":
            if key in shared:
                del shared[key]
            return
        _, fields, merges = args
        held = own_map(shared, key) if action == "update" else map_entry(shared, key)
        if action == "insert" or not isinstance(held, Map):
            held = shared[key] = Map[Any]()
            _fill(held, fields, merges, replica)
            return
        if action == "put":
            fields = _prepare_put(held, fields, merges)
        for field, value in fields.items():
            _write_field(held, field, value, merges.get(field), replica)

    def entry(self, shared: Map[Any], key: str) -> tuple[Row | None, Any]:
        """What is under a key of the records: the record, if it is one, and its plain value in any case."""
        with opened(shared) as (raw, txn):
            return self.native_entry(raw, txn, key)

    def native_entry(self, raw: Any, txn: Any, key: str) -> tuple[Row | None, Any]:
        """`entry` for who reads many: ``raw`` is the native Y.Map, ``txn`` its open transaction."""
        found = native_entry(raw, txn, key)
        row = _row(found, txn)
        return row, plain_of(found, txn) if row is None else row

    def reread(self, raw: RawMap, txn: Any, row: Row, fields: Collection[str]) -> Row:
        """``row`` with these fields of its native map as they are now.

        The others are not looked at: there may be very many.
        """
        now = plain_entries(raw_entries(raw, txn, [field for field in fields if raw.has(txn, field)]), txn)
        known = {**row, **now}
        for field in fields:
            if field not in now:
                known.pop(field, None)
        return known if now.keys() <= row.keys() else dict(sorted(known.items()))

    def plain(self, shared: Any) -> dict[str, Row]:
        """See Kind; ``shared`` is the Y.Map."""
        with opened(shared) as (raw, txn):
            rows = ((key, _row(found, txn)) for key, found in raw_entries(raw, txn).items())
            return {key: row for key, row in rows if row is not None}

    def replay(self, value: Any, action: str, args: Args) -> dict[str, Row]:
        """See Kind."""
        given: dict[str, Row] = self._given(value)
        key = args[0]
        _require(action, key, key in given)
        if action == "delete":
            return {each: row for each, row in given.items() if each != key}
        row: Row = args[1]
        return {**given, key: {**given[key], **row} if action == "update" else row}

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given: dict[str, Row] = self._given(value)
        if method == "get":
            return given.get(args[0])
        if method == "contains":
            return args[0] in given
        if method == "count":
            return len(given)
        after, limit = args
        keys = heapq.nsmallest(limit, (key for key in given if after is None or key > after))
        return _page(given, keys, method)

    def answer_in_order(self, rows: Mapping[str, Row], order: KeyOrder, method: str, args: Args) -> Any:
        """`answer` for a plain value whose keys are kept in order: a page takes as long as it is large."""
        if method in ("keys", "items"):
            return _page(rows, order.page(*args), method)
        return self.answer(rows, method, args)

    def restore(self, answer: Any) -> dict[str, Row]:
        """See Kind."""
        return dict(answer)

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        return mapping_differences(self._given(before), self._given(after))


RECORDS_KIND = RecordsKind()


def _page(rows: Mapping[str, Row], keys: list[str], method: str) -> Any:
    return keys if method == "keys" else [[key, rows[key]] for key in keys]


def own_map(shared: Any, key: str) -> Any:
    """What is under a key of the records, to be written into: a plain object becomes a map of its fields."""
    held: Any = map_entry(shared, key)
    if isinstance(held, dict):
        held = shared[key] = Map(cast("Row", held))
    return held


def _row(found: Any, txn: Any) -> Row | None:
    """The fields of a native entry that is a record: a map or, as Yjs clients may write, a plain object."""
    if isinstance(found, RawMap):
        return plain_entries(raw_entries(found, txn), txn)
    plain = plain_of(found, txn) if isinstance(found, dict) else None
    return cast("Row", plain) if isinstance(plain, dict) else None


def kind_of(shared: Any) -> str | None:
    """The kind of what is in a record's field: None for a plain value, "dict" for a map without a mark."""
    if isinstance(shared, Map):
        mark: Any = map_entry(cast("Map[Any]", shared), MARK)
        return mark if isinstance(mark, str) and mark in MARKED else "dict"
    return LIST.name if isinstance(shared, Array) else TEXT.name if isinstance(shared, Text) else None


def _require(action: str, key: str, exists: bool) -> None:
    if action == "insert" and exists:
        raise RecordExists(f"there is a record {key!r} already")
    if action == "update" and not exists:
        raise RecordMissing(f"there is no record {key!r}")


def _check_fields(where: str, fields: Any, merges: dict[str, str]) -> tuple[Row, dict[str, str]]:
    """The fields and merges in their final form."""
    if not isinstance(fields, dict):
        raise ValidationError(f"{where} is {short(fields)}; expected a dict of fields")
    given = cast("dict[Any, Any]", fields)
    if len(given) > MAX_FIELDS:
        raise ValidationError(f"{where} has {len(given)} fields; at most {MAX_FIELDS} are allowed")
    names = [_field_name(field) for field in given]
    kinds = {name: SET.name for name in names if isinstance(given[name], (set, frozenset))}
    kinds |= {name: merges[name] for name in names if name in merges}
    plain = check({name: given[name] for name in names if name not in kinds}, where)
    merging = {n: FIELD_KINDS[k].check_value(given[n], f"{where}[{n!r}]") for n, k in kinds.items()}
    return {name: merging[name] if name in kinds else plain[name] for name in names}, kinds


def _prepare_put(record: Any, fields: Row, merges: Mapping[str, str]) -> Row:
    """Delete what a put leaves out; those fields that it changes."""
    with opened(record) as (raw, txn):
        entries = raw_entries(raw, txn)
        current = plain_entries(entries, txn)
    for field in entries.keys() - fields.keys():
        del record[field]
    return {f: v for f, v in fields.items() if f in merges or f not in current or not same(current[f], v)}


def _fill(record: Any, fields: Row, merges: Mapping[str, str], replica: str) -> None:
    """Set the fields of a new record: nothing that they held has to be looked at."""
    set_entries(record, {field: to_doc(value) for field, value in fields.items() if field not in merges})
    for field, merge in merges.items():
        _make_field(record, field, fields[field], merge, replica)


def _write_field(record: Any, field: str, value: Any, merge: str | None, replica: str) -> None:
    """Assign a field: to the structure that it holds if the value fits, else anew."""
    held = map_entry(record, field)
    name = kind_of(held)
    if merge is None and name is not None and (fitting := _fitting(name, value)) is not _MISFIT:
        merge, value = name, fitting
    if merge is None:
        record[field] = to_doc(value)
    elif name == merge:
        FIELD_KINDS[merge].assign(held, value, replica)
    else:
        _make_field(record, field, value, merge, replica)


def _make_field(record: Any, field: str, value: Any, merge: str, replica: str) -> None:
    """Assign a field that merges anew, whatever it held."""
    kind = FIELD_KINDS[merge]
    made = record[field] = kind.empty()
    kind.assign(made, value, replica)


def fits_kind(kind: str, value: Any) -> bool:
    """Whether a plain value that is assigned to a structure of this kind leaves it one."""
    return _fitting(kind, value) is not _MISFIT


_MISFIT = object()


def _fitting(kind: str, value: Any) -> Any:
    """A plain value as a structure of this kind holds it; `_MISFIT` for one that does not fit."""
    known = FIELD_KINDS.get(kind)
    if known is None or not isinstance(value, known.plain_type):  # a list is no set, whatever is in it
        return _MISFIT
    try:
        return known.check_value(value, "")
    except ValidationError:
        return _MISFIT
