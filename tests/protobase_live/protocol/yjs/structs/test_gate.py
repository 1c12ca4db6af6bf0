"""What does not surely pass its gate is not taken, in whatever way it would have been."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.protocol.yjs.structs import TYPED, Aim, Gate, Structs, Unforeseen
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Shared, sent


def base() -> Structs:
    """A record with two fields and a text, a map and a text beside the records."""
    structs = Structs()
    structs.take(
        sent(
            1,
            0,
            yjs.item(yjs.shared(Shared.MAP), parent="records", key="t"),
            yjs.item(yjs.values("first"), parent=Id(1, 0), key="title"),
            yjs.item(yjs.values(False), parent=Id(1, 0), key="done"),
            yjs.item(yjs.shared(Shared.TEXT), parent=Id(1, 0), key="note"),  # 3
            yjs.item(yjs.values(1), parent="map", key="k"),  # 4
            yjs.item(yjs.text("note"), parent=Id(1, 3)),  # 5 to 8
        )
    )
    structs.take(sent(2, 0, yjs.item(yjs.text("body"), parent="body")))
    return structs


def replaced(id: int, value: object) -> bytes:
    return sent(3, 0, yjs.item(yjs.values(value), left=Id(1, id), key="?"), deletes={1: [(id, 1)]})


def replaced_again(id: int, value: object) -> bytes:
    """By a client that is known, as its next struct."""
    return sent(1, 9, yjs.item(yjs.values(value), left=Id(1, id), key="?"), deletes={1: [(id, 1)]})


TYPING_ON = sent(1, 9, yjs.item(yjs.text("s"), left=Id(1, 8)))
TYPING_ON_BODY = sent(2, 4, yjs.item(yjs.text("s"), left=Id(2, 3)))
TWO_FIELDS = sent(
    3,
    0,
    yjs.item(yjs.values("x"), left=Id(1, 1), key="?"),
    yjs.item(yjs.values(True), left=Id(1, 2), key="?"),
    deletes={1: [(1, 2)]},
)


@pytest.mark.parametrize(
    ("update", "aims"),
    [
        (TYPING_ON, [Aim("records", "note", TYPED)]),
        (TYPING_ON_BODY, [Aim("body")]),
        (sent(3, 0, yjs.item(yjs.text("x"), left=Id(2, 1))), [Aim("body")]),
        (replaced(1, "x"), [Aim("records", "title", "x")]),
        (replaced_again(1, "x"), [Aim("records", "title", "x")]),
        (replaced_again(2, True), [Aim("records", "done", True)]),
        (replaced_again(4, 2), [Aim("map")]),
        (TWO_FIELDS, [Aim("records", "title", "x"), Aim("records", "done", True)]),
        (sent(3, 0, deletes={2: [(0, 2)]}), [Aim("body")]),
    ],
)
def test_each_place_has_to_be_let(update: bytes, aims: list[Aim]) -> None:
    whole = base()
    whole.take(update)
    assert taken(update, aims) == whole.encode()
    for left_out in aims:
        assert taken(update, [aim for aim in aims if aim != left_out]) is None


def taken(update: bytes, let: list[Aim]) -> bytes | None:
    """What there is when it was taken by who may write these; None: it was not, and nothing is changed."""

    def lets(root: str, field: str | None, value: Any) -> bool:
        return Aim(root, field, value) in let

    structs = base()
    structs.settle()
    before = structs.encode()
    try:
        assert structs.take(update, gate=Gate(structs.foresight("records"), lets)) is None
    except Unforeseen:
        assert (structs.encode(), structs.has_news) == (before, False)
        return None
    return structs.encode()
