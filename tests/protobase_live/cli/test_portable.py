"""A document as lines, and back."""

import json
from datetime import datetime

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.cli.portable import Draft, lines_of
from protobase_live.document import Document
from protobase_live.errors import ProtoBaseError
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE

RECORD = {
    "title": "x", "big": 2**80, "raw": b"\x00\x01", "when": datetime(2024, 1, 2), "none": None,
    "plain": [1, {"@": 2}], "votes": 3, "tags": {"b", "a"}, "steps": ["one", 2],
    "notes": "hé😀", "hats": {"red": 2},
}  # fmt: skip
MERGES = {"votes": "counter", "tags": "set", "steps": "list", "notes": "text", "hats": "counted_set"}

OPS = [
    Op(RECORDS, "insert", ("t1", RECORD, MERGES)),
    Op(RECORDS, "insert", ("é/ü", {}, {})),
    Op(Target("dict", ("d",)), "set", ("k", [1, None])),
    Op(Target("list", ("l",)), "insert", (0, ["a", {"b": 1}])),
    Op(Target("set", ("s",)), "add", ("a", 1, True, (1, "x"), b"q")),
    Op(Target("counted_set", ("cs",)), "add", ("x", 3)),
    Op(Target("hash_dict", ("h",)), "set", (True, 1)),
    Op(Target("hash_dict", ("h",)), "set", (1, {"a": []})),
    Op(Target("hash_dict", ("h",)), "set", ((1, "x"), 3)),
    Op(Target("counter", ("c",)), "add", (-7,)),
    Op(Target("text", ("t",)), "insert", (0, "plain\n")),
    Op(Target("xml_fragment", ("x",)), "insert_element", (0, "p", {"a": "1"}, "hi & <b>")),
]


def written() -> bytes:
    """A document with every kind of structure in it."""
    document = Document("replica")
    with document.writing():
        document.write(document.rehearse(OPS))
    document.finish()
    return document.encode()


def made_by_a_yjs_client() -> bytes:
    """Roots that nobody registered, with formats and nesting that Python has no verbs for."""
    doc = Doc()
    text = doc.get("editor", type=Text)
    text += "hello"
    text.format(0, 2, {"bold": True})
    doc.get("rich", type=XmlFragment).children.append(XmlElement("p", {}, [XmlElement("br")]))
    doc.get("drawing", type=Array).append(1)
    doc.get("settings", type=Map)["nested"] = Map({"names": Array(["a"])})
    doc.get("records", type=Map)["r"] = Map({"body": Map({"free": 1}), "text": Text("t")})
    doc.get("records", type=Map)["no record"] = 5
    return doc.get_update()


def through_json(update: bytes) -> list:
    return [json.loads(json.dumps(line)) for line in lines_of("tasks", [update])]


@pytest.mark.parametrize("make", [written, made_by_a_yjs_client])
def test_round_trip_is_exact(make):
    lines = [line for line in through_json(make()) if "unsaid" not in line]
    draft = Draft("writer")
    for line in lines:
        draft.add(line)
    assert through_json(draft.updates()[0]) == lines
    again, first = Document("r"), Document("r")
    for document, update in ((again, draft.updates()[0]), (first, make())):
        for _ in document.load([update]):
            pass
    assert again.records == first.records
    first_found = [difference for difference in first.snapshot() if difference.structure != "records"]
    assert [each for each in again.snapshot() if each in first_found] == first_found


def test_form():
    lines = {(line["structure"], line.get("key")): line for line in through_json(written())}
    record = lines["records", "t1"]
    assert record["merges"] == MERGES
    assert record["value"]["tags"] == ["a", "b"]
    assert record["value"]["big"] == {"@": "int", "v": str(2**80)}
    assert lines["c", None] == {"collection": "tasks", "structure": "c", "kind": "counter", "value": -7}
    assert lines["t", None]["value"] == "plain\n"
    assert len(lines) == 10


