"""Queries in the form people write them."""

import itertools
import json
import re
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.query.ast import aggregates as agg
from protobase_live.query.ast.expressions import Call, Expr, F, Field, Param, Value, both, expr, param
from protobase_live.query.language.query import Query
from protobase_live.query.language.text import MAX_TEXT_CHARS, parse
from protobase_live.query.language.text.tokens import KEYWORDS

GUIDE = Path(__file__).parents[4] / "docs" / "guide.md"
PB = SimpleNamespace(Query=Query, param=param, **{name: getattr(agg, name) for name in agg.AGGREGATES})
Q = Query


def message(text, **kwargs):
    with pytest.raises(ValidationError) as raised:
        parse(text, **kwargs)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("tasks", Q("tasks")),
        (
            "tasks where not done and priority >= 3 order by -priority, title limit 10 offset 5",
            Q("tasks").where(~F.done & (F.priority >= 3)).order_by("-priority", "title").limit(10).offset(5),
        ),
        (
            'tasks join users as user on owner = name where user.team = "red" '
            "select title, user.team as team",
            Q("tasks")
            .join("users", {"owner": "name"}, "user")
            .where(F.user.team == "red")
            .select("title", team=F.user.team),
        ),
        (
            "orders group by country: revenue = sum(total), n = count() having n > 3 "
            "order by revenue desc, country asc limit 10",
            Q("orders")
            .group_by("country", revenue=agg.sum("total"), n=agg.count())
            .having(F.n > 3)
            .order_by("-revenue", "country")
            .limit(10),
        ),
        (
            "a left join b on x = y and z == w.v",
            Q("a").join("b", {"x": "y", "z": "w.v"}, how="left"),
        ),
        ("a right join boards/42 as b on x", Q("a").join("boards/42", "x", "b", "right")),
        ("a full join b on x + 1 = -y", Q("a").join("b", [(F.x + 1, -F.y)], how="full")),
        ("a inner join b on x", Q("a").join("b", "x")),
        (
            "tasks join (users where active limit 3) as u on owner = name",
            Q("tasks").join(Q("users").where(F.active).limit(3), {"owner": "name"}, "u"),
        ),
        ("tasks select owner distinct", Q("tasks").select("owner").distinct()),
        ("tasks select _key, user._id", Q("tasks").select("_key", F.user._id)),
        ("tasks unnest tags as tag", Q("tasks").unnest("tags", "tag")),
        ("tasks unnest meta.tags", Q("tasks").unnest("meta.tags")),
        ("tasks union (tasks where done), (old)", Q("tasks").union(Q("tasks").where(F.done), Q("old"))),
        ("tasks union all (old count)", Q("tasks").union(Q("old").count(), all=True)),
        ("folders traverse parent depth 3", Q("folders").traverse("parent", 3)),
        ("folders traverse parent reverse depth 3", Q("folders").traverse("parent", 3, reverse=True)),
        ("folders traverse parent depth 3 reverse", Q("folders").traverse("parent", 3, reverse=True)),
        ("tasks where done count", Q("tasks").where(F.done).count()),
        ("tasks count where count > 3", Q("tasks").count().where(F["count"] > 3)),
        ("tasks where a where b", Q("tasks").where(F.a).where(F.b)),
        ("orders group by country, total / 10 as tens", Q("orders").group_by("country", tens=F.total / 10)),
        ("orders group by: n = count()", Q("orders").group_by(n=agg.count())),
        (
            "o group by c:n=count_distinct(a.b), a = avg(x * 2), l = min(x), h = max(x), all = collect(_key)",
            Q("o").group_by(
                "c",
                n=agg.count_distinct("a.b"),
                a=agg.avg(F.x * 2),
                l=agg.min("x"),
                h=agg.max("x"),
                all=agg.collect("_key"),
            ),
        ),
        ("tasks select a order by b", Q("tasks").select("a").order_by("b")),
        ("`where` where `order by`.`a``b`", Q("where").where(F["order by"]["a`b"])),
        ("TASKS WHERE NOT Done ORDER BY Title DESC", Q("TASKS").where(~F.Done).order_by("-Title")),
        ("tasks\n  where done -- 1 > 0", Q("tasks").where(F.done - Value(-1) > 0)),
    ],
)
def test_steps(text, query):
    assert parse(text) == query
    assert parse(json.dumps(query.to_json())) == query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and not c", F.a | (F.b & ~F.c)),
        ("(a or b) and c and (d and e)", (F.a | F.b) & F.c & F.d & F.e),
        ("a or (b or c)", F.a | F.b | F.c),
        ("not a = 1", ~(F.a == 1)),
        ("not not a", ~~F.a),
        ("not (a and b)", ~(F.a & F.b)),
        ("a = 1 and b == 'x'", (F.a == 1) & (F.b == "x")),
        ("a != 1 or b <> 2", (F.a != 1) | (F.b != 2)),
        ("a < 1 and a <= 2 and a > -3 and a >= 4.5", both(F.a < 1, F.a <= 2, F.a > -3, F.a >= 4.5)),
        ("a in (1, -2, 'x', true, none)", F.a.in_([1, -2, "x", True, None])),
        ("a in ()", F.a.in_([])),
        ("a in [1, [2]]", F.a.in_([1, [2]])),
        ("a in :keys", F.a.in_(param("keys"))),
        ("a not in (1)", ~F.a.in_([1])),
        ("a between 1 + 2 and b and c", F.a.between(expr(1) + 2, F.b) & F.c),
        ("a not between 1 and 2", ~F.a.between(1, 2)),
        ("a is none or a is null", F.a.is_none() | F.a.is_none()),
        ("a is not none", ~F.a.is_none()),
        ("a = null", F.a.is_none()),
        ("tags contains 'x'", F.tags.contains("x")),
        ("tags not contains :tag", ~F.tags.contains(param("tag"))),
        ("a starts with 'x' and a not starts with b", F.a.starts_with("x") & ~F.a.starts_with(F.b)),
        ("a like 'x\\\\%%' and a not like '_'", F.a.like("x\\%%") & ~F.a.like("_")),
        ("(a < b) = true", (F.a < F.b) == True),  # noqa: E712
        ("true", Value(True)),
        ("done and true", Call("and", (F.done, Value(True)))),
        ("3 < a", Call("<", (Value(3), F.a))),
    ],
)
def test_conditions(text, expected):
    assert parse(f"tasks where {text}") == Q("tasks").where(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + a * 2 - b / c % d", 1 + F.a * 2 - F.b / F.c % F.d),
        ("(1 + a) * 2", (1 + F.a) * 2),
        ("a - b - c", F.a - F.b - F.c),
        ("a - (b - c)", F.a - (F.b - F.c)),
        ("-a * b", -F.a * F.b),
        ("-(a * b)", -(F.a * F.b)),
        ("-5", Value(-5)),
        ("- - 5", Value(5)),
        ("--a", Call("neg", (-F.a,))),
        ("2e3", Value(2000.0)),
        ("1.50", Value(1.5)),
        ("9007199254740993", Value(2**53 + 1)),
        (r"'it\'s \"\\\n\t\r\u00e9\ud83d\ude00'", Value("it's \"\\\n\t\ré😀")),
        ('"it\'s"', Value("it's")),
        ("'two\nlines'", Value("two\nlines")),
        ("TRUE", Value(True)),
        ("false", Value(False)),
        ("none", Value(None)),
        ("[]", Value([])),
        ("[1, [true], 'a', date '2026-05-01']", Value([1, [True], "a", date(2026, 5, 1)])),
        ("date '2026-05-01'", Value(date(2026, 5, 1))),
        ("datetime '2026-05-01T12:30:00'", Value(datetime(2026, 5, 1, 12, 30))),
        ("date", F.date),
        ("date.x + datetime", F.date.x + F.datetime),
        (":me", param("me")),
        (":limit", param("limit")),
        (":`my name`", param("my name")),
        ("user.team.order.`a.b`", F.user.team.order["a.b"]),
        ("count", F["count"]),
        ("größe", F["größe"]),
    ],
)
def test_expressions(text, expected):
    assert parse(f"tasks select {text} as x") == Q("tasks").select(x=expected)


