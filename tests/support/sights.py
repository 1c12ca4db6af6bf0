"""Random scopes of reading, and what may be seen through them, said as plainly as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from protobase_live.permissions.grant import ReadScope
from protobase_live.permissions.sight import Sight
from protobase_live.query.ast.expressions import Expr, bind, params_of
from tests.support.query_cases import Expressions, pool
from tests.support.query_data import COLLECTIONS, FIELDS, Data, Dice, Row
from tests.support.query_oracle import holds

NAMES = {("p",): "whole", ("q",): "text", ("r",): "mixed", ("s",): "ref", ("_key",): "ref"}
"""What conditions of rows are about, and what their constants are picked from."""

Scopes = dict[str, list[ReadScope]]
"""What each collection is seen through."""


@st.composite
def scopes(draw: st.DrawFn) -> Scopes:
    """None to three scopes for each collection."""
    dice = Dice(draw)
    return {name: [scope(dice) for _ in range(dice.below(4))] for name in COLLECTIONS}


def scope(dice: Dice) -> ReadScope:
    """Some rows, or all, with some fields, or all; seldom no records at all."""
    fields = None if dice.chance(3) else frozenset(name for name in FIELDS if dice.chance(2))
    rows = None if dice.chance(3) else row_condition(dice)
    return ReadScope(not dice.chance(8), fields, frozenset(), rows)


def row_condition(dice: Dice) -> Expr:
    """A condition without parameters."""
    found = Expressions(dice, NAMES).condition()
    return bind(found, {each.name: dice.pick(pool(each.name)) for each in params_of(found)})


def sights(given: Scopes) -> dict[str, Sight]:
    """What is tested."""
    return {name: Sight(each) for name, each in given.items()}


def seen(given: Scopes, data: Data) -> Data:
    """What of the records may be seen."""
    found = {
        name: {key: seen_row(given[name], key, row) for key, row in rows.items()}
        for name, rows in data.items()
    }
    return {name: {key: row for key, row in rows.items() if row is not None} for name, rows in found.items()}


def seen_row(given: Sequence[ReadScope], key: str, row: Row) -> Row | None:
    """What of one record may be seen; None if nothing."""
    whole: dict[str, Any] = {**row, "_key": key}
    open_ = [each for each in given if each.records and (each.rows is None or holds(each.rows, whole, {}))]
    if not open_:
        return None
    return {
        name: value
        for name, value in row.items()
        if any(each.fields is None or name in each.fields for each in open_)
    }
