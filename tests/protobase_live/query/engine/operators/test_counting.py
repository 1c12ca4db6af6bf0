from __future__ import annotations

from hypothesis import given

from protobase_live.query.engine.operators.counting import Counting
from tests.support.operator_trees import Records, Turn, Watch, fetch, histories, run


def test_counts_nothing_too() -> None:
    watch = Watch(lambda t: Counting(Records(t)))
    assert watch.push({}) == [(None, ((), (), {"count": 0}))]
    assert watch.push({}) == []
    assert fetch(Counting(Records({}))) == [{"count": 0}]


def test_says_nothing_when_as_many_go_as_come() -> None:
    watch = Watch(lambda t: Counting(Records(t)))
    watch.push({"one": {"x": {}, "y": {}}})
    assert watch.rows() == [{"count": 2}]
    assert watch.push({"one": {"x": None, "z": {}, "y": {"a": 1}}}) == []


@given(history=histories)
def test_is_the_number_of_rows(history: list[Turn]) -> None:
    run(lambda t: Counting(Records(t)), history, lambda t: [{"count": len(t.get("one", {}))}])
