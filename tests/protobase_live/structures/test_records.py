"""Records: fields keep their structures, whoever writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pycrdt import Array, Doc, Map

from protobase_live.errors import RecordExists, RecordMissing
from protobase_live.model.values import key_text
from protobase_live.structures import MAX_PAGE, RECORDS_KIND, kind_of
from protobase_live.structures import records as records_module

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EQUAL = [(NOON, NOON.astimezone(timezone(timedelta(hours=1)))), (-0.0, 0), (2**60, float(2**60)), (1, True)]
"""Values that Python calls equal, and that are stored otherwise."""


@pytest.fixture
def records():
    return Doc().get("records", type=Map)


def do(records, action, *args):
    """Write an action, and replay it; the value they agree on."""
    args = RECORDS_KIND.check(action, args)
    replayed = RECORDS_KIND.replay(RECORDS_KIND.plain(records), action, args)
    with records.doc.transaction():
        RECORDS_KIND.write(records, action, args, "r")
    assert RECORDS_KIND.plain(records) == replayed
    return replayed


def test_any_yjs_client_reads_the_fields(records):
    do(records, "insert", "t1", {"title": "x", "n": 1, "tags": {"a"}}, {"n": "counter"})
    assert records["t1"]["title"] == "x"
    assert records["t1"]["n"].to_py() == {"@": "counter", "r": 1}
    assert records["t1"]["tags"].to_py() == {"@": "set", key_text("a") + "|r": True}


@pytest.mark.parametrize("within", [lambda value: value, lambda value: [{"a": value}]])
@pytest.mark.parametrize(("old", "new"), EQUAL)
def test_put_writes_what_equals_the_stored_and_is_not_it(records, old, new, within):
    for value in (within(old), within(new), within(old)):
        do(records, "put", "t", {"x": value})
        assert repr(RECORDS_KIND.plain(records)["t"]["x"]) == repr(value)


def test_put_writes_nothing_where_a_float_is_stored_as_the_same_integer(records):
    do(records, "put", "t", {"x": [1]})
    before = records.doc.get_state()
    do(records, "put", "t", {"x": [1.0]})
    assert records.doc.get_state() == before


def test_plain_values_that_fit_keep_the_structure(records):
    merges = {"votes": "counter", "tags": "set", "steps": "list", "body": "text", "stock": "counted_set"}
    fields = {"votes": 1, "tags": {"a"}, "steps": [1], "body": "x", "stock": {"a": 1}}
    do(records, "insert", "t", fields, merges)
    before = {name: records["t"][name] for name in merges}
    do(
        records,
        "update",
        "t",
        {"votes": 5, "tags": {"a", "b"}, "steps": [1, 2], "body": "xy", "stock": {"b": 2}},
    )
    assert {name: kind_of(records["t"][name]) for name in merges} == merges
    assert before["steps"].to_py() == [1, 2]
    assert records["t"]["votes"].to_py() == {"@": "counter", "r": 5}


@pytest.mark.parametrize(
    ("field", "value"),
    [("votes", "many"), ("tags", ["a", "a"]), ("steps", "x"), ("body", 5), ("stock", {"a": 0})],
)
def test_plain_values_that_do_not_fit_replace_it(records, field, value):
    merges = {"votes": "counter", "tags": "set", "steps": "list", "body": "text", "stock": "counted_set"}
    fields = {"votes": 1, "tags": {"a"}, "steps": [1], "body": "x", "stock": {"a": 1}}
    do(records, "insert", "t", fields, merges)
    assert do(records, "update", "t", {field: value})["t"][field] == value
    assert kind_of(records["t"][field]) is None
    assert do(records, "update", "t", {field: fields[field]}, merges)["t"] == fields
    assert kind_of(records["t"][field]) == merges[field]


def test_a_structure_of_another_kind_is_replaced(records):
    do(records, "insert", "t", {"x": [1]}, {"x": "list"})
    do(records, "update", "t", {"x": 3}, {"x": "counter"})
    records["t"]["y"] = Map({"a": 1})
    assert do(records, "update", "t", {"y": {"b": 2}})["t"] == {"x": 3, "y": {"b": 2}}


def test_a_row_can_be_put_back(records):
    rows = do(records, "insert", "t", {"tags": {"a"}, "n": 1, "old": 1}, {"n": "counter"})
    row = {**rows["t"], "n": 2}
    del row["old"]
    state = records.doc.get_state()
    do(records, "put", "t", row)
    assert records["t"]["n"].to_py() == {"@": "counter", "r": 2}
    do(records, "put", "t", row)
    assert len(records.doc.get_update(state)) < 60


def test_true_is_not_one(records):
    do(records, "insert", "t", {"a": 1})
    do(records, "put", "t", {"a": True})
    assert records["t"]["a"] is True


def test_rehearsing_follows_the_keys():
    view = {"a": {}}
    state = RECORDS_KIND.rehearse(view, None, "delete", ("a",))
    state = RECORDS_KIND.rehearse(view, state, "insert", ("a", {}, {}))
    with pytest.raises(RecordExists, match="'a'"):
        RECORDS_KIND.rehearse(view, state, "insert", ("a", {}, {}))
    with pytest.raises(RecordMissing, match="'b'"):
        RECORDS_KIND.rehearse(view, state, "update", ("b", {}, {}))
    RECORDS_KIND.rehearse(view, state, "put", ("b", {}, {}))
    RECORDS_KIND.rehearse(view, state, "update", ("b", {}, {}))
    RECORDS_KIND.rehearse(view, state, "delete", ("c",))
    assert view == {"a": {}}


def test_pages():
    view = {key: {"k": key} for key in "dbac"}
    for after, limit, expected in [(None, 2, "ab"), ("b", 2, "cd"), ("d", 2, ""), ("", 9, "abcd")]:
        if after != "":
            assert RECORDS_KIND.check_read("keys", (after, limit)) == (after, limit)
        assert RECORDS_KIND.answer(view, "keys", (after, limit)) == list(expected)
        assert RECORDS_KIND.answer(view, "items", (after, limit)) == [[key, {"k": key}] for key in expected]
    assert RECORDS_KIND.check_read("items", ()) == (None, MAX_PAGE)


def test_a_record_that_is_an_array_to_a_yjs_client_is_updated_as_a_new_one(records):
    records["t"] = Array([1])
    assert do(records, "insert", "t", {"a": 1}) == {"t": {"a": 1}}


@pytest.mark.parametrize("action", ["insert", "put"])
def test_fields_of_a_new_record_are_not_looked_up(records, monkeypatch, action):
    looked_up = []
    look = records_module.map_entry
    monkeypatch.setattr(records_module, "map_entry", lambda *args: looked_up.append(args) or look(*args))
    fields = {"title": "x", "n": 1.0, "big": 2**70, "raw": b"x", "none": None, "tags": {"a"}, "body": "x"}
    merges = {"tags": "set", "body": "text"}
    args = RECORDS_KIND.check(action, ("t1", fields, merges))
    with records.doc.transaction():
        RECORDS_KIND.write(records, action, args, "r")
    assert len(looked_up) == 1
    assert RECORDS_KIND.plain(records) == {"t1": fields}
