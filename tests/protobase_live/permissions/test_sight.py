"""What is seen of rows, changes and reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import Forbidden, RecordMissing
from protobase_live.model.change import Change
from protobase_live.model.operations import RECORDS, Read, Target
from protobase_live.model.values import same
from protobase_live.permissions.grant import ReadScope
from protobase_live.permissions.reading import answer_in_steps
from protobase_live.permissions.sight import Sight
from protobase_live.protocol.steps import at_once
from protobase_live.query.ast.expressions import F
from protobase_live.query.engine import effort
from protobase_live.query.engine.effort import begin_step
from protobase_live.structures import RECORDS_KIND
from tests.support.query_cases import cases
from tests.support.query_data import Dice, data_of, schema_of
from tests.support.sights import Scopes, scopes, seen, seen_row, sights

MINE = Sight([ReadScope(rows=F.owner == "ann", structures=frozenset())])
TITLES = Sight([ReadScope(fields=frozenset({"title"}), structures=frozenset({"notes"}))])


def change(before: Any, after: Any, **more: Any) -> Change:
    kind = "insert" if before is None else "delete" if after is None else "update"
    return Change("tasks", more.pop("structure", "records"), kind, "k", before, after, "c", **more)


def row(owner: str, title: str = "t") -> dict[str, Any]:
    return {"owner": owner, "title": title}


def test_what_a_rule_costs_does_not_add_up(monkeypatch) -> None:
    begin_step()
    monkeypatch.setattr(effort, "MAX_STEPS", 1_000)
    rules = [ReadScope(rows=F.title.like("%s_cr%"), structures=frozenset())]
    rules.append(ReadScope(rows=F.owner == "ann", fields=frozenset({"owner"}), structures=frozenset()))
    sight = Sight(rules)
    for _ in range(100):
        assert sight.row("k", row("bob", "a secret")) == row("bob", "a secret")
        assert sight.row("k", row("ann")) == {"owner": "ann"}


def test_a_record_that_comes_into_sight_is_inserted() -> None:
    found = MINE.change(change(row("bob", "secret"), row("ann")))
    assert found == change(None, row("ann"))


def test_a_record_that_leaves_it_is_deleted_and_nothing_is_told_of_what_it_became() -> None:
    found = MINE.change(change(row("ann"), row("bob", "secret")))
    assert found == change(row("ann"), None)


def test_what_stays_out_of_sight_is_not_told() -> None:
    assert MINE.change(change(row("bob"), row("cid"))) is None
    assert MINE.change(change(None, row("bob"))) is None
    assert MINE.change(change(row("bob"), None)) is None


def test_hidden_fields_are_cut_from_before_and_after() -> None:
    found = TITLES.change(change(row("ann", "a"), row("bob", "b")))
    assert found == change({"title": "a"}, {"title": "b"})


def test_a_change_of_hidden_fields_alone_is_none() -> None:
    assert TITLES.change(change(row("ann"), row("bob"))) is None


def test_what_is_seen_as_a_whole_is_told_as_the_same_object() -> None:
    told = change(row("ann"), row("ann", "new"))
    assert MINE.change(told) is told


def test_structures_that_are_not_named_are_hidden() -> None:
    text = change("a", "b", structure="notes")
    assert TITLES.change(text) is text
    assert TITLES.change(change("a", "b", structure="secret")) is None


def test_a_reset_is_always_told() -> None:
    reset = Change("tasks", "records", "reset", None, None, None, "c")
    assert MINE.change(reset) is reset


def test_two_scopes_are_united_cell_by_cell() -> None:
    mine = ReadScope(rows=F.owner == "ann", structures=frozenset())
    titles = ReadScope(rows=F.public == True, fields=frozenset({"title"}), structures=frozenset())  # noqa: E712
    sight = Sight([mine, titles])
    assert sight.row("k", row("ann")) == row("ann")
    assert sight.row("k", {**row("bob"), "public": True}) == {"title": "t"}
    assert sight.row("k", row("bob")) is None


@cases(100)
@given(scopes(), st.data())
def test_rows_are_those_of_the_model(given: Scopes, data: st.DataObject) -> None:
    dice = Dice(data.draw)
    for name, rows in data_of(dice, schema_of(dice)).items():
        for key, found in rows.items():
            assert same(sights(given)[name].row(key, found), seen_row(given[name], key, found))


# reads


class Stored:
    """Records and structures, to be asked."""

    def __init__(self, rows: dict[str, Any]) -> None:
        self.rows = rows
        self.asked: list[Read] = []

    def ask(self, read: Read) -> Any:
        self.asked.append(read)
        if read.target != RECORDS:
            return "secret"
        return RECORDS_KIND.answer(self.rows, read.method, RECORDS_KIND.check_read(read.method, read.args))


def read(sight: Sight, rows: dict[str, Any], method: str, *args: Any) -> Any:
    return at_once(answer_in_steps(sight, Read(RECORDS, method, args), Stored(rows).ask))


def test_records_are_read_as_if_the_others_were_not_there() -> None:
    rows = {f"k{n:04}": row("ann" if n % 3 == 0 else "bob", str(n)) for n in range(1000)}
    mine = {key: each for key, each in rows.items() if each["owner"] == "ann"}
    assert read(MINE, rows, "count") == len(mine)
    assert read(MINE, rows, "get", "k0003") == rows["k0003"]
    assert read(MINE, rows, "get", "k0004") is None
    assert read(MINE, rows, "contains", "k0003") is True
    assert read(MINE, rows, "contains", "k0004") is False
    assert read(MINE, rows, "items") == [[key, each] for key, each in mine.items()]
    assert read(MINE, rows, "keys", "k0003", 2) == ["k0006", "k0009"]
    assert read(MINE, rows, "strays") == []


@cases(50)
@given(scopes(), st.data())
def test_pages_are_those_of_the_model(given: Scopes, data: st.DataObject) -> None:
    dice = Dice(data.draw)
    stored = data_of(dice, schema_of(dice))
    visible = seen(given, stored)
    for name, rows in stored.items():
        expected = [[key, visible[name][key]] for key in sorted(visible[name])]
        assert same(read(sights(given)[name], rows, "items", None, 2), expected[:2])
        assert read(sights(given)[name], rows, "count") == len(expected)


def test_a_hidden_structure_is_refused_whether_it_exists_or_not() -> None:
    for name in ("secret", "nothing"):
        stored = Stored({})
        with pytest.raises(Forbidden, match=f"structure '{name}' may not be read"):
            at_once(answer_in_steps(TITLES, Read(Target("text", (name,)), "value"), stored.ask))
        assert stored.asked == []


def test_what_merges_in_a_hidden_field_or_record_is_as_if_it_were_not_there() -> None:
    stored = Stored({"k": {"owner": "bob", "title": "t", "tags": {"secret"}}})
    hidden = Read(Target("set", ("records", "k", "tags")), "values")
    assert list(at_once(answer_in_steps(TITLES, hidden, stored.ask))) == []
    with pytest.raises(RecordMissing, match="there is no record 'k', so it has no field 'tags'"):
        at_once(answer_in_steps(MINE, hidden, stored.ask))
