"""The rows that a query gave, as a list and as an Arrow table.

A column of the table holds values of one kind: truth values, numbers, texts, bytes, dates, datetimes without
a zone or with one (in UTC), lists, or dicts (structs), the same within lists and dicts. Ints among floats
become floats, sets become lists; None and a missing field are null. Where a field's values are of several
kinds, too large, or dicts of more than MAX_STRUCT_FIELDS different keys, its column holds their JSON text
(see :mod:`protobase_live.model.values`), so that nothing is lost and nothing fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.handles.misfit import Misfit
from protobase_live.model import values
from protobase_live.model.atoms import Atom, dump

MAX_STRUCT_FIELDS = 256
"""Most keys that the dicts of one column have in all, if the column is to be one of structs."""


class Rows(list[Any]):
    """The rows of an answer, in order: dicts, or Atoms."""

    def to_arrow(self) -> Any:
        """The rows as a ``pyarrow.Table``, which pandas, Polars and DuckDB take over as it is.

        Its columns are the rows' fields, in the order they first come. An Atom gives its fields, not its key,
        and so does a Misfit.
        Raises ValidationError when pyarrow is not installed.
        """
        arrow = _pyarrow()
        rows: list[dict[str, Any]] = [_fields(row) for row in self]
        names = dict.fromkeys(name for row in rows for name in row)
        return arrow.table({name: _column(arrow, [row.get(name) for row in rows]) for name in names})


def _fields(row: Any) -> dict[str, Any]:
    if isinstance(row, Atom):
        return dump(row)
    return row.stored if isinstance(row, Misfit) else row


def _pyarrow() -> Any:
    try:
        return import_module("pyarrow")
    except ImportError as error:
        raise ValidationError(
            "to_arrow needs pyarrow, which is not installed: pip install 'protobase-live[arrow]'"
        ) from error


def _column(arrow: Any, found: list[Any]) -> Any:
    try:
        plain = [_plain(value) for value in found]
        if _is_of_one_kind(plain):
            return arrow.array(plain)
    except (arrow.ArrowInvalid, OverflowError):
        pass  # numbers that Arrow has not, moments that UTC has not
    return arrow.array([None if value is None else _text(value) for value in found], arrow.string())


def _plain(value: Any) -> Any:
    """The value as Arrow knows it."""
    if isinstance(value, (set, frozenset)):
        value = sorted(cast("Iterable[Any]", value), key=values.key_text)
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in cast("Iterable[Any]", value)]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in cast("dict[Any, Any]", value).items()}
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _is_of_one_kind(found: Iterable[Any]) -> bool:
    there = [value for value in found if value is not None]
    kinds = {_kind(value) for value in there}
    if kinds == {list}:
        return _is_of_one_kind(each for value in there for each in value)
    if kinds != {dict}:
        return len(kinds) < 2
    fields: dict[Any, list[Any]] = {}
    for value in there:
        for name, each in value.items():
            fields.setdefault(name, []).append(each)
    if len(fields) > MAX_STRUCT_FIELDS or not all(isinstance(name, str) for name in fields):
        return False
    return all(map(_is_of_one_kind, fields.values()))


def _kind(value: Any) -> Any:
    if isinstance(value, datetime):
        return datetime, value.tzinfo is None
    return float if type(value) is int else cast("object", type(value))


def _text(value: Any) -> str:
    return json.dumps(values.to_json(value), ensure_ascii=False, separators=(",", ":"))