def test_order_is_as_written():
    (step,) = parse("tasks select user.team as team, title").steps
    assert [name for name, _ in step.fields] == ["team", "title"]


def rows_of_the_guide(table):
    """The first code of each column of the table under a mark in the guide."""
    section = GUIDE.read_text().split(f"<!-- {table} -->\n\n")[1].split("\n\n")[0]
    for line in section.splitlines()[2:]:
        text, python = re.fullmatch(r"\| (`` .*? ``|`.*?`).* \| `(.*)` \|", line).groups()
        yield text.strip("` ") if text[1] != "`" else text[3:-3], python.replace("\\|", "|")


def evaluated(python):
    return eval(python, {"F": F, "pb": PB, "date": date, "datetime": datetime})


@pytest.mark.parametrize(("text", "python"), list(rows_of_the_guide("steps")))
def test_steps_of_the_guide(text, python):
    assert parse(f"tasks {text}") == evaluated(f'pb.Query("tasks"){python}')


@pytest.mark.parametrize(("text", "python"), list(rows_of_the_guide("expressions")))
def test_expressions_of_the_guide(text, python):
    assert parse(f"tasks where {text}") == Q("tasks").where(evaluated(python))


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_keywords_are_names_in_backquotes(word):
    assert parse(f"`{word}` where `{word}`.{word}") == Q(word).where(F[word][word])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "column 1: expected the name of a collection, found the end"),
        ("where done", "expected the name of a collection, found the keyword 'where'"),
        ("'tasks'", "expected the name of a collection, found 'tasks'"),
        ("tasks wher done", "column 7: expected a step or the end, found 'wher'; did you mean 'where'?"),
        ("tasks where done adn late", "found 'adn'; did you mean 'and'?"),
        ("tasks (", "expected a step or the end, found '('"),
        ("tasks)", "expected a step or the end, found ')'"),
        ("tasks order title", "expected 'by', found 'title'"),
        ("tasks where", "expected a field or value, found the end"),
        ("tasks where order", "found the keyword 'order'; a name is written `order`"),
        ("tasks where 3", "3 is no condition; write a comparison"),
        ("tasks where a and 'x'", "'x' is no condition"),
        ("tasks where not 1", "1 is no condition"),
        ("tasks where 1 < a < 3", "comparisons cannot be chained"),
        ("tasks where a = not b", "put 'not ...' in parentheses"),
        ("tasks where a not = 3", "expected a test after 'not', found '='"),
        ("tasks where a not cotnains 3", "did you mean 'contains'?"),
        ("tasks where a is 3", "expected 'none' or 'not none', found '3'"),
        ("tasks where a starts 'x'", "expected 'with', found 'x'"),
        ("tasks where a between 1", "expected 'and', found the end"),
        ("tasks where a in (b)", "expected a constant such as"),
        ("tasks where a in (:names)", "without parentheses: in :names"),
        ("tasks where (a", "expected ')', found the end"),
        ("tasks where sum(a) > 3", "there are no functions here"),
        ("tasks where a = : 3", "expected the name of a parameter, found '3'"),
        ("tasks where a. = 3", "expected the name of a field, found '='"),
        ("tasks where a = 'x", "this text has no closing '"),
        ("tasks where `a", "this name has no closing `"),
        ("tasks where `` = 1", "a name is not empty"),
        ("tasks where a = 'x\\q'", "\\q is no escape"),
        ("tasks where a = '\\ud800'", "lone surrogate"),
        ("tasks where a = 12x", "this is no number"),
        ("tasks where a = 1e999", "expected a finite float"),
        (f"tasks where a = {'9' * 4001}", "a number has at most 4000 digits"),
        (f"tasks where a = {'9' * 4000}", "at most 13000 are allowed"),
        ("tasks where a = date '2026-13-01'", "this is no date"),
        ("tasks where a = datetime 'now'", "this is no datetime"),
        ("tasks where a ; b", "the character ';' means nothing here"),
        (
            "tasks where at > 2024-01-01",
            "column 18: this is a difference of numbers; write date '2024-01-01'",
        ),
        (
            "tasks where at > 2024-10-12T10:00",
            "this is a difference of numbers; write datetime '2024-10-12T10:00'",
        ),
        ("tasks where at > '2024-10-12' and b = -2024-10-12", "write date '2024-10-12'"),
        (
            "tasks where \"title\" = 'x'",
            "column 13: two texts are compared; a name stands without quotes: title",
        ),
        ("tasks where 'x' = \"due date\"", "two texts are compared; a name stands in backquotes: `due date`"),
        ("tasks where title like 3", "column 24: a pattern is a text, not 3"),
        ("tasks where title starts with 3", "column 31: what a text starts with is a text, not 3"),
        ("tasks select a + 1", "this needs a name"),
        ("tasks select a, b.a", "there are two fields 'a'"),
        ("tasks select a as _key", "reserved"),
        ("tasks group by a: n = cont()", "expected an aggregate, found 'cont'; did you mean 'count'?"),
        ("tasks group by a: sum(b)", "expected '=', found '('"),
        ("tasks group by a: n = sum()", "expected a field or value, found ')'"),
        ("tasks group by a: a = count()", "there are two fields 'a'"),
        ("tasks having n > 3", "put it after group_by"),
        ("tasks limit many", "expected a number, found 'many'"),
        ("tasks limit 1.5", "expected an int from 0"),
        ("tasks limit 99999999999", "expected an int from 0"),
        ("tasks traverse parent", "expected 'depth', found the end"),
        ("tasks traverse parent depth 1000", "expected an int from 0 to 100"),
        ("tasks left users on a", "expected 'join', found 'users'"),
        ("tasks join users as u", "expected 'on', found the end"),
        ("tasks join users on a + 1", "expected '=', found the end"),
        ("tasks join a//b on c", "empty segment"),
        ("tasks union tasks", "expected '(', found 'tasks'"),
        ('{"from": tasks}', "is JSON, and this is none"),
        ('{"from": NaN}', "NaN is no number"),
    ],
)
def test_mistakes(text, says):
    assert says in message(text)


