"""Plans answer as a plain loop over all rows does, whatever indexes there are, and while tables change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.ast import aggregates
from protobase_live.query.ast.expressions import Expr, F, Field
from protobase_live.query.ast.ordering import descending, sort_key
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.operator import Item, Operator, items_of
from protobase_live.query.engine.plan import plan_fetch, plan_push, prepare, sources
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query

Row = dict[str, Any]

TASKS: dict[str, Row] = {
    f"t{n:03}": {"owner": f"u{n % 5}", "priority": n % 7, "done": n % 3 == 0, "parent": f"t{n // 2:03}"}
    for n in range(200)
}
USERS: dict[str, Row] = {f"u{n}": {"name": f"U{n}", "team": "red" if n % 2 else "blue"} for n in range(4)}


def table(name: str, rows: dict[str, Row], *indexes: Any) -> Table:
    made = Table(name, dict(rows))
    for each in indexes:
        made.declare(index_paths(*((each,) if isinstance(each, str) else each)))
    for _ in made.building():
        pass
    return made


def database(*indexes: Any, users: Iterable[Any] = ()) -> dict[str, Table]:
    return {"tasks": table("tasks", TASKS, *indexes), "users": table("users", USERS, *users)}


def answer(query: Query, tables: dict[str, Table]) -> list[Row]:
    return [row for batch in plan_fetch(query, tables).steps() for row in batch]


def naive(
    rows: dict[str, Row], condition: Expr | None, terms: Any, start: int, stop: int | None
) -> list[Row]:
    """Filter, sort and slice, in plain Python."""
    found = [{**row, "_key": key} for key, row in rows.items()]
    if condition is not None:
        found = list(filter(compile_condition(condition), found))
    found.sort(key=lambda row: row["_key"])
    for name, down in reversed(terms):
        found.sort(key=lambda row: descending(sort_key(row.get(name))) if down else sort_key(row.get(name)))
    return found[start:stop]


# any index gives what a plain loop gives

VALUES: Any = st.sampled_from([None, True, False, 0, 1, 1.5, 2, "", "a", "ab", "b", b"a", [1], {"x": 1}])
FIELDS = ("a", "b", "c")
KEYS = [f"k{n}" for n in range(12)]
RECORDS = st.dictionaries(st.sampled_from(KEYS), st.dictionaries(st.sampled_from(FIELDS), VALUES))
NAMES = st.sampled_from([*FIELDS, "_key"])
INDEXES = st.lists(st.lists(NAMES, min_size=1, max_size=3, unique=True), max_size=4)
TERMS = st.lists(st.tuples(NAMES, st.booleans()), max_size=3)
CONSTANTS: Any = VALUES | st.sampled_from(KEYS)
TESTS: list[Callable[[Field, Any], Expr]] = [
    lambda field, value: field == value,
    lambda field, value: field == value,
    lambda field, value: field < value,
    lambda field, value: field <= value,
    lambda field, value: field > value,
    lambda field, value: field >= value,
    lambda field, value: field != value,
    lambda field, value: field.in_([value, "a", 1, "k3"]),
    lambda field, value: field.in_([]),
    lambda field, value: field.starts_with(value),
    lambda field, value: field.contains(value),
    lambda field, value: field.between(value, "k5"),
]
CONDITIONS = st.builds(
    lambda test, name, value: test(F[name], value), st.sampled_from(TESTS), NAMES, CONSTANTS
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Query, Any]:
    conditions, terms = draw(st.lists(CONDITIONS, max_size=4)), draw(TERMS)
    start, count = draw(st.integers(0, 3)), draw(st.none() | st.integers(0, 5))
    query, condition = Query("t"), None
    for each in conditions:
        query, condition = query.where(each), each if condition is None else condition & each
    if terms:
        query = query.order_by(*(f"-{name}" if down else name for name, down in terms))
    if start:
        query = query.offset(start)
    if count is not None:
        query = query.limit(count)
    stop = None if count is None else start + count
    return query, lambda rows: naive(rows, condition, terms, start, stop)


@given(RECORDS, INDEXES, questions())
def test_a_plan_gives_what_a_plain_loop_gives(
    rows: dict[str, Row], indexes: list[list[str]], question: tuple[Query, Any]
) -> None:
    query, expected = question
    found = answer(query, {"t": table("t", rows, *indexes)})
    assert found == expected(rows)


@given(
    RECORDS, INDEXES, questions(), st.dictionaries(st.sampled_from(KEYS), st.none() | VALUES), st.booleans()
)
def test_a_plan_keeps_up_with_changes_and_is_not_disturbed_once_pinned(
    rows: dict[str, Row],
    indexes: list[list[str]],
    question: tuple[Query, Any],
    changes: dict[str, Any],
    begun: bool,
) -> None:
    query, expected = question
    there = table("t", rows, *indexes)
    plan = plan_fetch(query, {"t": there})
    steps = plan.steps()
    found = next(steps, []) if begun else []
    plan.pin()
    before = expected(rows)
    after = {key: None if value is None else {"a": value} for key, value in changes.items()}
    there.apply(after.items())
    assert found + [row for batch in steps for row in batch] == before

    rows = {key: row for key, row in {**rows, **after}.items() if row is not None}
    assert answer(query, {"t": there}) == expected(rows)


# which way is chosen


def told(query: Query, tables: dict[str, Table]) -> str:
    return str(plan_fetch(query, tables).explain())


def test_without_indexes_there_is_a_scan() -> None:
    text = told(Query("tasks").where(F.owner == "u1").order_by("-priority").limit(3), database())
    assert "tasks: scan where (owner == 'u1')" in text
    assert "to be sorted by priority descending" in text


def test_the_shortest_way_is_taken() -> None:
    tables = database("owner", "done", ("owner", "priority"))
    assert "index on owner for (owner == 'u1')" in told(Query("tasks").where(F.owner == "u1"), tables)
    text = told(Query("tasks").where((F.priority > 4) & (F.owner == "u1") & ~F.done), tables)
    assert "index on owner, priority for ((owner == 'u1') and (priority > 4)) where not done" in text


def test_an_index_that_has_the_order_makes_sorting_unnecessary() -> None:
    query = Query("tasks").where(F.owner == "u1").order_by("-priority").limit(3)
    text = told(query, database("owner", ("owner", "priority")))
    assert "index on owner, priority for (owner == 'u1'), in order  (~3 rows)" in text
    assert "to be sorted" not in text
    assert "sorting" not in text


def test_a_few_equal_values_are_merged_in_order() -> None:
    query = Query("tasks").where(F.owner.in_(["u1", "u3"])).order_by("-priority").limit(5)
    assert "in order" in told(query, database(("owner", "priority")))
    condition = F.owner.in_(["u1", "u3"])
    expected = naive(TASKS, condition, [("priority", True)], 0, 5)
    assert answer(query, database(("owner", "priority"))) == expected


def test_keys_are_looked_up() -> None:
    tables = database()
    assert "by key for (_key == 't007')" in told(Query("tasks").where(F._key == "t007"), tables)
    found = answer(Query("tasks").where(F._key.in_(["t009", "t007", "gone", 3])), tables)
    assert [row["_key"] for row in found] == ["t007", "t009"]


def test_an_index_that_is_not_ready_is_not_used() -> None:
    tables = database()
    tables["tasks"].declare(index_paths("owner"))
    query = Query("tasks").where(F.owner == "u1")
    assert "scan" in told(query, tables)
    for _ in tables["tasks"].building():
        pass
    assert "index on owner" in told(query, tables)
    tables["tasks"].drop(index_paths("owner"))
    assert "scan" in told(query, tables)


def test_only_as_much_is_read_as_the_limit_asks_for() -> None:
    tables = database("priority")
    rows = tables["tasks"].rows
    read: list[str] = []

    class Watched(dict[str, Row]):
        def __getitem__(self, key: str) -> Row:
            read.append(key)
            return super().__getitem__(key)

    tables["tasks"].rows = Watched(rows)
    assert len(answer(Query("tasks").order_by("-priority").limit(3), tables)) == 3
    assert len(read) <= 20


# joins


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("users", [(), ("name",), ("team",), (("team", "name"),)])
@pytest.mark.parametrize("on", [{"owner": "_key"}, {"label": "name"}, {"label": "name", "team": "team"}])
@pytest.mark.parametrize("where", [None, F.team == "red"])
def test_a_join_by_lookup_gives_what_a_hash_join_gives(how: Any, users: Any, on: Any, where: Any) -> None:
    rows = {
        key: {"owner": f"u{n % 9}", "label": f"U{n % 9}" if n % 4 else None, "team": "red" if n % 3 else 1}
        for n, key in enumerate(TASKS)
    }
    people = {f"u{n}": {"name": f"U{n % 7}", "team": "red" if n % 2 else "blue"} for n in range(3000)}
    other = Query("users") if where is None else Query("users").where(where)
    query = Query("tasks").where(F._key.in_(list(rows)[:20])).join(other, on=on, as_="user", how=how)
    by_lookup = {"tasks": table("tasks", rows), "users": table("users", people, *users)}
    plan = plan_fetch(query, by_lookup)
    looked_up = "index join" in str(plan.explain())
    firsts = {"_key"} | {each if isinstance(each, str) else each[0] for each in users}
    assert looked_up == bool(firsts & set(on.values()))
    expected = [{**rows[key], "_key": key} for key in sorted(rows)[:20]]
    joined: list[Row] = []
    for row in expected:
        partners = [
            {**person, "_key": key}
            for key, person in sorted(people.items())
            if all(
                row[mine] is not None and row[mine] == (key if theirs == "_key" else person[theirs])
                for mine, theirs in on.items()
            )
            and (where is None or person["team"] == "red")
        ]
        joined += [{**row, "user": each} for each in partners or ([None] if how == "left" else [])]
    plan = plan_fetch(query, by_lookup)
    steps = plan.steps()
    found = next(steps)
    plan.pin()
    by_lookup["users"].apply([(key, None) for key in people])
    by_lookup["tasks"].apply([(key, None) for key in rows])
    assert found + [row for batch in steps for row in batch] == joined


def test_many_rows_are_joined_by_hashing() -> None:
    assert "hash join" in told(Query("tasks").join("users", on={"owner": "_key"}), database())


# trees


def everything(tables: dict[str, Table]) -> dict[str, Any]:
    return {name: [(key, None, row) for key, row in each.rows.items()] for name, each in tables.items()}


def pushed(tree: Operator, tables: dict[str, Table]) -> list[Row]:
    items: list[Item] = [new for _, new in tree.push(everything(tables)) if new is not None]
    return [row for _, _, row in sorted(items, key=lambda item: (item[1], item[0]))]


STEPS: dict[str, Query] = {
    "bare": Query("tasks"),
    "where": Query("tasks").where(F.owner == "u1"),
    "select": Query("tasks").select("owner", double=F.priority * 2),
    "sort": Query("tasks").order_by("-priority", "owner").offset(2).limit(5),
    "where after limit": Query("tasks").order_by("-priority").limit(50).where(F.owner == "u2"),
    "group": Query("tasks").group_by("owner", n=aggregates.count()),
    "distinct": Query("tasks").select("owner", "done").distinct(),
    "union": Query("tasks").select("owner").union(Query("users").select(owner=F._key)),
    "union all": Query("tasks").select("owner").union(Query("users").select(owner=F._key), all=True),
    "unnest": Query("tasks").unnest("owner"),
    "traverse": Query("tasks").where(F._key == "t099").traverse("parent", 3),
    "count": Query("tasks").where(F.priority > 3).count(),
    "join": Query("tasks").join(Query("users").where(F.team == "red"), on={"owner": "_key"}, how="full"),
}


@pytest.mark.parametrize("name", STEPS)
def test_both_ways_to_run_a_query_agree(name: str) -> None:
    query, tables = STEPS[name], database("owner", ("owner", "priority"))
    assert pushed(plan_push(query), tables) == answer(query, tables) == answer(query, database())


def test_sources_say_what_they_read() -> None:
    query = Query("tasks").where((F.owner == "u1") & (F.priority > 2)).join("users", on={"owner": "_key"})
    tasks, users = sources(plan_push(query))
    assert (tasks.collection, tasks.equalities) == ("tasks", {("owner",): sort_key("u1")})
    assert (users.collection, users.equalities) == ("users", {})


def test_a_plan_is_fetched_item_by_item_in_the_order_of_its_ranks() -> None:
    query = Query("tasks").where(F.owner == "u1").order_by("-priority")
    with_index = prepare(query).plan(database(("owner", "priority")))
    without = prepare(query).plan(database())
    found = [list(items_of(plan.root.fetch())) for plan in (with_index, without)]
    assert found[0] == found[1]
