"""Opening and reading structures: nothing is registered, changed or hidden by it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from protobase_live.document import roots
from protobase_live.errors import KindMismatch, LimitExceeded
from protobase_live.model.operations import Op, Read, Target, a_kind
from protobase_live.protocol.steps import at_once
from protobase_live.structures import KINDS
from protobase_live.structures.raw import root_names
from tests.support.turns import carry_out, received, written_by

CONTENT: dict[str, tuple[Callable[[Doc], object], str]] = {
    "map": (lambda doc: doc.get("source", type=Map).update({"base64": "AAAA"}), "dict"),
    "array": (lambda doc: doc.get("source", type=Array).extend([1, 2]), "list"),
    "array of maps": (lambda doc: doc.get("source", type=Array).append(Map({"a": 1})), "list"),
    "text": (lambda doc: doc.get("source", type=Text).insert(0, "héllo😀"), "text"),
    "embed": (lambda doc: doc.get("source", type=Text).insert_embed(0, {"image": 1}), "text"),
    "xml": (lambda doc: doc.get("source", type=XmlFragment).children.append(XmlElement("p")), "xml_fragment"),
}
ACTIONS: dict[str, tuple[str, tuple[object, ...]]] = {
    "dict": ("clear", ()),
    "list": ("clear", ()),
    "set": ("clear", ()),
    "hash_dict": ("clear", ()),
    "counted_set": ("add", ("x",)),
    "counter": ("add", (1,)),
    "text": ("replace", ("x",)),
    "xml_fragment": ("insert_element", (0, "p")),
}
OTHERS = [kind for kind in KINDS if kind != "records"]


@pytest.mark.parametrize("name", list(CONTENT))
@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_there_decides(made, name, kind) -> None:
    write, fitting = CONTENT[name]
    document = made(written_by(write))
    before = document.encode()
    target = Target(kind, ("source",))
    for method in ("open", KINDS[kind].whole):
        if kind == fitting:
            document.read(Read(target, method))
        else:
            with pytest.raises(KindMismatch, match=f"'source' holds {a_kind(fitting)}, not {a_kind(kind)}"):
                document.read(Read(target, method))
    if kind != fitting:
        with pytest.raises(KindMismatch):
            document.rehearse([Op(target, *ACTIONS[kind])])
    assert document.finish() is None
    assert document.encode() == before


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        ("set", {"oXg|js": True}),
        ("counter", {"js": 4}),
        ("counted_set", {"oXg|js": 2}),
        ("hash_dict", {"oXg": []}),
    ],
)
def test_maps_that_a_yjs_client_writes_as_a_kind(made, kind, entries) -> None:
    document = made(written_by(lambda doc: doc.get("source", type=Map).update(entries)))
    assert document.read(Read(Target(kind, ("source",)), KINDS[kind].whole))
    assert document.read(Read(Target("dict", ("source",)), "items")) == entries


def test_reading_names_that_nobody_wrote_leaves_nothing(made, monkeypatch) -> None:
    monkeypatch.setattr(roots, "MAX_STRUCTURES", 3)
    document = made()
    known = set(root_names(document._content._doc))
    for n in range(20):
        for kind in OTHERS:
            document.read(Read(Target(kind, (f"name{n}",)), KINDS[kind].whole))
            document.read(Read(Target(kind, (f"name{n}",)), "open"))
    assert set(root_names(document._content._doc)) == known
    for n in range(3):
        carry_out(document, Op(Target("set", (f"name{n}",)), "add", ("x",)))
    with pytest.raises(LimitExceeded, match="at most 3"):
        document.rehearse([Op(Target("set", ("more",)), "add", ("x",))])


def test_new_structures_of_one_transaction_count_together(made, monkeypatch) -> None:
    monkeypatch.setattr(roots, "MAX_STRUCTURES", 3)
    document = made()
    carry_out(document, Op(Target("set", ("here",)), "add", ("x",)))
    adds = [Op(Target("set", (name,)), "add", ("x",)) for name in ("one", "two", "three")]
    document.rehearse([*adds[:2], *adds[:2]])
    with pytest.raises(LimitExceeded, match="at most 3"):
        document.rehearse(adds)


def test_a_structure_that_was_opened_is_told_while_structures_are(made) -> None:
    document = made()
    body = Target("text", ("body",))
    document.tell_structures(True)
    assert document.read(Read(body, "open")) is False
    assert document.finish() is None
    update = written_by(lambda doc: doc.get("body", type=Text).insert(0, "hi"))
    outcome = at_once(document.replicate_in_steps(update))
    assert outcome is not None
    assert [(d.structure, d.before, d.after) for d in outcome.differences] == [("body", "", "hi")]
    carry_out(document, Op(body, "insert", (None, "!")))
    assert document.read(Read(body, "open")) is True


def test_what_is_followed_is_told_over_again(made) -> None:
    """After a reload, and by a replay."""
    document = made()
    document.tell_structures(True)
    document.follow([Target("text", ("body",))])
    assert document.followed == [Target("text", ("body",))]
    document.tell_structures(False)
    assert document.followed == []


def test_no_more_than_so_many_are_followed(made, monkeypatch) -> None:
    monkeypatch.setattr(roots, "MAX_FOLLOWED", 2)
    document = made()
    document.tell_structures(True)
    for n in range(2):
        document.read(Read(Target("text", (f"t{n}",)), "open"))
    with pytest.raises(LimitExceeded, match="at most 2"):
        document.read(Read(Target("text", ("t2",)), "open"))
    document.follow([Target("text", ("t3",))])
    assert len(document.followed) == 2


def test_many_are_followed_with_one_look_at_what_there_is(made, monkeypatch) -> None:
    """Also with a content that takes the place of another one, and where there is no room for more."""
    monkeypatch.setattr(roots, "MAX_FOLLOWED", 20)
    looks = list[int]()

    def counted(doc: Doc) -> list[str]:
        looks.append(1)
        return root_names(doc)

    monkeypatch.setattr(roots, "root_names", counted)
    document = made()
    document.tell_structures(True)
    named = [Target("text", (f"t{n}",)) for n in range(100)]
    document.follow(named)
    assert (len(looks), document.followed) == (1, named[:20])
    document.follow(named)
    assert len(looks) == 2
    at_once(document._slim_content())
    assert (len(looks), document.followed) == (3, named[:20])


def test_reading_makes_no_more_roots_than_that(made, monkeypatch) -> None:
    """Whoever reads what nobody wrote leaves nothing behind, or little: an honest writer comes later."""
    monkeypatch.setattr(roots, "MAX_FOLLOWED", 2)
    document = made()
    for n in range(10):
        target = Target("text", (f"t{n}",))
        document.read(Read(target, "value"))
        document.read(Read(target, "open"))
        document.tell_structures(True)
        with suppress(LimitExceeded):
            document.read(Read(target, "open"))
        document.tell_structures(False)
    assert len([each for each in root_names(document._content._doc) if each.startswith("t")]) == 2
    carry_out(document, Op(Target("text", ("t9",)), "insert", (0, "hi")))
    assert document.read(Read(Target("text", ("t9",)), "value")) == "hi"


def test_a_registered_kind_that_does_not_fit_hides_nothing_of_others(made) -> None:
    def write(doc: Doc) -> None:
        doc.get("protobase:structures", type=Map)["notes"] = "list"
        doc.get("notes", type=Text).insert(0, "éé")
        doc.get("notes", type=Text).insert(2, "x")

    document = made()
    document.tell_structures(True)
    received(document, written_by(write))
    with pytest.raises(KindMismatch, match="holds a text"):
        document.read(Read(Target("list", ("notes",)), "values"))
    assert document.snapshot() == []


@pytest.mark.parametrize("text", ["éé", "日本", "a😀", "\ud7ff\ud7ff"])
def test_a_text_that_is_read_as_a_list(made, text) -> None:
    """pycrdt would never return: two honest clients who type an accent, and a reader of another kind."""

    def write(doc: Doc) -> None:
        notes = doc.get("notes", type=Text)
        notes.insert(0, text)
        notes.insert(len(notes), "x", {"bold": True})

    document = made(written_by(write))
    for method in ("values", "count", "open"):
        with pytest.raises(KindMismatch, match="'notes' holds a text, not a list"):
            document.read(Read(Target("list", ("notes",)), method))
