"""What matching patterns costs is counted, and bounded between two pauses."""

from functools import reduce
from operator import or_

import pytest

from protobase_live.errors import LimitExceeded
from protobase_live.query.ast.aggregates import collect, count
from protobase_live.query.ast.expressions import F
from protobase_live.query.engine import effort
from protobase_live.query.engine.effort import (
    CHARS_A_STEP,
    EASY_STEPS,
    MAX_STEPS,
    Budget,
    apart,
    begin_step,
    guarding,
    is_too_much,
    spend,
    spent,
)
from protobase_live.query.engine.operator import BATCH_ROWS
from protobase_live.query.engine.patterns import matcher
from protobase_live.query.engine.plan import plan_fetch
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query


@pytest.fixture(autouse=True)
def fresh():
    begin_step()
    yield
    begin_step()


def test_a_pause_begins_anew():
    spend(MAX_STEPS)
    begin_step()
    spend(MAX_STEPS)
    with pytest.raises(LimitExceeded, match="MAX_STEPS"):
        spend(1)


def test_what_guards_is_counted_apart():
    guards = guarding(spend)
    guards(MAX_STEPS)
    spend(MAX_STEPS)
    assert spent() == 2 * MAX_STEPS
    assert not is_too_much()
    with pytest.raises(LimitExceeded, match="MAX_STEPS"):
        guards(1)
    assert is_too_much()
    apart(guards)(MAX_STEPS)
    begin_step()
    assert not spent()
    assert not is_too_much()


def test_a_pattern_costs_the_longest_that_stands_between_two_percents():
    assert matcher("%abc_%d%")("abcxd" * 20)
    assert spent() == 100 * 4 + 100 // CHARS_A_STEP


def test_what_lacks_the_longest_text_of_a_pattern_costs_the_search_for_it():
    assert not matcher("%abc_d%")("x" * 1_000_000)
    assert spent() == 1_000_000 // CHARS_A_STEP


def test_a_pattern_that_explodes_fails_at_once():
    matches = matcher("%" + "a" * 990 + "_b%")
    with pytest.raises(LimitExceeded, match="shorter pattern"):
        matches("a" * 1_000_000 + "b")


def rows(count, size):
    return Table("notes", {str(n): {"text": "ab" * (size // 2)} for n in range(count)})


def test_batches_of_rows_that_cost_much_get_smaller(monkeypatch):
    monkeypatch.setattr("protobase_live.query.engine.operators.source.EASY_STEPS", EASY_STEPS // 1_000)
    query = Query("notes").where(F.text.like("%a_c%"))
    steps = sum(1 for _ in plan_fetch(query, {"notes": rows(BATCH_ROWS * 4, 100)}).steps())
    assert steps < 10, "what lacks a text of the pattern is easy"
    query = Query("notes").where(F.text.like("%a_b%"))
    steps = sum(1 for _ in plan_fetch(query, {"notes": rows(BATCH_ROWS * 4, 100)}).steps())
    assert steps > 20


def test_each_step_of_a_query_has_its_own_count(monkeypatch):
    monkeypatch.setattr(effort, "MAX_STEPS", BATCH_ROWS * 100 * 4)
    query = Query("notes").where(F.text.like("%a_b%"))
    found = [
        row for batch in plan_fetch(query, {"notes": rows(BATCH_ROWS * 4, 100)}).steps() for row in batch
    ]
    assert found == []


LONG = list(range(50_000))


@pytest.mark.parametrize(
    ("value", "condition"),
    [
        (LONG, lambda n: F.value.contains(-n - 0.5)),
        (LONG, lambda n: F.value.contains(f"x{n}")),
        (LONG, lambda n: F.value.contains([n])),
        (LONG, lambda n: F.value == F[f"other{n}"]),
        (LONG, lambda n: F.value < F[f"other{n}"]),
        ({str(n): [n] for n in LONG}, lambda n: F.value == F[f"other{n}"]),
        ("ab" * 500_000, lambda n: F.value.contains(f"x{n}")),
        ("ab" * 500_000, lambda n: F.value.like(f"%x{n}%")),
        ("ab" * 500_000, lambda n: F.value.like(f"%x{n}_%")),
    ],
)
def test_conditions_on_long_values_are_bounded(value, condition, monkeypatch):
    table = {"notes": Table("notes", {"k": {"value": value}})}
    monkeypatch.setattr(effort, "MAX_STEPS", 11_000_000)
    assert list(plan_fetch(Query("notes").where(condition(0)), table).steps()) == [[]]
    several = reduce(or_, map(condition, range(60)))
    with pytest.raises(LimitExceeded, match="fewer conditions"):
        list(plan_fetch(Query("notes").where(several), table).steps())


def test_a_batch_of_which_the_rows_take_too_long_is_tried_with_fewer(monkeypatch):
    table = {"notes": Table("notes", {str(n): {"value": LONG[: 1_000 + n % 7]} for n in range(300)})}
    query = Query("notes").where(F.value.contains(1_004)).order_by("value")
    wanted = [row["_key"] for batch in plan_fetch(query, table).steps() for row in batch]
    monkeypatch.setattr(effort, "MAX_STEPS", 400_000)
    found = [row["_key"] for batch in plan_fetch(query, table).steps() for row in batch]
    assert found == wanted
    assert len(found) == 85


def texts(count, size):
    return Table("notes", {str(n): {"n": n % 2, "text": "x" * size} for n in range(count)})


@pytest.mark.parametrize(
    "query",
    [
        Query("notes").select(twice=F.text + F.text),
        Query("notes").order_by(F.text + F.text),
        Query("notes").group_by(twice=F.text + F.text, n=count()),
        Query("notes").group_by("n", all=collect(F.text)),
        Query("notes").group_by(all=collect(F.text + F.text)),
    ],
)
def test_what_a_query_makes_is_bounded_in_bytes(query):
    tables = {"notes": texts(100, 1_000)}
    assert any(plan_fetch(query, tables).steps(Budget(1_000_000, "query_bytes")))
    with pytest.raises(LimitExceeded, match=r"90000 bytes \(query_bytes\).*select less"):
        list(plan_fetch(query, tables).steps(Budget(90_000, "query_bytes")))


@pytest.mark.parametrize(
    "query",
    [
        Query("notes").where(F.text + F.text == "y"),
        Query("notes").select("text", "n"),
        Query("notes").group_by("n", many=count()),
    ],
)
def test_what_was_read_and_what_is_not_kept_is_not_counted(query):
    budget = Budget(1_000_000, "query_bytes")
    list(plan_fetch(query, {"notes": texts(100, 1_000)}).steps(budget))
    assert budget.used == 0
