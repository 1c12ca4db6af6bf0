"""Pieces of structs, as Yjs writes them."""

from __future__ import annotations

import pytest

from protobase_live.protocol.yjs.structs.pieces import MARK_EVERY, Splitter
from protobase_live.protocol.yjs.update_walker import Walker
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Struct

CLIENT, CLOCK = 5, 10


def splitter(struct: Struct) -> Splitter:
    update = yjs.update([yjs.Block(CLIENT, CLOCK, [struct])])
    walker = Walker(update)
    walker.walk()
    return Splitter(update, CLIENT, walker.clients[CLIENT][0])


HOMES = (
    {"parent": "root", "key": "k"},
    {"left": Id(4, 2)},
    {"right": Id(4, 3)},
    {"left": Id(4, 2), "right": Id(9, 1)},
)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize(
    ("content", "first", "last"),
    [
        (yjs.text("abcd"), yjs.text("a"), yjs.text("cd")),
        (yjs.text("éa😀"), yjs.text("é"), yjs.text("😀")),
        (yjs.text("😀ab"), yjs.text("\ufffd"), yjs.text("ab")),
        (yjs.values(1, "é", None, yjs.BigInt(2**60)), yjs.values(1), yjs.values(None, yjs.BigInt(2**60))),
        (yjs.deleted(4), yjs.deleted(1), yjs.deleted(2)),
    ],
)  # fmt: skip
def test_what_is_behind_a_split_follows_what_is_before(content, first, last, home) -> None:
    """It names the clock before as its left neighbour, keeps the right one and needs no parent any more."""
    split = splitter(yjs.item(content, **home))
    assert split.piece(CLOCK, CLOCK + 4) == yjs.item(content, **home).body
    assert split.piece(CLOCK, CLOCK + 1) == yjs.item(first, **home).body
    right, key = home.get("right"), home.get("key")
    behind = yjs.item(last, left=Id(CLIENT, CLOCK + 1), right=right, key=key)
    assert split.piece(CLOCK + 2, CLOCK + 4) == behind.body


def test_pieces_of_the_same_struct() -> None:
    split = splitter(yjs.item(yjs.text("abéd"), parent="t"))
    inner = [split.piece(at, at + 1) for at in range(CLOCK + 1, CLOCK + 4)]
    assert inner == [
        yjs.item(yjs.text(letter), left=Id(CLIENT, at)).body for at, letter in enumerate("béd", CLOCK)
    ]


def test_garbage_is_only_counted() -> None:
    assert splitter(yjs.gc(9)).piece(CLOCK + 2, CLOCK + 5) == yjs.gc(3).body


def test_a_struct_without_its_content() -> None:
    split = splitter(yjs.item(yjs.values(*range(6)), parent=Id(3, 1), key="k"))
    assert split.deleted(CLOCK, CLOCK + 6) == yjs.item(yjs.deleted(6), parent=Id(3, 1), key="k").body
    assert (
        split.deleted(CLOCK + 4, CLOCK + 5)
        == yjs.item(yjs.deleted(1), left=Id(CLIENT, CLOCK + 3), key="k").body
    )


def test_bytes_stay_as_they_came() -> None:
    """An integer of more bytes than it needs is kept, too."""
    struct = Struct(b"\x84\x85\x00\x02\x81\x00a", 1)
    split = splitter(struct)
    assert split.piece(CLOCK, CLOCK + 1) == struct.body
    assert split.deleted(CLOCK, CLOCK + 1) == b"\x81\x85\x00\x02\x01"


def test_pieces_of_very_many_values() -> None:
    numbers = [n if n % 7 else str(n) for n in range(3 * MARK_EVERY)]
    split = splitter(yjs.item(yjs.values(*numbers), parent="t"))
    for start in range(0, len(numbers), 13):
        for end in range(start + 1, len(numbers) + 1, 29):
            piece = split.piece(CLOCK + start, CLOCK + end)
            assert piece.endswith(yjs.values(*numbers[start:end]).body)


def test_one_value_after_the_other_is_read_once(monkeypatch) -> None:
    count = 10 * MARK_EVERY
    split = splitter(yjs.item(yjs.values(*range(count)), parent="m", key="k"))
    split.piece(CLOCK, CLOCK + 1)
    skipped: list[int] = []
    skip = Walker.skip_values
    monkeypatch.setattr(Walker, "skip_values", lambda walker, n: skipped.append(n) or skip(walker, n))
    pieces = [split.piece(CLOCK + at, CLOCK + at + 1) for at in range(1, count)]
    assert sum(skipped) <= count
    assert pieces == [
        yjs.item(yjs.values(at), left=Id(CLIENT, CLOCK + at - 1), key="k").body for at in range(1, count)
    ]
    assert split.piece(CLOCK + 5, CLOCK + 6) == pieces[4]
