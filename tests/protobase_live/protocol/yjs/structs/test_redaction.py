"""What is let go of keeps its clocks and its place, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.structs import Spot, Structs, Use

BEFORE, BAD = "before", "MARKER"


def writes(doc: Doc) -> None:
    doc.get("body", type=Text).insert(0, BEFORE)


def typed(doc: Doc) -> None:
    """It becomes one struct with what was there."""
    doc.get("body", type=Text).insert(6, BAD)


def nested(doc: Doc) -> None:
    doc.get("records", type=Map)["k"] = Map({"a": BAD, "t": Text(BAD), "m": Map({"x": [BAD]})})


def listed(doc: Doc) -> None:
    doc.get("list", type=Array).extend([BAD, BAD, Map({"x": BAD})])


def tree(doc: Doc) -> None:
    doc.get("tree", type=XmlFragment).children.append(XmlElement("p", {"k": BAD}, [BAD]))


def marked(doc: Doc) -> None:
    doc.get("body", type=Text).format(1, 3, {"bold": BAD})


@pytest.mark.parametrize("bad", [typed, nested, listed, tree, marked])
def test_nothing_of_it_is_stored_or_sent(bad: Callable[[Doc], None]) -> None:
    doc: Doc = Doc(client_id=5)
    writes(doc)
    structs = Structs()
    structs.take(doc.get_update())
    structs.settle()
    clock, state = structs.vector[5], doc.get_state()
    bad(doc)
    structs.take(doc.get_update(state))
    end = structs.vector[5]
    at_once(structs.redact_in_steps({5: Ranges([clock], [end])}))
    update, reached = structs.settle()
    assert reached == {5: end}
    assert structs.vector == {5: end}
    assert structs.deletes == {5: [(clock, end)]}
    for sent in (update, structs.encode()):
        assert BAD.encode() not in sent
    other: Doc = Doc()
    other.apply_update(structs.encode())
    assert str(other.get("body", type=Text)) == BEFORE
    doc.apply_update(update)
    assert str(doc.get("body", type=Text)) == BEFORE
    assert doc.get_state() == other.get_state()
    at_once(structs.compact_in_steps())
    again = Structs()
    again.take(structs.encode())
    assert again.vector == structs.vector


def test_what_is_between_stays() -> None:
    """Of four values, each a struct of its own, the second and the fourth are let go of."""
    doc: Doc = Doc(client_id=5)
    records = doc.get("records", type=Map)
    for number in range(4):
        records[f"k{number}"] = BAD if number % 2 else "kept"
    structs = Structs()
    structs.take(doc.get_update())
    at_once(structs.redact_in_steps({5: Ranges([1, 3], [2, 4])}))
    update, _ = structs.settle()
    assert BAD.encode() not in update
    other: Doc = Doc()
    other.apply_update(update)
    assert other.get("records", type=Map).to_py() == {"k0": "kept", "k2": "kept"}


def test_a_text_is_let_go_of_in_part() -> None:
    doc: Doc = Doc(client_id=5)
    doc.get("body", type=Text).insert(0, "one two three")
    structs = Structs()
    structs.take(doc.get_update())
    at_once(structs.redact_in_steps({5: Ranges([0, 4, 12], [1, 7, 13])}))
    other: Doc = Doc()
    other.apply_update(structs.settle()[0])
    assert str(other.get("body", type=Text)) == "ne  thre"


def test_where_something_stands() -> None:
    doc: Doc = Doc(client_id=5)
    for write in (writes, nested, listed, tree):
        write(doc)
    structs = Structs()
    structs.take(doc.get_update())
    touched = at_once(structs.touched_in_steps())
    assert touched.starts == {5: 0}
    assert set(touched.spots) == {
        Spot("body", Use.TEXT),
        Spot("records", Use.MAP),
        Spot("list", Use.ARRAY),
        Spot("tree", Use.XML),
    }
    structs.flush()
    state = doc.get_state()
    del doc.get("records", type=Map)["k"]
    structs.take(doc.get_update(state))
    touched = at_once(structs.touched_in_steps())
    assert (touched.starts, list(touched.spots)) == ({}, [Spot("records", Use.MAP)])
