"""What may enter a document: each rule, with its words, and what becomes garbage."""

from __future__ import annotations

from typing import Any

import pytest
from pycrdt import Doc, XmlFragment

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import Structs
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Shared, sent

BASE = yjs.update(
    [
        yjs.Block(
            1,
            0,
            [
                yjs.item(yjs.text("abc"), parent="text"),  # 0 to 2
                yjs.item(yjs.shared(Shared.ARRAY), parent="map", key="array"),  # 3
                yjs.item(yjs.shared(Shared.TEXT), parent="map", key="text"),  # 4
                yjs.item(yjs.values(1), parent=Id(1, 3)),  # 5
                yjs.item(yjs.text("in"), parent=Id(1, 4)),  # 6 and 7
                yjs.item(yjs.values("v"), parent="map", key="value"),  # 8
                yjs.item(yjs.shared(Shared.MAP), parent="map", key="gone"),  # 9
                yjs.item(yjs.values(1), parent=Id(1, 9), key="k"),  # 10
                yjs.item(yjs.deleted(1), parent="map", key="deleted"),  # 11
                yjs.gc(2),  # 12 and 13
            ],
        )
    ],
    {1: [(9, 2)]},
)
TEXT, ARRAY, NESTED_TEXT, VALUE, GONE_MAP, DELETED, GARBAGE = 0, 3, 4, 8, 9, 11, 12


GONE = [(9, 2), (12, 2)]
"""What of it is deleted: first clocks and lengths."""


def filled() -> Structs:
    structs = Structs()
    assert structs.take(BASE) is None
    return structs


def inside(clock: int) -> Id:
    return Id(1, clock)


