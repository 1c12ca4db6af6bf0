"""The roots that are ours: nobody writes there by accident, and whatever is written there harms nobody."""

from __future__ import annotations

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from protobase_live.document import Document
from protobase_live.errors import KindMismatch, MalformedUpdate, ValidationError
from protobase_live.model.operations import INDEXES, RECORDS, Op, Read, Target
from tests.support import yjs_encoding as yjs
from tests.support.turns import carry_out, received, written_by
from tests.support.yjs_encoding import (
    Id,
    Struct,
    binary,
    document,
    embed,
    item,
    mark,
    shared,
    text,
    values,
)

CLIENT = 7
KINDS_ROOT = "protobase:structures"
TAGS = Target("set", ("tags",))
PUT = Op(RECORDS, "put", ("k", {"a": 1}, {}))

ODD = {
    "dict": values({"w": 1}),
    "list": values([1]),
    "null": values(None),
    "number": values(5),
    "bytes": binary(b"x"),
    "no kind": values("hello"),
    "records": values("records"),
    "two values": values("x", "y"),
    "characters": text("éé😀"),
    "format": mark("bold", "true"),
    "embed": embed('{"a":1}'),
    "subdocument": document("guid", {}),
    **{f"type {number}": shared(number) for number in (0, 1, 2, 3, 4, 6)},
}

REFUSED = ("characters", "format", "embed")
"""What no Yjs client puts under a key; earlier versions stored it."""


def sent(*structs: Struct, clock: int = 0) -> bytes:
    """What the client sends."""
    return yjs.sent(CLIENT, clock, *structs)


def arrived(made, name, odd) -> Document:
    """A document that has what a client sent, or what an earlier version took of it."""
    if name not in REFUSED:
        document = made()
        received(document, odd)
        return document
    with pytest.raises(MalformedUpdate, match="stands under a key"):
        received(made(), odd)
    return made(odd)


@pytest.mark.parametrize("root", [KINDS_ROOT, "structures", "protobase:indexes", "indexes"])
@pytest.mark.parametrize("name", list(ODD))
def test_an_odd_entry_is_ignored(made, root, name) -> None:
    odd = sent(item(ODD[name], parent=root, key="wall"), item(values(1), parent="wall", key="k"))
    document = arrived(made, name, odd)
    document.tell_structures(True)
    carry_out(document, PUT)
    for each in (document, made(document.encode())):
        assert each.read(Read(Target("dict", ("wall",)), "items")) == {"k": 1}
        assert list(each.read(Read(INDEXES, "keys"))) == (
            ["wall"] if root == INDEXES.path[0] and name not in REFUSED else []
        )
        assert each.records == {"k": {"a": 1}}
        each.snapshot()


@pytest.mark.parametrize("root", [KINDS_ROOT, "structures", "protobase:indexes", "records"])
def test_a_root_that_is_no_map_is_ignored(made, root) -> None:
    for write in (
        lambda doc: doc.get(root, type=Array).extend([1, [2]]),
        lambda doc: doc.get(root, type=Text).insert(0, "éé😀"),
        lambda doc: doc.get(root, type=XmlFragment).children.append(XmlElement("p")),
    ):
        document = made()
        document.tell_structures(True)
        received(document, written_by(write))
        carry_out(document, PUT, Op(TAGS, "add", ("x",)))
        again = made(document.encode())
        assert again.records == {"k": {"a": 1}}
        assert again.read(Read(TAGS, "values")) == ["x"]


def test_a_kind_that_becomes_a_list_later(made) -> None:
    """Two updates of some thirty bytes that made a collection unloadable."""
    document = made()
    first = sent(item(values("text"), parent=KINDS_ROOT, key="x"))
    then = sent(item(values([1]), left=Id(CLIENT, 0)), clock=1)
    received(document, first)
    received(document, then)
    assert made(first, then).read(Read(Target("text", ("x",)), "value")) == ""


def test_records_written_as_an_array(made) -> None:
    document = made()
    received(document, sent(item(shared(1), parent="records")))
    received(document, sent(item(values(1), parent=Id(CLIENT, 0), key="a"), clock=1))
    carry_out(document, PUT)
    assert document.records == {"k": {"a": 1}}


def test_ours_are_not_for_users(made) -> None:
    document = made()
    for target in (
        Target("dict", (KINDS_ROOT,)),
        Target("set", INDEXES.path),
        Target("text", ("protobase:x",)),
    ):
        with pytest.raises(ValidationError, match="reserved"):
            document.read(Read(target, "open"))


@pytest.mark.parametrize("path", [(), ("records", "k"), ("a", "b", "c", "d"), ("a", "b", "c")])
@pytest.mark.parametrize("kind", ["set", "dict", "records"])
def test_paths_of_other_lengths(made, kind, path) -> None:
    document = made()
    target = Target(kind, path)
    with pytest.raises(ValidationError, match=r"path|field|records"):
        document.read(Read(target, "count"))
    with pytest.raises(ValidationError):
        document.rehearse([Op(target, "clear")])


def test_the_names_of_earlier_versions_are_ordinary_ones(made) -> None:
    document = made()
    for name in ("structures", "indexes"):
        config = Target("dict", (name,))
        carry_out(document, Op(config, "set", ("wall", "green")))
        assert made(document.encode()).read(Read(config, "items")) == {"wall": "green"}


def former(doc: Doc) -> None:
    """What an earlier version wrote."""
    kinds = doc.get("structures", type=Map)
    kinds["empty"], kinds["tags"], kinds["indexes"] = "counter", "set", "dict"
    doc.get("indexes", type=Map)['["owner"]'] = True


def test_kinds_of_earlier_versions_are_known(made) -> None:
    document = made(written_by(former))
    with pytest.raises(KindMismatch, match="'empty' is a counter"):
        document.read(Read(Target("text", ("empty",)), "value"))
    assert document.read(Read(INDEXES, "keys")) == ['["owner"]']
    for name in ("structures", "indexes"):
        with pytest.raises(KindMismatch, match="earlier version"):
            document.read(Read(Target("dict", (name,)), "items"))


def test_what_earlier_versions_wrote_is_written_on(made) -> None:
    document = made(written_by(former))
    carry_out(document, Op(INDEXES, "set", ('["due"]', True)), Op(INDEXES, "delete", ('["owner"]',)))
    carry_out(document, Op(TAGS, "add", ("x",)), Op(Target("list", ("new",)), "extend", ([1],)))
    again = made(document.encode())
    assert again.read(Read(INDEXES, "keys")) == ['["due"]']
    assert again.read(Read(TAGS, "values")) == ["x"]
    for kind, name in (("counter", "empty"), ("list", "new")):
        with pytest.raises(KindMismatch, match=f"is a {kind}"):
            again.read(Read(Target("text", (name,)), "value"))


@pytest.mark.parametrize("name", list(ODD))
def test_an_odd_record_or_field_harms_no_other(made, name) -> None:
    odd = item(ODD[name], parent="records", key="odd")
    start = arrived(made, name, sent(odd)).vector[CLIENT]
    record = Id(CLIENT, start)
    made_record = item(shared(1), parent="records", key="r"), item(ODD[name], parent=record, key="field")
    document = arrived(made, name, sent(odd, *made_record))
    carry_out(document, Op(RECORDS, "put", ("k", {"a": 2}, {})))
    for each in (document, made(document.encode())):
        assert each.records["k"] == {"a": 2}
        assert "r" in each.records
