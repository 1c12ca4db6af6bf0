"""A rewritten query gives the same rows in the same order, and its conditions are where they belong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from protobase_live.model import values
from protobase_live.query.ast.aggregates import count
from protobase_live.query.ast.expressions import Expr, F, Value, fields_of, param
from protobase_live.query.ast.tree import MAX_STEPS, Only, Where
from protobase_live.query.engine.rewrite import rewrite
from protobase_live.query.language.binding import bind_query
from protobase_live.query.language.query import Query
from tests.support.query_cases import (
    EVERYTHING,
    Case,
    Language,
    Maker,
    distinct,
    group_by,
    join,
    order_by,
    select,
    slice_,
    unnest,
    where,
    whole_cases,
)
from tests.support.query_oracle import answer

TASKS = Query("tasks")


def then_where(step: Maker) -> Maker:
    """A step with a condition behind it, which could move."""
    return lambda dice, draft: where(dice, step(dice, draft))


MOVING = Language([*map(then_where, [join, group_by, select, distinct, unnest]), join, order_by, slice_])
JOINS = Language([then_where(join), then_where(join), where])


@pytest.mark.parametrize("language", [EVERYTHING, MOVING, JOINS])
def test_rows_stay_the_same(language: Language) -> None:
    @settings(max_examples=250)
    @given(whole_cases(kinds=("whole", "text", "ref", "mixed"), changes=0, language=language))
    def check_rows(case: Case) -> None:
        query = bind_query(case.query, case.params)
        assert values.same(answer(rewrite(query), case.data), answer(query, case.data))

    check_rows()


def test_a_condition_does_not_look_behind_a_mask() -> None:
    """A field that is hidden is missing for what comes behind, wherever that is moved."""
    mask = Only(((Value(True), frozenset({"title"})),))
    query = TASKS.with_steps((mask, Where(F.secret == "x"), Where(F.title == "y")))
    wheres = [step for step in rewrite(query).steps if isinstance(step, Where)]
    assert {field.field_path for step in wheres for field in fields_of(step.condition)} == {("title",)}


def test_nothing_moves_before_a_condition_that_guards() -> None:
    guard = Where(F.owner == "bob", guards=True)
    mine = TASKS.with_steps([guard])
    check(mine.order_by("n").where(F.a != 1), mine.where(F.a != 1).order_by("n"))
    check(mine.where(F.a != 1, F.owner == "bob"), mine.where(F.a != 1))
    check(mine.where(F.b == 1).where(F.a != 1), mine.where((F.b == 1) & (F.a != 1)))
    joined = Query("users").join(mine, on="id", as_="t")
    expected = Query("users").join(mine.where(F.a != 1), on="id", as_="t")
    check(joined.where(F.t.a != 1), expected)
    assert rewrite(mine.order_by("n").where(F.a != 1)).steps[0].guards  # type: ignore[union-attr]


@settings(max_examples=200)
@given(whole_cases(changes=0))
def test_parameters_may_come_later(case: Case) -> None:
    found = answer(rewrite(case.query), case.data, case.params)
    assert values.same(found, answer(case.query, case.data, case.params))


def check(query: Query, expected: Query) -> None:
    assert rewrite(query).canonical == expected.canonical


def test_true_is_left_out() -> None:
    check(TASKS.where(), TASKS)
    check(TASKS.limit(3).where(True, F.a == 1), TASKS.limit(3).where(F.a == 1))


def test_past_sorting_but_not_past_a_limit() -> None:
    check(TASKS.order_by("x").where(F.a == 1), TASKS.where(F.a == 1).order_by("x"))
    query = TASKS.order_by("x").limit(3).where(F.a == 1)
    check(query, query)


def test_past_select() -> None:
    query = TASKS.select("title", x=F.a.b + 1).where(F.title == "t", F.x > 3)
    check(query, TASKS.where(F.title == "t", F.a.b + 1 > 3).select("title", x=F.a.b + 1))
    check(TASKS.select(u=F.user).where(F.u.name == 1), TASKS.where(F.user.name == 1).select(u=F.user))


def test_what_was_not_selected_is_missing() -> None:
    check(TASKS.select("a").where(F.b.is_none()), TASKS.select("a"))
    check(TASKS.select("a").where(F.a == F.b), TASKS.where(F.a.is_none()).select("a"))


def test_a_part_of_what_was_computed_stays() -> None:
    query = TASKS.select(x=F.a + 1).where(F.x.y == 1)
    check(query, query)


def test_past_groups_by_their_keys() -> None:
    query = TASKS.group_by("owner", n=count()).having(F.owner == "ann", F.n > 3)
    check(query, TASKS.where(F.owner == "ann").group_by("owner", n=count()).having(F.n > 3))


def test_what_computes_does_not_pass_what_makes_equal_values_one() -> None:
    for query in [TASKS.distinct().where(F.a % 7 == 1), TASKS.group_by("a").where(F.a % 7 == 1)]:
        check(query, query)
    check(TASKS.distinct().where(F.a == 1), TASKS.where(F.a == 1).distinct())


def test_past_unnest_of_another_field() -> None:
    query = TASKS.unnest("tags").where(F.tags == "red", F.a == 1)
    check(query, TASKS.where(F.a == 1).unnest("tags").where(F.tags == "red"))


USERS = Query("users")


def joined(left: Query, right: Query, how: Any) -> Query:
    return left.join(right, on={"owner": "name"}, as_="user", how=how)


DATA = {
    "tasks": {
        "t1": {"owner": "ann", "a": 1},
        "t2": {"owner": "ann", "a": 2},
        "t3": {"owner": "nobody", "a": 1},
        "t4": {"a": None},
    },
    "users": {"u1": {"name": "ann", "team": "red", "a": 1}, "u2": {"name": "bob", "team": "red"}, "u3": {}},
}
CONDITIONS = [
    F.a == 1,
    F.a != 1,
    F.a.is_none(),
    F.user.team == "red",
    F.user.team != "red",
    ~(F.user.team == "red"),
    F.user.is_none(),
    ~F.user.is_none(),
    F.user.a == F.a,
    (F.a == 1) | (F.user.team == "red"),
    F.user._key == "u2",
    F._key >= "t2",
]


@pytest.mark.parametrize("how", ["inner", "left", "right", "full"])
@pytest.mark.parametrize("first", CONDITIONS, ids=str)
def test_all_joins_keep_their_rows(how: Any, first: Expr) -> None:
    for second in CONDITIONS:
        query = joined(TASKS, USERS, how).where(first & second)
        assert answer(rewrite(query), DATA) == answer(query, DATA)


def test_inner_joins_take_both_sides() -> None:
    query = joined(TASKS, USERS, "inner").where(F.a == 1, F.user.team == "red", F.user.x == F.x)
    left, right = TASKS.where(F.a == 1), USERS.where(F.team == "red")
    check(query, joined(left, right, "inner").where(F.user.x == F.x))


def test_outer_joins_become_inner_ones_where_a_missing_row_does_not_count() -> None:
    red = USERS.where(F.team == "red")
    first = TASKS.where(F.a == 1)
    for how, kept in [("left", "inner"), ("full", "right")]:
        check(joined(TASKS, USERS, how).where(F.user.team == "red"), joined(TASKS, red, kept))
    for how, kept in [("right", "inner"), ("full", "left")]:
        check(joined(TASKS, USERS, how).where(F.a == 1), joined(first, USERS, kept))


def test_a_condition_that_a_missing_row_fits_stays() -> None:
    for how in ("left", "full"):
        query = joined(TASKS, USERS, how).where(F.user.team.is_none())
        check(query, query)
    for how in ("right", "full"):
        query = joined(TASKS, USERS, how).where(F.a != 1)
        check(query, query)


def test_a_whole_joined_row_stays() -> None:
    query = joined(TASKS, USERS, "left").where(F.user != None)  # noqa: E711
    check(query, joined(TASKS, USERS, "inner").where(F.user != None))  # noqa: E711


def test_a_parameter_is_not_guessed() -> None:
    query = joined(TASKS, USERS, "left").where(F.user.team == param("t"))
    check(query, query)


def test_inside_the_joined_query_it_goes_on() -> None:
    other = USERS.order_by("name").limit(5).select("name", t=F.team).order_by("t")
    query = joined(TASKS, other, "inner").where(F.user.t == "red")
    inner = USERS.order_by("name").limit(5).where(F.team == "red").select("name", t=F.team)
    check(query, joined(TASKS, inner.with_steps((*inner.steps, other.steps[-1])), "inner"))


def test_a_query_at_its_limits_stays_as_it_is() -> None:
    query = TASKS
    for n in range(MAX_STEPS // 2 - 1):
        query = query.with_steps((*query.steps, *Query("x").unnest(f"f{n}").steps))
    query = joined(query, USERS, "inner").where(*(F[f"f{n}"] == 1 for n in range(MAX_STEPS)))
    check(query, query)
