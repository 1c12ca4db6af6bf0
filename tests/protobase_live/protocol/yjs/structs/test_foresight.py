"""What is foreseen of an update is where it stands when it was taken; of anything odd, nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from protobase_live.protocol.yjs.structs import TYPED, Aim, Foresight, Gate, Structs, Unforeseen
from protobase_live.protocol.yjs.structs.foresight import MAX_DELETED, MAX_STEPS
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Shared, sent


def base() -> Structs:
    """A record with a title, a text and a list; a text, a map with a map; strays among the records."""
    structs = Structs()
    structs.take(
        sent(
            1,
            0,
            yjs.item(yjs.shared(Shared.MAP), parent="records", key="t"),
            yjs.item(yjs.values("first"), parent=Id(1, 0), key="title"),
            yjs.item(yjs.shared(Shared.TEXT), parent=Id(1, 0), key="note"),
            yjs.item(yjs.text("note"), parent=Id(1, 2)),  # 3 to 6
            yjs.item(yjs.shared(Shared.ARRAY), parent=Id(1, 0), key="tags"),  # 7
            yjs.item(yjs.values(1), parent=Id(1, 7)),
            yjs.item(yjs.text("body"), parent="body"),  # 9 to 12
            yjs.item(yjs.shared(Shared.MAP), parent="boxes", key="b"),  # 13
            yjs.item(yjs.values(1), parent=Id(1, 13), key="x"),
            yjs.item(yjs.shared(Shared.XML_ELEMENT, "p"), parent="records", key="s"),  # 15
            yjs.item(yjs.values("k"), parent=Id(1, 15), key="title"),
            yjs.item(yjs.values("plain"), parent="records", key="p"),  # 17
        )
    )
    return structs


def replacing(id: int, value: object, clock: int = 0, client: int = 2, gone: int | None = None) -> bytes:
    """Another value in the place of one."""
    put = yjs.item(yjs.values(value), left=Id(1, id), key="?")
    return sent(client, clock, put, deletes={1: [(id if gone is None else gone, 1)]})


def asked(structs: Structs, update: bytes, foresight: Foresight | None = None) -> Sequence[Aim] | None:
    """Of what a gate that lets everything is asked before an update is taken; None: it is not foreseen."""
    aims: list[Aim] = []

    def lets(root: str, field: str | None, value: Any) -> bool:
        aims.append(Aim(root, field, value))
        return True

    before = structs.encode()
    try:
        structs.take(update, gate=Gate(foresight or structs.foresight("records"), lets))
    except Unforeseen:
        assert structs.encode() == before
        return None
    return aims


TYPED_NOTE = Aim("records", "note", TYPED)


@pytest.mark.parametrize(
    ("update", "aims"),
    [
        (sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 12))), [Aim("body")]),
        (sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 10), right=Id(1, 11))), [Aim("body")]),
        (sent(2, 0, yjs.item(yjs.text("x"), parent="new")), [Aim("new")]),
        (sent(2, 0, deletes={1: [(9, 2)]}), [Aim("body")]),
        (sent(2, 0, deletes={1: [(13, 2)]}), [Aim("boxes"), Aim("boxes")]),
        (replacing(14, 2), [Aim("boxes")]),
        (sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 6))), [TYPED_NOTE]),
        (sent(2, 0, yjs.item(yjs.text("x"), parent=Id(1, 2))), [TYPED_NOTE]),
        (sent(2, 0, deletes={1: [(4, 2)]}), [TYPED_NOTE]),
        (replacing(1, "short"), [Aim("records", "title", "short")]),
        (replacing(1, "x" * 100), [Aim("records", "title", "x" * 100)]),
        (replacing(1, True), [Aim("records", "title", True)]),
        (replacing(1, None), [Aim("records", "title", None)]),
        (replacing(1, 2.5), [Aim("records", "title", 2.5)]),
        (replacing(1, 0.1), [Aim("records", "title", 0.1)]),
        (replacing(1, -70), [Aim("records", "title", -70)]),
        (replacing(1, 2**20), [Aim("records", "title", 2**20)]),
        (sent(2, 0, yjs.item(yjs.values(5), left=Id(1, 1), key="?")), [Aim("records", "title", 5)]),
    ],
)
def test_what_editors_send_is_foreseen(update: bytes, aims: list[Aim]) -> None:
    assert list(dict.fromkeys(asked(base(), update) or ())) == list(dict.fromkeys(aims))


@pytest.mark.parametrize(
    "update",
    [
        b"",
        b"\x01",
        sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 6)), yjs.item(yjs.shared(Shared.MAP), left=Id(2, 0))),
        replacing(1, "é"),
        replacing(1, [1]),
        replacing(1, yjs.Undefined()),
        replacing(1, yjs.BigInt(5)),
        replacing(1, "x", clock=1),  # something is missing
        sent(1, 17, yjs.item(yjs.values("x"), left=Id(1, 1), key="?"), deletes={1: [(1, 1)]}),  # is there
        sent(1, 17, yjs.item(yjs.text("x"), parent="other"), yjs.item(yjs.values(1), left=Id(1, 17))),
        sent(1, 17, yjs.item(yjs.text("x"), left=Id(1, 12))),
        replacing(1, "x", gone=2),
        replacing(2, "x", gone=1),
        replacing(16, "x"),  # of a stray
        replacing(17, "x"),  # a stray
        replacing(0, "x"),  # a record
        sent(2, 0, yjs.item(yjs.values("x"), left=Id(1, 1), right=Id(1, 1), key="?")),
        sent(2, 0, yjs.item(yjs.values("x"), parent=Id(1, 0), key="more")),
        sent(2, 0, yjs.item(yjs.shared(Shared.MAP), parent="records", key="u")),
        sent(2, 0, yjs.item(yjs.shared(Shared.TEXT), left=Id(1, 1), key="?")),
        sent(2, 0, yjs.item(yjs.values(1), left=Id(1, 8))),  # deep in a record
        sent(2, 0, yjs.item(yjs.values(1), left=Id(1, 6))),  # no text into a text
        sent(2, 0, yjs.item(yjs.text("x"), parent="records")),
        sent(2, 0, yjs.item(yjs.text("x"), left=Id(7, 0))),
        sent(2, 0, yjs.gc(1)),
        sent(2, 0, deletes={1: [(1, 1)]}),  # a field
        sent(2, 0, deletes={1: [(0, 1)]}),  # a record
        sent(2, 0, deletes={1: [(17, 5)]}),
        sent(2, 0, deletes={7: [(0, 1)]}),
        sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 12)), deletes={2: [(0, 1)]}),
    ],
)
def test_what_is_anything_else_is_not(update: bytes) -> None:
    assert asked(base(), update) is None


def test_a_field_is_known_by_what_stood_there_before() -> None:
    structs, left = base(), Id(1, 1)
    foresight = structs.foresight("records")
    for number in range(2 * MAX_STEPS):
        update = sent(
            2, number, yjs.item(yjs.values(number), left=left, key="?"), deletes={left[0]: [(left[1], 1)]}
        )
        assert asked(structs, update, foresight) == [Aim("records", "title", number)]
        left = Id(2, number)
    again = sent(3, 0, yjs.item(yjs.values("x"), left=left, key="?"))
    assert asked(structs, again) is None  # too far for who begins here
    assert asked(structs, again, foresight) is not None


def test_of_very_much_nothing_is_foreseen() -> None:
    structs = base()
    for number in range(MAX_DELETED + 1):
        structs.take(sent(2, number, yjs.item(yjs.values(number), parent="list")))
        structs.take(sent(3, number, yjs.item(yjs.values(number), left=Id(2, number))))
    assert asked(structs, sent(4, 0, deletes={2: [(0, MAX_DELETED + 1)]})) is None
    assert asked(structs, sent(4, 0, deletes={2: [(0, MAX_DELETED)]})) == [Aim("list")] * MAX_DELETED


def test_what_is_gone_is_nowhere() -> None:
    structs = base()
    structs.take(sent(2, 0, deletes={1: [(13, 2)]}))
    structs.compact()
    assert asked(structs, sent(2, 0, yjs.item(yjs.values(1), left=Id(1, 14), key="?"))) is None
