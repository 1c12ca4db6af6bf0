"""The builder: queries are values, and what cannot be meant is refused when it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protobase_live.errors import InvalidName, LimitExceeded, ValidationError
from protobase_live.model import values
from protobase_live.model.atoms import Atom
from protobase_live.query.ast.aggregates import Aggregate, count, max, sum
from protobase_live.query.ast.expressions import F, Field, param
from protobase_live.query.ast.tree import (
    MAX_NESTING,
    MAX_QUERY_NODES,
    MAX_ROWS,
    MAX_STEPS,
    GroupBy,
    Join,
    OrderBy,
    Select,
    Slice,
    Step,
    Traverse,
    Unnest,
    Where,
)
from protobase_live.query.language.canonical import expr_form
from protobase_live.query.language.query import Query

TASKS = Query("tasks")


class Task(Atom):
    title: str


def last(query: Query) -> Step:
    return query.steps[-1]


def test_a_query_is_a_value() -> None:
    query = TASKS.where(F.a == 1, F.b == 2)
    assert TASKS.steps == ()
    assert query == TASKS.where(F.b == 2).where(F.a == 1)
    assert hash(query) == hash(TASKS.where((F.b == 2) & (F.a == 1)))
    assert query != TASKS.where(F.a == 1)
    assert query != "tasks"
    assert Query("tasks", Task) != TASKS
    assert repr(TASKS.limit(1)) == (
        'Query.from_json({"from":"tasks","steps":[{"slice":{"limit":1,"offset":0}}]})'
    )


def test_wheres_are_one() -> None:
    query = TASKS.where(F.a == 1).where(F.b == 2)
    assert len(query.steps) == 1
    assert len(TASKS.where(F.a == 1).distinct().where(F.b == 2).steps) == 3


def test_order_by() -> None:
    step = last(TASKS.order_by("a.b", "-c", -F.d, -F.e * 2, F["-f"]))
    assert isinstance(step, OrderBy)
    assert [(str(each), down) for each, down in step.terms] == [
        ("a.b", False),
        ("c", True),
        ("d", True),
        ("(-e * 2)", False),
        ("-f", False),
    ]


def test_order_by_what_select_left_out() -> None:
    query = TASKS.select("title", team=F.user.team).order_by("-priority", "team", F.title)
    order, select = query.steps
    assert isinstance(select, Select)
    assert isinstance(order, OrderBy)
    assert [str(each) for each, _ in order.terms] == ["priority", "user.team", "title"]
    assert isinstance(last(TASKS.select("title").order_by("title")), OrderBy)


def test_limit_and_offset_in_any_order() -> None:
    assert TASKS.limit(5).offset(2) == TASKS.offset(2).limit(5)
    assert last(TASKS.limit(5).offset(2)) == Slice(2, 5)
    assert last(TASKS.limit(5).limit(3).limit(4)) == Slice(0, 3)
    assert TASKS.offset(2).offset(3).steps == (Slice(2), Slice(3))
    assert TASKS.limit(MAX_ROWS).limit(0).steps == (Slice(0, 0),)


def test_select_names() -> None:
    step = last(TASKS.select("a", "b.c", F.d, "_key", x=F.a + 1, y=3))
    assert isinstance(step, Select)
    assert [name for name, _ in step.fields] == ["a", "c", "d", "_key", "x", "y"]


def test_group_by_names() -> None:
    step = last(TASKS.group_by("a", "b.c", n=count(), day=F.at - 1, top=max("d.e")))
    assert isinstance(step, GroupBy)
    assert [name for name, _ in step.keys] == ["a", "c", "day"]
    assert [f"{name}: {each}" for name, each in step.aggregates] == ["n: count()", "top: max(d.e)"]


def test_join() -> None:
    step = last(TASKS.join("users", on="owner"))
    assert isinstance(step, Join)
    assert (step.name, step.how, step.other.collection) == ("users", "inner", "users")
    assert [expr_form(each) for pair in step.on for each in pair] == [["field", "owner"]] * 2
    step = last(TASKS.join(Query("u").limit(1), on=[(F.a + 1, "b.c")], as_="x", how="full"))
    assert isinstance(step, Join)
    assert [str(each) for each in step.on[0]] == ["(a + 1)", "b.c"]


def test_unnest_and_traverse() -> None:
    assert str(last(TASKS.unnest("a.tags"))).endswith("name='tags')")
    step = last(TASKS.unnest(F.a + F.b, "x"))
    assert isinstance(step, Unnest)
    assert step.name == "x"
    step = last(TASKS.where(F.a == 1).order_by("a").limit(1).traverse("parent", 3, reverse=True))
    assert isinstance(step, Traverse)
    assert (step.depth, step.reverse) == (3, True)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: Query(""), "non-empty"),
    (lambda: TASKS.where("a"), "is no condition"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.where(F.a, 1), "is no condition"),
    (lambda: TASKS.having(F.a == 1), "put it after group_by"),
    (lambda: TASKS.order_by(), "at least one term"),
    (lambda: TASKS.order_by(5), "named by a non-empty str"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.order_by("-"), "named by a non-empty str"),
    (lambda: TASKS.limit(-1), "limit is -1"),
    (lambda: TASKS.limit(True), "limit is True"),
    (lambda: TASKS.limit(MAX_ROWS + 1), "from 0 to"),
    (lambda: TASKS.limit(1).limit(-1), "limit is -1"),
    (lambda: TASKS.offset(1.5), "offset is 1.5"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.select(), "at least one field"),
    (lambda: TASKS.select("a", a=F.b), "select has two fields 'a'; name one of them: other='a'"),
    (lambda: TASKS.select("a", "b.a"), "two fields 'a'"),
    (lambda: TASKS.select(F.a + 1), r"\(a \+ 1\) needs a name: write name="),
    (lambda: TASKS.select(_key=F.a), "reserved"),
    (lambda: TASKS.group_by(), "needs a key or an aggregate"),
    (lambda: TASKS.group_by("a", a=count()), "group_by has two fields 'a'"),
    (lambda: TASKS.group_by(n=5), "group_by: n is 5 .*n=pb.count"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.unnest(F.a + F.b), "needs a name"),
    (lambda: TASKS.join("users", on={}), "at least one equality"),
    (lambda: TASKS.join("users", on=F.a == F.b), "join: on is"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.join("users", on=["ab", "c"]), "join: on is"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.join("users", on=[(1, 2)]), "named by a non-empty str"),
    (lambda: TASKS.join("users", on="a", how="outer"), "expected one of inner"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.join("users", on="a", as_=""), "non-empty"),
    (lambda: TASKS.join("users", on="a", as_="_key"), "reserved"),
    (lambda: TASKS.union(), "needs another query"),
    (lambda: TASKS.union("users"), r"expected pb.Query"),  # pyright: ignore[reportArgumentType]
    (lambda: TASKS.select("a").traverse("a", 1), "only where, order_by, limit"),
    (lambda: TASKS.traverse("a", 1).traverse("a", 1), "only where, order_by, limit"),
    (lambda: TASKS.traverse("a", 101), "depth is 101"),
    (lambda: Aggregate("cuont", None), "did you mean 'count'"),
    (lambda: Aggregate("sum", None), "sum needs a field"),
    (lambda: sum(5), "named by a non-empty str"),  # pyright: ignore[reportArgumentType]
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_told(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        mistake()


def test_a_name_out_of_bounds_is_an_invalid_name() -> None:
    with pytest.raises(InvalidName):
        TASKS.select(**{"x" * 1000: F.a})


def test_limits() -> None:
    query = TASKS
    for _ in range(MAX_STEPS):
        query = query.distinct()
    with pytest.raises(LimitExceeded, match="steps"):
        query.distinct()
    with pytest.raises(LimitExceeded, match="steps"):
        TASKS.union(query)
    nested = TASKS
    for _ in range(MAX_NESTING - 1):
        nested = TASKS.union(nested)
    with pytest.raises(LimitExceeded, match="inside each other"):
        TASKS.union(nested)
    with pytest.raises(LimitExceeded, match=f"{MAX_QUERY_NODES} parts"):
        TASKS.order_by(*[Field(("a",))] * (MAX_QUERY_NODES + 1))


def test_collections_and_records() -> None:
    query = TASKS.join(Query("users").union(Query("robots")), on="a")
    assert query.collections == ("robots", "tasks", "users")
    assert TASKS.where(F.a == 1).order_by("a").limit(1).distinct().keeps_records
    assert not any(each.keeps_records for each in (query, TASKS.select("a"), TASKS.traverse("a", 1)))


def test_bind_goes_everywhere() -> None:
    query = (
        TASKS.where(F.a == param("p"))
        .join(Query("users").where(F.b == param("p")), on=[(F.x + param("p"), "y")])
        .union(Query("old").order_by(F.c + param("p")))
        .group_by(k=F.d + param("p"), n=count(F.e + param("p")))
        .having(F.k > param("p"))
        .select(x=F.k * param("p"))
        .unnest(F.x + param("p"), "z")
    )
    text = query.bind({"p": 7}).canonical
    assert "param" not in text
    assert text.count("7") == query.canonical.count('["param","p"]') == 9
    with pytest.raises(ValidationError, match="'p'"):
        query.bind({})
    with pytest.raises(ValidationError, match="no parameter 'q'"):
        query.bind({"p": 7, "q": 1})
    assert Query("tasks", Task).limit(1).bind({}).atom is Task


def test_steps_are_kept_by_with_steps() -> None:
    query = Query("tasks", Task).with_steps([Where(F.a == 1)])
    assert query.atom is Task
    assert values.same(query.to_json(), TASKS.where(F.a == 1).to_json())
