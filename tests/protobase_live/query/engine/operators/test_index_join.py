"""A join by lookup gives what a hash join gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.ast.expressions import F
from protobase_live.query.ast.tree import Join
from protobase_live.query.engine.access import Selection
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.operator import Item, items_of, place
from protobase_live.query.engine.operators.hash_join import HashJoin
from protobase_live.query.engine.operators.index_join import IndexJoin, Lookup, lookup_for
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query

Row = dict[str, Any]

KEYS = ["k0", "k1", "k2", "k3"]
VALUES: Any = st.sampled_from([None, True, 1, 1.0, "k0", "k1", "x", [1]])
ROWS = st.dictionaries(st.sampled_from(KEYS), st.dictionaries(st.sampled_from("ab"), VALUES))
ON = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["a", "b", "_key"])), min_size=1, max_size=3
)
INDEXES = st.lists(
    st.lists(st.sampled_from(["a", "b", "_key"]), min_size=1, max_size=3, unique=True), max_size=3
)


def table(name: str, rows: dict[str, Row], indexes: list[list[str]]) -> Table:
    made = Table(name, dict(rows))
    for each in indexes:
        made.declare(index_paths(*each))
    for _ in made.building():
        pass
    return made


def source(found: Table, condition: Any = None) -> Source:
    return Source(found.name, condition, Selection(condition).access(found))


def join(query: Query) -> Join:
    (step,) = query.steps
    assert isinstance(step, Join)
    return step


@given(ROWS, ROWS, ON, INDEXES, st.sampled_from(["inner", "left"]), st.none() | VALUES, st.booleans())
def test_it_gives_what_a_hash_join_gives(
    lefts: dict[str, Row],
    rights: dict[str, Row],
    on: list[tuple[str, str]],
    indexes: list[list[str]],
    how: Any,
    wanted: Any,
    pinned: bool,
) -> None:
    left, right = table("left", lefts, [["_key"]]), table("right", rights, indexes)
    condition = None if wanted is None else F.b == wanted
    other = Query("right") if condition is None else Query("right").where(condition)
    step = join(Query("left").join(other, on=on, how=how))
    lookup = lookup_for(right, step)
    firsts = {"_key"} | {each[0] for each in indexes}
    assert (lookup is not None) == bool(firsts & {theirs for _, theirs in on})
    if lookup is None:
        return
    expected: list[Item] = list(items_of(HashJoin(source(left), source(right, condition), step).fetch()))
    operator = IndexJoin(source(left), right, step, lookup)
    assert operator.sorted == operator.inputs[0].sorted
    if pinned:
        for each in (operator, *operator.inputs):
            each.pin()
        left.apply([(key, None) for key in lefts])
        right.apply([(key, None) for key in rights])
    found = list(items_of(operator.fetch()))
    assert sorted(found, key=place) == sorted(expected, key=place)
    if operator.sorted:
        assert found == sorted(found, key=place)


def test_the_lookup_says_as_much_as_an_index_can() -> None:
    right = table("right", {"k": {}}, [["a"], ["b", "a", "c"], ["c", "a"]])
    step = join(Query("left").join("right", on={"x": "a", "y": "b"}))
    assert lookup_for(right, step) == Lookup(right.usable[1], (1, 0))
    assert lookup_for(right, join(Query("left").join("right", on={"x": "a", "y": "_key"}))) == Lookup(
        None, (1,)
    )


@pytest.mark.parametrize(
    "query",
    [
        Query("left").join("right", on="a", how="right"),
        Query("left").join("right", on="a", how="full"),
        Query("left").join(Query("right").limit(1), on="a"),
        Query("left").join("right", on="b"),
        Query("left").join("right", on={"a": F.a + 1}),
    ],
)
def test_other_joins_need_every_row(query: Query) -> None:
    assert lookup_for(table("right", {"k": {}}, [["a"]]), join(query)) is None


def test_it_only_answers_once() -> None:
    right = table("right", {}, [])
    operator = IndexJoin(
        source(right), right, join(Query("left").join("right", on="_key")), Lookup(None, (0,))
    )
    with pytest.raises(NotImplementedError):
        operator.push({})


def multiplying(lefts: int, rights: int) -> tuple[Table, Table, IndexJoin]:
    """A join in which every row of one side has all of the other as partners."""
    left = table("left", {f"l{n}": {"a": 1} for n in range(lefts)}, [])
    right = table("right", {f"r{n}": {"a": 1} for n in range(rights)}, [["a"]])
    step = join(Query("left").join("right", on="a"))
    lookup = lookup_for(right, step)
    assert lookup is not None
    return left, right, IndexJoin(source(left), right, step, lookup)


def test_pinning_makes_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, operator = multiplying(10, 10)
    monkeypatch.setattr(operator, "_of_left", None)
    operator.pin()


def test_a_join_that_is_pinned_halfway_through_a_row_goes_on_as_it_began() -> None:
    left, right, operator = multiplying(3, 700)
    batches = operator.fetch()
    found = list(next(batches))
    for each in (operator, *operator.inputs):
        assert isinstance(each, IndexJoin | Source)
        each.pin()
    left.apply([(key, None) for key in list(left.rows)])
    right.apply([(key, None) for key in list(right.rows)])
    found += items_of(batches)
    assert len(found) == 3 * 700
