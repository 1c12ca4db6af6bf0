"""The shortcuts do what the general way does; they take what editors send most."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import Structs
from protobase_live.protocol.yjs.structs.shortcuts import take_edit, take_entry, take_typing
from protobase_live.protocol.yjs.structs.store import Store
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Shared, sent


def through(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def answer(take):
    """What taking answers with, or why it refuses."""
    try:
        return take()
    except MalformedUpdate as error:
        return str(error)


def check_equal(one: Structs, other: Structs) -> None:
    assert one.vector == other.vector
    assert one.deletes == other.deletes
    assert one.encode() == other.encode()
    assert one.halved == other.halved


@given(st.integers(0, 2**32), st.sampled_from((None, None, 1, 300)))
def test_the_shortcuts_do_what_the_general_way_does(seed: int, barred: int | None) -> None:
    random = Random(seed)
    short, general = Structs(), Structs()
    flushed, settled = (Structs(), Structs()), (Structs(), Structs())
    for structs in (short, general):
        structs.take(keystrokes.base())
    for _ in range(40):
        update = keystrokes.keystroke(random, short.vector)
        answers = (
            answer(lambda update=update: short.take(update, barred=barred)),
            answer(lambda update=update: through(general.take_in_steps(update, barred=barred))),
        )
        assert answers[0] == answers[1]
        check_equal(short, general)
        settles = random.random() < 0.1
        if settles or random.random() < 0.2:
            check_told_equal(flushed, short.flush(), general.flush())
        if settles:
            (one, reached), (other, other_reached) = short.settle(), general.settle()
            assert reached == other_reached
            check_told_equal(settled, one, other)
        if random.random() < 0.05:
            short.compact()
            general.compact()


def check_told_equal(told: tuple[Structs, Structs], one: bytes, other: bytes) -> None:
    """What came alone is given out as it came: not joined yet, and whole although its parent is deleted."""
    for structs, update in zip(told, (one, other), strict=True):
        structs.take(update)
        structs.compact()
    check_equal(*told)


def filled(*updates: bytes) -> Store:
    structs = Structs()
    for update in updates:
        structs.take(update)
    return structs._store


TYPED = sent(1, 0, yjs.item(yjs.text("ab"), parent="t"))
MORE = sent(1, 2, yjs.item(yjs.text("c"), left=Id(1, 1)))
SET = sent(1, 0, yjs.item(yjs.values(1), parent="m", key="k"))
SET_TEXT = sent(1, 1, yjs.item(yjs.values("hi"), left=Id(1, 0), key="k"), deletes={1: [(0, 1)]})
SET_AGAIN = sent(1, 1, yjs.item(yjs.values(2), left=Id(1, 0), key="k"), deletes={1: [(0, 1)]})


def test_typing_on_is_taken_at_once() -> None:
    store = filled(TYPED)
    assert take_typing(store, MORE, None)
    assert store.vector == {1: 3}
    assert store.logs.by_client[1].text(0) == b"abc"


@pytest.mark.parametrize(
    "update",
    [
        sent(1, 3, yjs.item(yjs.text("c"), left=Id(1, 1))),
        sent(1, 2, yjs.item(yjs.text("c"), left=Id(1, 0))),
        sent(2, 0, yjs.item(yjs.text("c"), left=Id(1, 1))),
        sent(1, 2, yjs.item(yjs.text("é"), left=Id(1, 1))),
        sent(1, 2, yjs.item(yjs.text("c"), left=Id(1, 1)), deletes={1: [(0, 1)]}),
        sent(1, 2, yjs.item(yjs.text("c"), left=Id(1, 1), right=Id(1, 0))),
        MORE.replace(b"\x01c", b"\x02c"),
        MORE[:-1],
    ],
)
def test_nothing_else_is_taken_for_typing(update: bytes) -> None:
    store = filled(TYPED)
    assert not take_typing(store, update, None)
    assert store.vector == {1: 2}


def test_typing_behind_a_text_with_a_right_neighbour() -> None:
    """Found by comparing: it became part of that text, and got its right neighbour."""
    store = filled(TYPED, sent(1, 2, yjs.item(yjs.text("x"), left=Id(1, 0), right=Id(1, 1))))
    assert not take_typing(store, sent(1, 3, yjs.item(yjs.text("y"), left=Id(1, 2))), None)


def test_typing_in_a_deleted_type() -> None:
    """Found by comparing: it was kept."""
    made = sent(
        1, 0, yjs.item(yjs.shared(Shared.TEXT), parent="m", key="k"), yjs.item(yjs.text("a"), parent=Id(1, 0))
    )
    typed = sent(1, 2, yjs.item(yjs.text("b"), left=Id(1, 1)))
    assert take_typing(filled(made), typed, None)
    gone = filled(made, sent(2, 0, deletes={1: [(0, 1)]}))
    assert not take_typing(gone, typed, None)


@pytest.mark.parametrize("update", [SET_AGAIN, SET_TEXT])
def test_setting_a_key_again_is_taken_at_once(update: bytes) -> None:
    store = filled(SET)
    assert take_entry(store, update, None)
    assert store.vector == {1: 2}
    assert list(store.logs.deletes.by_client[1]) == [(0, 1)]


@pytest.mark.parametrize(
    "update",
    [
        sent(1, 2, yjs.item(yjs.values(2), left=Id(1, 0), key="k"), deletes={1: [(0, 1)]}),
        sent(1, 1, yjs.item(yjs.values(2), left=Id(1, 0), key="k"), deletes={1: [(1, 1)]}),
        sent(1, 1, yjs.item(yjs.values(2), left=Id(1, 0), key="k"), deletes={1: [(0, 2)]}),
        sent(1, 1, yjs.item(yjs.values("é"), left=Id(1, 0), key="k"), deletes={1: [(0, 1)]}),
        SET_TEXT.replace(b"\x02hi", b"\x01hi"),
        SET_TEXT.replace(b"\x02hi", b"\x03hi"),
        sent(1, 1, yjs.item(yjs.values(2), left=Id(3, 0), key="k"), deletes={3: [(0, 1)]}),
        SET_AGAIN[:-1],
    ],
)
def test_nothing_else_is_taken_for_an_entry(update: bytes) -> None:
    store = filled(SET)
    assert not take_entry(store, update, None)
    assert store.vector == {1: 1}


def test_an_entry_stands_under_a_key() -> None:
    update = sent(1, 1, yjs.item(yjs.values(2), left=Id(1, 0), key="k"), deletes={1: [(0, 1)]})
    assert not take_entry(filled(sent(1, 0, yjs.item(yjs.values(1), parent="list"))), update, None)


def test_one_struct_of_a_new_client() -> None:
    store = filled(TYPED)
    assert take_edit(store, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 0), right=Id(1, 1))), None)
    assert take_edit(store, sent(3, 0, yjs.item(yjs.values("v"), parent="m", key="é")), None)
    assert store.vector == {1: 2, 2: 1, 3: 1}


def test_what_breaks_a_rule_leaves_nothing() -> None:
    store = filled(TYPED)
    assert not take_edit(store, sent(2, 0, yjs.item(yjs.text("x"), parent=Id(1, 0))), None)
    assert list(store.logs.by_client) == [1]


@pytest.mark.parametrize("taken", [MORE, SET_AGAIN, sent(1, 0, yjs.item(yjs.text("x"), parent="t"))])
def test_a_barred_client_brings_nothing(taken: bytes) -> None:
    structs = Structs()
    structs.take({MORE: TYPED, SET_AGAIN: SET}.get(taken, b"\x00\x00"))
    with pytest.raises(MalformedUpdate, match="client id 1 is the server's own; choose another"):
        structs.take(taken, barred=1)
    assert structs.take(taken, barred=2) is None
