"""Two documents have the same state hash if and only if they show the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.document import Document
from protobase_live.document.state_hash import STEP_VALUES, hash_state
from protobase_live.errors import ProtoBaseError
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.model.values import MAX_DEPTH, key_text, same
from protobase_live.protocol.steps import at_once
from protobase_live.structures import KINDS, MARK
from tests.support.turns import PEER, received, written_by

Write = Callable[[Doc], None]
Make = Callable[..., Document]


def hash_of(document: Document) -> str:
    return at_once(document.hash_in_steps())


def hash_after(*writes: Write) -> str:
    """Of what one Yjs client writes, one write after the other."""
    doc: Doc = Doc()
    for write in writes:
        write(doc)
    return at_once(hash_state(doc))


# what is seen

small = st.sampled_from([None, True, 0, 1, 1.5, "", "a", "😀", b"a", [1], {"a": 1}])
atoms = st.sampled_from(["a", "b", 1, True, (1, 2)])
keys = st.sampled_from(["a", "b", "é"])
fields = st.fixed_dictionaries(
    {},
    optional={
        "plain": small,
        "tags": st.sets(st.sampled_from("ab"), max_size=2),
        "votes": st.integers(0, 2),
        "steps": st.lists(st.sampled_from("ab"), max_size=2),
        "note": st.sampled_from(["", "a", "ab"]),
    },
)
MERGES = {"tags": "set", "votes": "counter", "steps": "list", "note": "text"}
records = st.tuples(st.just("put"), keys, fields).map(
    lambda op: (op[0], op[1], op[2], {name: kind for name, kind in MERGES.items() if name in op[2]})
)
ACTIONS: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "records": records | st.tuples(st.just("delete"), keys),
    "dict": st.tuples(st.just("set"), keys, small) | st.tuples(st.just("delete"), keys),
    "hash_dict": st.tuples(st.just("set"), atoms, small) | st.tuples(st.just("delete"), atoms),
    "set": st.tuples(st.sampled_from(["add", "remove"]), atoms),
    "counted_set": st.tuples(st.sampled_from(["add", "remove"]), atoms, st.integers(1, 2)),
    "counter": st.tuples(st.just("add"), st.integers(-1, 2)),
    "list": st.tuples(st.just("insert"), st.integers(0, 2), small) | st.tuples(st.just("delete"), st.just(0)),
    "text": st.tuples(st.just("insert"), st.integers(0, 2), st.sampled_from("aé"))
    | st.tuples(st.just("replace"), st.sampled_from(["", "a", "ab"])),
    "xml_fragment": st.tuples(
        st.just("insert_element"),
        st.just(0),
        st.sampled_from("pq"),
        st.sampled_from([{}, {"a": "1"}]),
        st.sampled_from(["", "a"]),
    )
    | st.tuples(st.just("delete"), st.just(0)),
}


BEGIN: dict[str, tuple[Any, ...]] = {
    "dict": ("set", "z", 1),
    "hash_dict": ("set", "z", 1),
    "set": ("add", "z"),
    "counted_set": ("add", "z", 1),
    "counter": ("add", 1),
    "list": ("insert", 0, 1),
    "records": ("put", "z", {}, {}),
    "xml_fragment": ("insert_element", 0, "p", {}, ""),
    "text": ("insert", 0, "z"),
}
"""What makes a structure of that kind."""


def carried_out(kind: str, replica: str, actions: list[tuple[Any, ...]]) -> tuple[Any, str]:
    """What a structure shows after actions, those left out that cannot be carried out, and the hash then."""
    document = Document(replica)
    target = RECORDS if kind == "records" else Target(kind, ("s",))
    for action, *args in actions:
        try:
            op = Op(target, action, KINDS[kind].check(action, tuple(args)))
            with document.writing():
                document.write(document.rehearse([op]))
        except ProtoBaseError:
            continue
        document.finish()
    shown = document.read(Read(target, KINDS[kind].whole, KINDS[kind].check_read(KINDS[kind].whole, ())))
    found = hash_of(document)
    document.close()
    return shown, found


@pytest.mark.parametrize("kind", [*KINDS])
def test_each_kind_is_seen_through_its_eyes(kind: str) -> None:
    """Actions on two nodes: the answer to the question that tells everything is the oracle."""

    @settings(max_examples=40, deadline=None)
    @given(st.lists(ACTIONS[kind], max_size=4), st.lists(ACTIONS[kind], max_size=4))
    def check(one: list[Any], other: list[Any]) -> None:
        shown, found = carried_out(kind, "n1", [BEGIN[kind], *one])
        shown_there, found_there = carried_out(kind, "n2", [BEGIN[kind], *other])
        assert same(shown, shown_there) == (found == found_there)

    check()


edits = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 3), st.sampled_from(["a", "ab"])),
        st.tuples(
            st.just("format"), st.integers(0, 3), st.sampled_from([{"b": True}, {"b": None}, {"i": 1}])
        ),
        st.tuples(st.just("delete"), st.integers(0, 3), st.just(1)),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(edits, edits)
def test_texts_are_seen_with_their_formats(one: Any, other: Any) -> None:
    """Each character with its formats is the oracle."""

    def seen(edits: Any) -> tuple[Any, str]:
        doc: Doc = Doc()
        text = doc.get("t", type=Text)
        text.insert(0, "z")
        for what, at, value in edits:
            length = len(text)
            if what == "insert":
                text.insert(0 if at % 2 else length, value)
            elif what == "format":
                text.format(0, min(at + 1, length), value)
            elif length > 3:
                del text[length - 1]
        characters = [(each, formats or {}) for run, formats in text.diff() for each in run]
        return characters, at_once(hash_state(doc))

    shown, found = seen(one)
    shown_there, found_there = seen(other)
    assert (shown == shown_there) == (found == found_there)


nodes = st.recursive(
    st.sampled_from(["", "a", "<a>"]),
    lambda inside: st.tuples(
        st.sampled_from("pq"),
        st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2"]), max_size=2),
        st.lists(inside, max_size=2),
    ),
    max_leaves=4,
)


def xml(node: Any) -> Any:
    return XmlText(node) if isinstance(node, str) else XmlElement(node[0], node[1], [*map(xml, node[2])])


@settings(max_examples=40, deadline=None)
@given(nodes, nodes)
def test_xml_is_seen_as_a_tree(one: Any, other: Any) -> None:
    def write(node: Any) -> Write:
        return lambda doc: doc.get("x", type=XmlFragment).children.append(xml(node))

    assert (one == other) == (hash_after(write(one)) == hash_after(write(other)))


def set_root(value: Any) -> Write:
    return lambda doc: doc.get("m", type=Map).__setitem__("k", value())


def embed(doc: Doc) -> None:
    text = doc.get("t", type=Text)
    text.insert(0, "ab")
    text.insert_embed(1, {"a": 1})


def set_attribute(doc: Doc) -> None:
    doc.get("t", type=Text).insert(0, "ab")
    doc.get("t", type=Map)["attribute"] = 1


def format_xml(doc: Doc) -> None:
    element = XmlElement("p", {}, [text := XmlText("ab")])
    doc.get("x", type=XmlFragment).children.append(element)
    text.format(0, 1, {"b": True})


SHOWN: list[Write] = [
    lambda doc: None,
    set_root(lambda: 1),
    set_root(lambda: 1.5),
    set_root(lambda: True),
    set_root(lambda: "ab"),
    set_root(lambda: b"ab"),
    set_root(lambda: Text("ab")),
    set_root(lambda: ["a", 1]),
    set_root(lambda: Array(["a", 1])),
    set_root(lambda: Array([["a", 1]])),
    set_root(lambda: Array([Array(["a"]), 1])),
    set_root(lambda: Map({"a": 1})),
    set_root(lambda: {"a": 1}),
    set_root(lambda: XmlFragment([XmlElement("p")])),
    set_root(lambda: Map({MARK: "counter", "n": 1})),
    set_root(lambda: Map({MARK: "counter", "n": 2})),
    set_root(lambda: Map({MARK: "odd", "n": 2})),
    lambda doc: doc.get("n", type=Map).__setitem__("k", 1),
    lambda doc: doc.get("records", type=Map).__setitem__("k", 1),
    lambda doc: doc.get("records", type=Map).__setitem__("k", Map({"k": 1})),
    lambda doc: doc.get("records", type=Map).__setitem__("k", Map({MARK: "counter", "n": "a"})),
    lambda doc: doc.get("records", type=Map).__setitem__("k", Map({MARK: "counter", "n": "b"})),
    lambda doc: doc.get("t", type=Text).insert(0, "ab"),
    lambda doc: doc.get("t", type=Text).insert(0, "ab", {"b": True}),
    lambda doc: doc.get("t", type=Text).insert(0, "ab", {"b": {"c": 1}}),
    embed,
    set_attribute,
    lambda doc: doc.get("a", type=Array).append("ab"),
    lambda doc: doc.get("a", type=Array).extend(["a", "b"]),
    lambda doc: doc.get("a", type=Array).append(Map({"a": Text("b")})),
    lambda doc: doc.get("x", type=XmlFragment).children.append(XmlElement("p", {}, [XmlText("ab")])),
    format_xml,
]
"""Documents that all show something else to a Yjs client."""


def test_what_is_shown_otherwise_is_another_hash() -> None:
    hashes = [hash_after(write) for write in SHOWN]
    assert len({*hashes}) == len(SHOWN)
    assert hashes == [hash_after(write) for write in SHOWN]


# what is not


def one_by_one(doc: Doc) -> None:
    text = doc.get("t", type=Text)
    for letter in "dcba":
        text.insert(0, letter)


def format_in_pieces(doc: Doc) -> None:
    text = doc.get("t", type=Text)
    text.insert(0, "abcd")
    text.format(0, 2, {"b": True, "i": None})
    text.format(1, 4, {"b": True})
    text.format(0, 1, {"b": False})
    text.format(0, 1, {"b": True})


def rewrite(doc: Doc) -> None:
    records = doc.get("records", type=Map)
    records["z"], records["a"] = 1, Map({"y": 0, "x": 2})
    del records["z"]
    records["a"]["y"] = 1


MERGED = [
    (lambda doc: doc.get("t", type=Text).insert(0, "abcd"), one_by_one),
    (lambda doc: doc.get("t", type=Text).insert(0, "abcd", {"b": True}), format_in_pieces),
    (lambda doc: doc.get("records", type=Map).__setitem__("a", Map({"x": 2, "y": 1})), rewrite),
    (
        set_root(lambda: Map({MARK: "counter", "n": 3})),
        set_root(lambda: Map({MARK: "counter", "n": 1, "m": 2})),
    ),
    (
        set_root(lambda: Map({MARK: "set", key_text("a") + "|n": True})),
        set_root(lambda: Map({MARK: "set", key_text("a") + "|m": True, key_text("a") + "|n": True})),
    ),
    (set_root(lambda: {"a": 1, "b": [1, 2]}), set_root(lambda: {"b": [1.0, 2], "a": 1})),
    (lambda doc: None, lambda doc: doc.get("t", type=Text).insert(0, "")),
]


@pytest.mark.parametrize(("one", "other"), MERGED)
def test_how_it_came_to_be_is_not_seen(one: Write, other: Write) -> None:
    assert hash_after(one) == hash_after(other)


def test_marks_that_change_nothing_are_not_seen() -> None:
    """Two clients make neighbours bold at the same time; pycrdt gives them as two runs."""
    ann, bob = Doc(client_id=1), Doc(client_id=2)
    ann.get("t", type=Text).insert(0, "abcd")
    bob.apply_update(ann.get_update())
    ann.get("t", type=Text).format(0, 2, {"b": True})
    bob.get("t", type=Text).format(2, 4, {"b": True})
    ann.apply_update(bob.get_update())
    assert len(ann.get("t", type=Text).diff()) == 2
    expected = hash_after(lambda doc: doc.get("t", type=Text).insert(0, "abcd", {"b": True}))
    assert at_once(hash_state(ann)) == expected


def test_long_arrays_are_seen_as_short_ones() -> None:
    """They are read otherwise."""

    def write(doc: Doc) -> None:
        doc.get("a", type=Array).extend([1, "a", b"a", {"a": [1]}] * 100)
        doc.get("a", type=Array).append(Map({"a": 1}))

    def cut(doc: Doc) -> None:
        for number in range(100):
            doc.get("a", type=Array).insert(0, Map({"n": number}))
        del doc.get("a", type=Array)[0:100]

    assert hash_after(write) == hash_after(cut, write) != hash_after(write, cut, write)


@st.composite
def histories(draw: st.DrawFn) -> list[bytes]:
    """Updates of three Yjs clients that hear of each other now and then."""
    docs = [Doc(client_id=n + 1) for n in range(3)]
    updates: list[bytes] = []
    watches = [doc.observe(lambda event: updates.append(event.update)) for doc in docs]
    for _ in range(draw(st.integers(1, 12))):
        doc = draw(st.sampled_from(docs))
        text, array = doc.get("t", type=Text), doc.get("a", type=Array)
        value, index = draw(st.sampled_from(["a", "é", "😀", 1, None])), draw(st.integers(0, 4))
        match draw(st.sampled_from(["text", "format", "erase", "array", "record", "delete", "hear"])):
            case "text":
                text.insert(len(text), f"{value}{index}")
            case "format" if len(text):
                text.format(0, len(text), {"b": value})
            case "erase" if str(text).isascii() and len(text) > index:
                del text[index]
            case "array":
                array.insert(min(index, len(array)), value)
            case "record":
                doc.get("records", type=Map)[str(index % 2)] = Map({"v": value})
            case "delete":
                doc.get("records", type=Map).pop(str(index % 2), None)
            case "hear":
                other, known = draw(st.sampled_from(docs)), len(updates)
                doc.apply_update(other.get_update(doc.get_state()))
                del updates[known:]
            case _:
                pass
    for watch in watches:
        watch.drop()
    return updates


@settings(max_examples=40, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_updates_is_not_seen(updates: list[bytes], random: Any) -> None:
    """pycrdt, told in order, is the oracle of a document that is told in any."""
    expected: Doc = Doc()
    for update in updates:
        expected.apply_update(update)
    for _ in range(2):
        random.shuffle(updates)
        document = Document("node")
        for update in updates:
            document.take(update, PEER)
            if random.random() < 0.5:
                document.apply_taken()
                document.finish()
        document.apply_taken()
        document.finish()
        assert hash_of(document) == at_once(hash_state(expected))
        document.close()


# what is odd


def test_what_is_held_is_not_seen(made: Make) -> None:
    client: Doc = Doc()
    records, updates = client.get("records", type=Map), list[bytes]()
    watch = client.observe(lambda event: updates.append(event.update))
    records["a"] = 1
    records["b"] = 2
    watch.drop()
    document = made()
    empty = hash_of(document)
    assert not document.take(updates[1], PEER)
    document.apply_taken()
    document.finish()
    assert hash_of(document) == empty
    received(document, updates[0])
    assert hash_of(document) == at_once(hash_state(client)) != empty


def test_what_pycrdt_cannot_read_is_read_as_ever(made: Make) -> None:
    """An array with text, which it would read for ever; a subdocument; half a character."""
    array = made(bytes.fromhex("010201000401016104c3a9c3a9880101017d0100"))
    assert hash_of(array) != hash_of(made())
    within = written_by(lambda doc: doc.get("m", type=Map).__setitem__("k", Doc()))
    none = written_by(lambda doc: doc.get("m", type=Map).__setitem__("k", None))
    assert hash_of(made(within)) == hash_of(made(none))
    half = made(*map(bytes.fromhex, ("010101000401017404f09f988000", "000101010001", "01010102840101016100")))
    assert hash_of(half) == hash_after(lambda doc: doc.get("t", type=Text).insert(0, "\ufffda"))


def test_the_deepest_can_be_hashed(made: Make) -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 2):
        value = [value]

    def deep(levels: int) -> Any:
        return Map({"value": value, "more": deep(levels - 1)}) if levels else 1

    assert hash_of(made(written_by(set_root(lambda: deep(MAX_DEPTH + 20)))))


def test_an_empty_structure_shows_its_kind() -> None:
    empty = carried_out("set", "n1", [])[1]
    emptied = carried_out("set", "n1", [("add", "a"), ("remove", "a")])[1]
    assert emptied == carried_out("set", "n2", [("add", "b"), ("remove", "b")])[1] != empty
    assert emptied != carried_out("dict", "n1", [("set", "a", 1), ("delete", "a")])[1]


def test_large_ones_are_hashed_with_pauses(made: Make) -> None:
    """Nobody waits for a whole document: there is a pause after some records, items and bytes of each."""

    def steps(write: Write) -> int:
        return sum(1 for _ in made(written_by(write)).hash_in_steps())

    def records(count: int, size: int) -> Write:
        made = {f"{n}": {f"{n}": n for n in range(size)} for n in range(count)}
        return lambda doc: doc.get("records", type=Map).update({key: Map(made[key]) for key in made})

    assert steps(records(STEP_VALUES, 1)) >= 5
    assert steps(records(5, STEP_VALUES)) >= 5
    assert steps(lambda doc: doc.get("a", type=Array).append(1) or doc.get("b", type=Array).append(1)) >= 2
    assert steps(lambda doc: doc.get("a", type=Array).extend([1] * STEP_VALUES * 5)) >= 5
    assert steps(lambda doc: doc.get("m", type=Map).update({f"{n}": n for n in range(STEP_VALUES)})) >= 5