@pytest.mark.parametrize(
    "text", ["t where a > 2024 - 1 - 1", "t where a = 'x'", "t where 'x' = a", "t where a like b"]
)
def test_what_is_no_mistake(text):
    assert parse(text)


def test_a_mistake_is_shown():
    text = "tasks where done\n  order by title limt 3"
    assert message(text) == (
        "line 2, column 18: expected a step or the end, found 'limt'; did you mean 'limit'?\n"
        "    order by title limt 3\n"
        "                   ^"
    )


def test_a_mistake_far_right_is_shown_with_what_is_around_it():
    text = "tasks where " + " and ".join(["done"] * 100) + " order title" + " " * 200
    where, line, caret = message(text).split("\n")
    assert where == f"column {text.index(' title') + 2}: expected 'by', found 'title'"
    assert line[caret.index("^") :].startswith("title")
    assert len(line) <= 74


@pytest.mark.parametrize("text", ["tasks " + "x" * 60_000, "tasks select a." + "b" * 60_000 + " as _key"])
def test_a_mistake_is_shown_in_few_words(text):
    assert len(message(text)) < 600


@pytest.mark.parametrize("text", [None, 3, b"tasks"])
def test_only_texts(text):
    assert "a query is a text" in message(text)


@pytest.mark.parametrize(
    ("begin", "middle", "end"),
    [
        ("tasks where " + "(" * 30_000, "a", ")" * 30_000),
        ("tasks where " + "not " * 16_000, "a", ""),
        ("tasks select " + "-" * 60_000, "a", ""),
        ("tasks select " + "[" * 30_000, "", "]" * 30_000 + " as x"),
        ("tasks select " + "a + " * 16_000, "a", " as x"),
        ("tasks where " + "a and " * 10_000, "a", ""),
        ("tasks where a in (" + "[" * 30_000, "", ""),
        ("a union (" * 7_000, "a", ")" * 100),
        ("a join (" * 7_000, "a", ""),
        ('{"from": ' + "[" * 60_000, "", ""),
        ("tasks where a = '" + "x" * MAX_TEXT_CHARS, "", "'"),
        ("tasks" + " distinct" * 101, "", ""),
        ("tasks" + " where a" * 8_000, "", ""),
    ],
    ids=itertools.count(),
)
def test_limits(begin, middle, end):
    with pytest.raises(LimitExceeded):
        parse(begin + middle + end)


