"""What Yjs clients nest and write reads as plain values, whatever it is."""

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.model.values import MAX_INT_BITS, MAX_INT_DIGITS, from_doc, key_text, pack, to_doc, unpack
from protobase_live.structures import KINDS, MARK, RECORDS_KIND, kind_of


@pytest.fixture
def record():
    records = Doc().get("records", type=Map)
    records["k"] = Map()
    return records["k"]


def read(record):
    return RECORDS_KIND.plain(record.doc.get("records", type=Map))["k"]


def test_shared_types_without_a_mark(record):
    record["map"] = Map({"a": Array([Map({"b": Text("c")}), 1, b"x"])})
    record["text"] = Text("é")
    record["list"] = Array([None, [1.5]])
    assert read(record) == {"map": {"a": [{"b": "c"}, 1, b"x"]}, "text": "é", "list": [None, [1.5]]}
    assert RECORDS_KIND.entry(record.doc.get("records", type=Map), "k") == (read(record), read(record))
    assert [kind_of(record[name]) for name in ("map", "text", "list")] == ["dict", "text", "list"]
    assert kind_of("register") is None


def test_marked_maps(record):
    record["votes"] = Map({MARK: "counter", "1": 2, "2": 3})
    record["tags"] = Map({MARK: "set", key_text("a") + "|1": True, key_text("a") + "|2": True})
    record["stock"] = Map({MARK: "counted_set", key_text("a") + "|1": 2, key_text("b") + "|2": -1})
    record["odd"] = Map({MARK: "unheard-of", "a": 1})
    record["odder"] = Map({MARK: 5})
    assert read(record) == {
        "votes": 5,
        "tags": {"a"},
        "stock": {"a": 2},
        "odd": {MARK: "unheard-of", "a": 1},
        "odder": {MARK: 5},
    }
    kinds = {name: kind_of(record[name]) for name in record}
    assert kinds == {
        "votes": "counter",
        "tags": "set",
        "stock": "counted_set",
        "odd": "dict",
        "odder": "dict",
    }


def test_entries_that_are_none_are_left_out(record):
    junk = {"x": 1, "|": True, "!!|1": True, key_text("a"): True, "": None, "w|": "text"}
    record["tags"] = Map({MARK: "set", **junk})
    record["stock"] = Map({MARK: "counted_set", **junk, key_text("a") + "|1": "many"})
    record["votes"] = Map({MARK: "counter", "1": "x", "2": 1.5, "3": True, "4": None, "5": 2})
    assert read(record) == {"tags": set(), "stock": {}, "votes": 2}
    root = record.doc.get("h", type=Map)
    root.update({"?": 1, key_text(1): 2})
    assert KINDS["hash_dict"].plain(root) == {key_text(1): 2}


def test_what_adds_up_to_more_than_anybody_reads_does_not_count(record):
    """Each entry can be read, and their sum could not: one such counter would fail all answers it is in."""
    large = {"@": "int", "v": "9" * MAX_INT_DIGITS}
    record["votes"] = Map({MARK: "counter", "1": large, "2": large, "3": 5})
    record["stock"] = Map({MARK: "counted_set", key_text("a") + "|1": large, key_text("b") + "|2": large})
    assert from_doc(large) == 10**MAX_INT_DIGITS - 1
    assert read(record) == {"votes": 5, "stock": {}}


def test_totals_of_several_replicas_may_be_larger_than_what_can_be_added(record):
    largest = (1 << MAX_INT_BITS) - 1
    record["votes"] = Map({MARK: "counter", **dict.fromkeys("123", to_doc(2 * largest))})
    assert read(record) == {"votes": 6 * largest}
    assert unpack(pack(6 * largest)) == 6 * largest


def test_numbers_json_has_not(record):
    record["nan"], record["inf"], record["tag"] = float("nan"), float("inf"), {"@": "int", "v": "no"}
    assert read(record) == {"nan": None, "inf": None, "tag": {"@": "int", "v": "no"}}


def test_what_is_no_record_is_left_out():
    records = Doc().get("records", type=Map)
    records.update({"a": 1, "b": Array([1]), "c": Map({"x": 1})})
    assert RECORDS_KIND.plain(records) == {"c": {"x": 1}}
    for action in ("insert", "put"):
        RECORDS_KIND.write(records, action, RECORDS_KIND.check(action, ("a", {"y": 2})), "r")
        assert RECORDS_KIND.plain(records)["a"] == {"y": 2}
        records["a"] = 1
    RECORDS_KIND.write(records, "delete", ("a",), "r")
    assert set(records) == {"b", "c"}


def test_deep_nesting_is_cut(record):
    for _ in range(200):
        record["in"] = Map()
        record = record["in"]
    assert "None" in repr(RECORDS_KIND.plain(record.doc.get("records", type=Map)))


def test_roots_with_shared_types():
    doc = Doc()
    items = doc.get("l", type=Array)
    items.extend([Map({"a": 1}), Text("t"), 5])
    assert KINDS["list"].plain(items) == [{"a": 1}, "t", 5]
    assert KINDS["list"].read(items, "get", (0,)) == {"a": 1}
    entries = doc.get("d", type=Map)
    entries["x"] = Array([Text("t")])
    assert KINDS["dict"].plain(entries) == {"x": ["t"]}
    assert KINDS["dict"].read(entries, "get", ("x",)) == ["t"]


def test_xml_of_an_editor():
    fragment = Doc().get("x", type=XmlFragment)
    fragment.children.append(XmlElement("p", {"b": "2", "a": "<"}, [XmlText("bold & plain")]))
    fragment.children[0].children[0].format(0, 4, {"strong": True, "a": {"href": 'x"y'}})
    fragment.children[0].children.append(XmlElement("br"))
    source = '<p a="&lt;" b="2"><a href="x&quot;y"><strong>bold</strong></a> &amp; plain<br></br></p>'
    assert KINDS["xml_fragment"].read(fragment, "value", ()) == source
    assert KINDS["xml_fragment"].answer(KINDS["xml_fragment"].plain(fragment), "value", ()) == source


def test_deep_xml_is_cut():
    fragment = Doc().get("x", type=XmlFragment)
    node = fragment
    for _ in range(200):
        node.children.append(XmlElement("i"))
        node = node.children[0]
    assert KINDS["xml_fragment"].read(fragment, "value", ()).count("<i>") <= 64
