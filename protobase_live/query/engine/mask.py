"""Rows without some of their fields, as `Only` says."""

from __future__ import annotations

from collections.abc import Callable

from protobase_live.model.names import KEY_FIELD
from protobase_live.query.ast.expressions import Value
from protobase_live.query.ast.tree import Only
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.operator import Row

Mask = Callable[[Row], Row]


def mask(step: Only) -> Mask:
    """The function that makes of a row one with the fields that are kept; of one without, another dict."""
    if len(step.parts) == 1 and isinstance(condition := step.parts[0][0], Value) and condition.value is True:
        return _always(step.parts[0][1])
    parts = [(compile_condition(each), fields) for each, fields in step.parts]

    def kept(row: Row) -> Row:
        named = [fields for test, fields in parts if test(row)]
        return _named(row, None if None in named else frozenset[str]().union(*filter(None, named)))

    return kept


def _always(fields: frozenset[str] | None) -> Mask:
    return lambda row: _named(row, fields)


def _named(row: Row, fields: frozenset[str] | None) -> Row:
    if fields is None:
        return row
    return {name: value for name, value in row.items() if name in fields or name == KEY_FIELD}