def test_what_is_within_the_limits():
    assert len(parse("tasks where " + " and ".join(["a"] * 9_000)).steps) == 1
    assert parse("tasks where " + "(" * 64 + "a" + ")" * 64) == Q("tasks").where(F.a)
    assert parse("tasks select " + " + ".join(["a"] * 64) + " as x") == Q("tasks").select(
        x=sum([F.a] * 63, F.a)
    )


# whatever is written

SOUP = st.lists(
    st.sampled_from(
        [
            *sorted(KEYWORDS),
            *("by", "with", "asc", "desc", "all", "depth", "reverse", "count", "sum", "date", "datetime"),
            *"=!<>()[],.:+-*/%'\"`\\;{",
            *("a", "b/c", "`x y`", "'t'", "3", "1.5", "9x", "date '2026-01-01'", ":p", "\n", "é", "\0"),
        ]
    )
    | st.text(max_size=3),
    max_size=30,
)


@given(SOUP, st.sampled_from(["tasks", "tasks where a", "tasks group by a:", ""]), st.sampled_from(["", " "]))
def test_soup_is_a_query_or_a_mistake(words, begin, between):
    with suppress(ValidationError, LimitExceeded):
        assert parse(between.join([begin, *words])).collections


NAMES = st.sampled_from(["a", "b c", "order", "x`y", "_key", "a.b"])
FIELDS = st.lists(NAMES, min_size=1, max_size=3).map(lambda path: Field(tuple(path)))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.dates()
    | st.datetimes()
)
CONSTANTS = SCALARS | st.lists(SCALARS | st.lists(SCALARS, max_size=2), max_size=3)
LEAVES = FIELDS | CONSTANTS.map(Value) | NAMES.map(Param)