REFUSED = {
    "a child of a value": (
        yjs.item(yjs.values(1), parent=inside(5)),
        "a parent, struct 5 of client 1, that",
    ),
    "a child of a character": (yjs.item(yjs.text("x"), parent=inside(1)), "that is no shared type"),
    "an entry of a value": (yjs.item(yjs.values(1), parent=inside(VALUE), key="k"), "that is no shared type"),
    "between places": (
        yjs.item(yjs.values(1), left=inside(5), right=inside(VALUE)),
        "has neighbours in different places",
    ),
    "between keys": (
        yjs.item(yjs.values(1), left=inside(VALUE), right=inside(ARRAY)),
        "has neighbours in different places",
    ),
    "between an entry and itself": (
        yjs.item(yjs.values(1), left=inside(VALUE), right=inside(VALUE)),
        "has the same struct on both sides, and stands under a key",
    ),
    "text under a key": (yjs.item(yjs.text("x"), parent="map", key="k"), "stands under a key"),
    "text after an entry": (yjs.item(yjs.text("x"), left=inside(VALUE)), "stands under a key"),
    "an embed under a key": (yjs.item(yjs.embed("{}"), parent="map", key="k"), "stands under a key"),
    "a format under a key": (yjs.item(yjs.mark("b", "1"), right=inside(VALUE)), "stands under a key"),
    "text in an array": (yjs.item(yjs.text("x"), parent=inside(ARRAY)), "stands in an array"),
    "text behind a value in an array": (yjs.item(yjs.text("x"), left=inside(5)), "stands in an array"),
    "a format in an array": (yjs.item(yjs.mark("b", "1"), parent=inside(ARRAY)), "stands in an array"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_no_client_writes_is_refused_with_its_reason(name: str) -> None:
    struct, words = REFUSED[name]
    structs = filled()
    before = structs.encode()
    with pytest.raises(MalformedUpdate, match=f"struct 0 of client 2 .*{words}.*no Yjs client writes that"):
        structs.take(sent(2, 0, struct))
    assert structs.encode() == before


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_was_stored_of_it_counts_as_deleted(name: str) -> None:
    structs = filled()
    struct, _ = REFUSED[name]
    assert structs.take(sent(2, 0, struct), lenient=True) is None
    assert structs.vector[2] == struct.length
    assert structs.deletes[2] == [(0, struct.length)]
    kept = sent(2, 0, yjs.gc(struct.length), deletes={2: [(0, struct.length)], 1: GONE})
    assert structs.encode({1: 14}) == kept


GARBAGE_TOO = {
    "garbage": yjs.gc(1),
    "a child of garbage": yjs.item(yjs.values(1), parent=inside(GARBAGE)),
    "a child of what is deleted": yjs.item(yjs.values(1), parent=inside(DELETED)),
    "a child of a deleted type": yjs.item(yjs.values(1), parent=inside(GONE_MAP), key="k"),
    "behind a child of a deleted type": yjs.item(yjs.values(1), left=inside(GONE_MAP + 1)),
    "behind garbage": yjs.item(yjs.text("x"), left=inside(GARBAGE)),
    "before garbage": yjs.item(yjs.text("x"), right=inside(GARBAGE)),
    "between something and garbage": yjs.item(yjs.text("x"), left=inside(TEXT), right=inside(GARBAGE)),
    "between garbage and something": yjs.item(yjs.text("x"), left=inside(GARBAGE), right=inside(TEXT)),
}


@pytest.mark.parametrize("name", list(GARBAGE_TOO))
def test_what_belongs_into_something_deleted_becomes_garbage(name: str) -> None:
    structs = filled()
    assert structs.take(sent(2, 0, GARBAGE_TOO[name])) is None
    assert structs.deletes[2] == [(0, 1)]
    structs.compact()
    assert structs.encode({1: 14}) == sent(2, 0, yjs.gc(1), deletes={2: [(0, 1)], 1: GONE})


TAKEN = {
    "behind a deleted value": yjs.item(yjs.values(1), left=inside(DELETED)),
    "a value in a nested text": yjs.item(yjs.values(1), parent=inside(NESTED_TEXT)),
    "text behind text": yjs.item(yjs.text("x"), left=inside(7)),
    "a format before text": yjs.item(yjs.mark("b", "1"), right=inside(6)),
    "a type in an array": yjs.item(yjs.shared(Shared.TEXT), left=inside(5)),
    "an attribute of an array": yjs.item(yjs.values(1), parent=inside(ARRAY), key="k"),
    "text in a root of any kind": yjs.item(yjs.text("x"), parent="map"),
    "between characters": yjs.item(yjs.embed("{}"), left=inside(0), right=inside(1)),
    "between a character and itself": yjs.item(yjs.text("x"), left=inside(1), right=inside(1)),
}


@pytest.mark.parametrize("name", list(TAKEN))
def test_what_is_possible_is_kept_byte_for_byte(name: str) -> None:
    structs = filled()
    assert structs.take(sent(2, 0, TAKEN[name])) is None
    assert structs.encode({1: 14}) == sent(2, 0, TAKEN[name], deletes={1: GONE})


def test_a_struct_of_which_the_beginning_is_known_stands_where_that_stands() -> None:
    structs = filled()
    structs.take(sent(2, 0, yjs.item(yjs.values(1), parent=inside(ARRAY))))
    with pytest.raises(MalformedUpdate, match="clock 0 of client 2 was used for something else"):
        structs.take(sent(2, 0, yjs.item(yjs.values(1, 2), parent="list")))
    structs.take(sent(2, 0, yjs.item(yjs.values(1, 2), parent=inside(ARRAY))))
    assert structs.vector[2] == 2


UNDONE = [
    "0103010007010178030170070001000604000101016100",
    "000101010102",
    "010201034701010604000103016100",
    "01010105c70103010103016200",
    "0001010200010303",
    "010401064701000301700700010606040001070161c70107010703016200",
]
"""By a Yjs client with an undo manager: insert <p> with a text in it, delete the text, undo, insert <b>
behind it, delete <p>, undo. The last, clock 9, has what was brought back for the text on both sides."""


def test_what_the_undo_manager_of_yjs_brings_back_is_taken() -> None:
    structs, doc = Structs(), Doc[Any]()
    fragment = doc.get("x", type=XmlFragment)
    for update in map(bytes.fromhex, UNDONE):
        assert structs.take(update) is None
        doc.apply_update(structs.flush())
    assert str(fragment) == "<p>a<b></b></p>"
    assert structs.vector == {1: 10}