def test_what_lines_cannot_say_is_named():
    lines = {line.get("key"): line for line in through_json(made_by_a_yjs_client())}
    assert lines["no record"]["unsaid"] == "what stands here is no record, but 5 (int)"
    draft = Draft("w")
    draft.add(lines["no record"])
    assert draft.updates() == []


def test_embedded_types_and_attributes_of_texts():
    """In a text what the native library can put there; anything else says that the update is needed."""
    doc = Doc()
    text = doc.get("t", type=Text)
    text.insert(0, "ab")
    text.insert_embed(1, Map({"k": 1}), {"bold": True})
    children = doc.get("x", type=XmlFragment).children
    children.append(XmlText("words"))
    children[0].attributes["lang"] = "en"
    lines, draft = through_json(doc.get_update()), Draft("w")
    for line in lines:
        draft.add(line)
    assert through_json(draft.updates()[0]) == lines
    assert lines[1]["value"] == [{"@": "y.xmltext", "attributes": {"lang": "en"}, "v": [["words", None]]}]
    lexical = {"structure": "t", "kind": "text", "value": [[{"@": "y.xmltext", "v": []}, None]]}
    with pytest.raises(ProtoBaseError, match="'update' line"):
        Draft("w").add(lexical)


def test_empty_document_has_no_lines():
    assert through_json(EMPTY_UPDATE) == []


def test_unregistered_roots_are_told_by_their_content():
    kinds = {line["structure"]: line.get("kind") for line in through_json(made_by_a_yjs_client())}
    assert kinds == {
        "records": None, "editor": "text", "rich": "xml_fragment", "drawing": "list", "settings": "dict",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["list", 5, ["list"], "nosuch"])
def test_a_false_register_does_no_harm(kind):
    doc = Doc()
    doc.get("editor", type=Text).insert(0, "😀")
    doc.get("protobase:structures", type=Map)["editor"] = kind
    expected = [{"collection": "tasks", "structure": "editor", "kind": "text", "value": "😀"}]
    assert through_json(doc.get_update()) == expected


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"structure": "records", "value": {}},
        {"structure": "records", "key": "", "value": {}},
        {"structure": "records", "key": "k", "value": []},
        {"structure": "records", "key": "k", "value": {"_key": 1}},
        {"structure": "records", "key": "k", "value": {}, "merges": {"a": "counter"}},
        {"structure": "records", "key": "k", "value": {"a": 1}, "merges": {"a": "nosuch"}},
        {"structure": "records", "key": "k", "value": {"a": 1}, "merges": []},
        {"structure": "protobase:structures", "kind": "dict", "value": {}},
        {"structure": "protobase:indexes", "kind": "list", "value": {}},
        {"structure": "a", "kind": "records", "value": {}},
        {"structure": "a", "kind": "nosuch", "value": {}},
        {"structure": "a", "kind": "counter", "value": "1"},
        {"structure": "a", "kind": "set", "value": {"a": 1}},
        {"structure": "a", "kind": "set", "value": [[[]], {}]},
        {"structure": "a", "kind": "counted_set", "value": ["x"]},
        {"structure": "a", "kind": "hash_dict", "value": [["x"]]},
        {"structure": "a", "kind": "text", "value": 1},
        {"structure": "a", "kind": "list", "value": {"@": "int", "v": "x"}},
        {"structure": "a", "kind": "list", "value": [{"@": "int", "v": "x"}]},
    ],
)
def test_malformed_lines_are_refused(line):
    with pytest.raises(ProtoBaseError):
        Draft("w").add(line)


@pytest.mark.parametrize(
    "line",
    [
        {"structure": "records", "key": "k", "value": {}},
        {"structure": "a", "kind": "counter", "value": 1},
    ],
)
def test_nothing_comes_twice(line):
    draft = Draft("w")
    draft.add(line)
    with pytest.raises(ProtoBaseError, match="twice"):
        draft.add(line)