BETWEEN = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "contains"]
LISTS = st.lists(SCALARS, max_size=3).map(Value) | FIELDS | NAMES.map(Param)


def calls(inner):
    """Larger expressions of those in ``inner``."""
    texts = inner.filter(lambda found: not isinstance(found, Value) or isinstance(found.value, str))
    truth = inner.filter(lambda found: not isinstance(found, Value)) | st.booleans().map(Value)
    return st.one_of(
        st.builds(lambda op, *args: Call(op, args), st.sampled_from(BETWEEN), inner, inner),
        st.builds(lambda op, *args: Call(op, args), st.sampled_from(["starts_with", "like"]), inner, texts),
        st.builds(lambda *args: Call("in", args), inner, LISTS),
        truth.map(lambda found: Call("not", (found,))),
        inner.filter(lambda found: not isinstance(found, Value)).map(lambda found: Call("neg", (found,))),
        st.builds(both, truth, truth, truth),
        st.builds(lambda one, other: one | other, truth, truth),
    )


EXPRESSIONS = st.recursive(LEAVES, calls, max_leaves=12)


def printed(found: Expr) -> str:
    """The expression with all its parentheses."""
    if isinstance(found, Field):
        return ".".join(map(quoted, found.field_path))
    if isinstance(found, Param):
        return f":{quoted(found.name)}"
    if isinstance(found, Value):
        return constant(found.value)
    assert isinstance(found, Call)
    args = list(map(printed, found.args))
    if len(args) == 1:
        return f"({ {'neg': '-', 'not': 'not '}[found.op] }{args[0]})"
    return "(" + f" {found.op.replace('_', ' ')} ".join(args) + ")"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def constant(value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(constant, value)) + "]"
    if isinstance(value, date):
        return f"{type(value).__name__} '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return repr(value).lower()


@given(EXPRESSIONS)
def test_printed_expressions_read_back(found):
    assert parse(f"tasks select {printed(found)} as x") == Q("tasks").select(x=found)
