from __future__ import annotations

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.tree import OrderBy
from protobase_live.query.engine.operator import items_of
from protobase_live.query.engine.operators.concatenation import Concatenation
from protobase_live.query.engine.operators.ordering import Ordering
from tests.support.operator_trees import Records, Tables, Watch


def test_numbers_its_inputs_and_forgets_their_ranks() -> None:
    tables: Tables = {"one": {"x": {"a": 1}}, "two": {"x": {"a": 2}}}
    ordered = Ordering(Records(tables), OrderBy(((F.a, False),)))
    items = list(items_of(Concatenation([ordered, Records(tables, "two")]).fetch()))
    assert [(identity, rank, row["a"]) for identity, rank, row in items] == [
        ((0, "x"), (), 1),
        ((1, "x"), (), 2),
    ]


def test_the_same_records_twice_are_twice_there() -> None:
    watch = Watch(lambda t: Concatenation([Records(t), Records(t)]))
    assert len(watch.push({"one": {"x": {}}})) == 2


def test_a_change_of_rank_alone_is_none() -> None:
    watch = Watch(lambda t: Concatenation([Ordering(Records(t), OrderBy(((F._key, False),)))]))
    watch.push({"one": {"x": {"a": 1}}})
    assert watch.push({"one": {"x": {"a": 1}}}) == []
