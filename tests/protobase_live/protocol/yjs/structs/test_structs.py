"""A document's structs: all or nothing, in any order, byte for byte, halves of characters as Yjs has them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Rest, Structs
from protobase_live.protocol.yjs.update_walker import MAX_STRUCTS, STEP_STRUCTS
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.keystrokes import written
from tests.support.yjs_encoding import Block, Id, Shared, sent


def taken(*updates: bytes) -> Structs:
    structs = Structs()
    for update in updates:
        assert structs.take(update) is None
    return structs


# all or nothing


@given(st.integers(0, 2**32), st.booleans())
def test_a_refused_update_leaves_no_trace(seed: int, flushed: bool) -> None:
    random = Random(seed)
    structs, untouched = written(seed), written(seed)
    if flushed:
        structs.flush()
        untouched.flush()
    good = [Block(4, 0, [yjs.item(yjs.text("😀"), parent="a new root")])]
    for client in random.sample((1, 2, 300), random.randint(1, 3)):
        clock = structs.vector.get(client, 0)
        home = {"left": Id(client, clock - 1)} if clock else {"parent": f"root {client}"}
        content = random.choice((yjs.text("on"), yjs.values(1), yjs.deleted(2)))
        good.append(Block(client, clock, [yjs.item(content, **home)]))
    bad = Block(5, 0, [yjs.item(yjs.text("x"), parent=Id(4, 0))])
    with pytest.raises(MalformedUpdate, match="no Yjs client writes that"):
        structs.take(yjs.update([*good, bad], {9: [(0, 4)]}))
    assert structs.vector == untouched.vector
    assert structs.deletes == untouched.deletes
    assert structs.encode() == untouched.encode()
    for start in ({}, {1: 1, 2: 3}, {9: 4}):
        assert structs.encode(start) == untouched.encode(start)
    assert structs.halved == untouched.halved
    for update in [keystrokes.keystroke(random, structs.vector) for _ in range(3)]:
        assert keystrokes.taken(structs, update) == keystrokes.taken(untouched, update)
    assert structs.flush() == untouched.flush()
    assert structs.settle() == untouched.settle()


def test_refused_updates_take_no_memory() -> None:
    structs = taken(sent(1, 0, yjs.item(yjs.text("a"), parent="t")))
    for client in range(2, 20):
        update = yjs.update(
            [
                Block(client, 0, [yjs.item(yjs.text("b"), parent=f"root {client}")]),
                Block(client + 1000, 0, [yjs.item(yjs.text("x"), parent=Id(client, 0))]),
            ]
        )
        with pytest.raises(MalformedUpdate):
            structs.take(update)
        with pytest.raises(MalformedUpdate):
            structs.take(sent(client, 0, yjs.item(yjs.text("x"), parent=Id(1, 0))))
    logs = structs._store.logs
    assert list(logs.by_client) == [1]
    assert logs.root_count == 1


def test_types_are_told_apart_after_a_refused_update() -> None:
    """The number of a client that was forgotten goes to the next one."""
    structs = taken(sent(1, 0, yjs.item(yjs.text("a"), parent="t")))
    with pytest.raises(MalformedUpdate):
        structs.take(
            yjs.update(
                [
                    Block(2, 0, [yjs.item(yjs.shared(Shared.MAP), parent="m", key="k")]),
                    Block(3, 0, [yjs.item(yjs.text("x"), parent=Id(1, 0))]),
                ]
            )
        )
    structs.take(sent(3, 0, yjs.item(yjs.shared(Shared.ARRAY), parent="m", key="k")))
    structs.take(sent(2, 0, yjs.item(yjs.shared(Shared.TEXT), parent="m", key="l")))
    structs.take(sent(4, 0, yjs.item(yjs.text("in a text"), parent=Id(2, 0))))
    with pytest.raises(MalformedUpdate, match="stands in an array"):
        structs.take(sent(5, 0, yjs.item(yjs.text("x"), parent=Id(3, 0))))


def test_values_under_one_key_count_as_structs() -> None:
    """Each is a struct of its own; splitting them takes no more than reading them."""
    with pytest.raises(MalformedUpdate, match="more structs than allowed"):
        Structs().take(sent(1, 0, yjs.item(yjs.values(*[None] * (MAX_STRUCTS + 1)), parent="m", key="k")))
    many = sent(1, 0, yjs.item(yjs.values(*[None] * 20_000), parent="m", key="k"))
    structs = Structs()
    assert len(list(structs.take_in_steps(many))) == 20_000 // STEP_STRUCTS
    assert structs.vector == {1: 20_000}


def test_values_under_one_key_are_told_one_by_one() -> None:
    structs = taken(sent(1, 0, yjs.item(yjs.values(1), parent="m", key="k")))
    structs.take(sent(1, 0, yjs.item(yjs.values(1, 2, "é"), parent="m", key="k")))
    parts = (
        yjs.item(yjs.values(1), parent="m", key="k"),
        yjs.item(yjs.values(2), left=Id(1, 0), key="k"),
        yjs.item(yjs.values("é"), left=Id(1, 1), key="k"),
    )
    assert structs.encode() == sent(1, 0, *parts)


# what lacks something


FIRST = yjs.item(yjs.text("ab"), parent="t")
SECOND = yjs.item(yjs.text("cd"), left=Id(1, 1))


def test_the_rest_says_what_it_waits_for() -> None:
    structs = Structs()
    rest = structs.take(
        yjs.update([Block(1, 2, [SECOND]), Block(2, 0, [yjs.item(yjs.text("x"), left=Id(1, 5))])])
    )
    assert rest is not None
    assert dict(rest.waits) == {1: 2}
    assert structs.encode() == EMPTY_UPDATE
    assert structs.take(sent(1, 0, FIRST)) is None
    rest = structs.take(rest.update)
    assert rest == Rest(sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 5))), {1: 6})
    assert structs.vector == {1: 4}


def test_what_fits_is_taken_and_what_is_deleted_too_early_stays() -> None:
    structs = Structs()
    rest = structs.take(sent(1, 0, FIRST, deletes={1: [(1, 3)], 7: [(4, 2)]}))
    assert rest == Rest(sent(0, 0, deletes={7: [(4, 2)], 1: [(2, 2)]}), {1: 3, 7: 5})
    assert structs.deletes == {1: [(1, 2)]}
    assert structs.take(sent(1, 2, SECOND)) is None
    rest = structs.take(rest.update)
    assert rest == Rest(sent(0, 0, deletes={7: [(4, 2)]}), {7: 5})
    assert structs.deletes == {1: [(1, 4)]}


def test_holes_wait() -> None:
    structs = Structs()
    rest = structs.take(sent(1, 0, FIRST, yjs.skip(2), yjs.item(yjs.text("ef"), left=Id(1, 3))))
    assert structs.vector == {1: 2}
    assert rest is not None
    assert dict(rest.waits) == {1: 4}
    structs.take(sent(1, 2, SECOND))
    assert structs.take(rest.update) is None
    assert structs.encode() == sent(1, 0, yjs.item(yjs.text("abcdef"), parent="t"))


# what is known


@pytest.mark.parametrize("known", range(5))
def test_of_what_is_known_in_part_the_rest_is_taken(known: int) -> None:
    whole = yjs.item(yjs.text("abéd"), parent="t")
    structs = Structs()
    if known:
        structs.take(sent(1, 0, yjs.item(yjs.text("abéd"[:known]), parent="t")))
        structs.flush()
    assert structs.take(sent(1, 0, whole)) is None
    assert structs.encode() == sent(1, 0, whole)
    rest = yjs.item(yjs.text("abéd"[known:]), left=Id(1, known - 1)) if known else whole
    assert structs.flush() == (EMPTY_UPDATE if known == 4 else sent(1, known, rest))


def test_a_known_part_that_was_let_go_of() -> None:
    structs = taken(sent(1, 0, FIRST, deletes={1: [(0, 2)]}))
    structs.compact()
    assert structs.take(sent(1, 0, yjs.item(yjs.text("abcd"), parent="t"))) is None
    parts = yjs.item(yjs.deleted(2), parent="t"), yjs.item(yjs.text("cd"), left=Id(1, 1))
    assert structs.encode() == sent(1, 0, *parts, deletes={1: [(0, 2)]})


def test_a_known_first_half_of_a_character() -> None:
    structs = taken(sent(1, 0, yjs.item(yjs.text("a\ufffd"), parent="t")))
    structs.take(sent(1, 0, yjs.item(yjs.text("a😀b"), parent="t")))
    assert structs.encode() == sent(1, 0, yjs.item(yjs.text("a\ufffd\ufffdb"), parent="t"))


# halves of characters

EMOJI = sent(1, 0, yjs.item(yjs.text("a😀b"), parent="t"))
CUT = yjs.item(yjs.text("a\ufffd\ufffdb"), parent="t")


@pytest.mark.parametrize("clock", range(4))
def test_a_deletion_that_cuts_a_character(clock: int) -> None:
    structs = taken(EMOJI, sent(0, 0, deletes={1: [(clock, 1)]}))
    whole = clock in (0, 3)
    text = yjs.item(yjs.text("a😀b"), parent="t") if whole else CUT
    assert structs.encode() == sent(1, 0, text, deletes={1: [(clock, 1)]})


@pytest.mark.parametrize(
    ("home", "cuts"),
    [
        ({"left": Id(1, 0), "right": Id(1, 1)}, False),
        ({"left": Id(1, 1), "right": Id(1, 2)}, True),
        ({"left": Id(1, 1)}, True),
        ({"right": Id(1, 2)}, True),
        ({"right": Id(1, 1)}, False),
        ({"left": Id(1, 2)}, False),
        ({"left": Id(1, 3)}, False),
    ],
)
def test_an_insertion_that_cuts_a_character(home, cuts: bool) -> None:
    structs = taken(EMOJI)
    structs.flush()
    structs.take(sent(2, 0, yjs.item(yjs.text("x"), **home)))
    assert structs.encode({2: 1}) == (sent(1, 0, CUT) if cuts else EMOJI)
    assert structs.halved == cuts


def test_only_what_was_flushed_whole_has_to_be_made_anew() -> None:
    structs = taken(EMOJI, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1))))
    assert not structs.halved
    assert structs.flush() == yjs.update(
        [Block(2, 0, [yjs.item(yjs.text("x"), left=Id(1, 1))]), Block(1, 0, [CUT])]
    )


def test_a_character_in_a_text_joined_from_several() -> None:
    typed = [yjs.item(yjs.text(each), left=Id(1, at)) for each, at in (("x", 3), ("😀", 4), ("y", 6))]
    structs = taken(EMOJI, *(sent(1, at, item) for at, item in zip((4, 5, 7), typed, strict=True)))
    assert structs.encode() == sent(1, 0, yjs.item(yjs.text("a😀bx😀y"), parent="t"))
    structs.take(sent(0, 0, deletes={1: [(4, 2)]}))
    cut = yjs.item(yjs.text("a😀bx\ufffd\ufffdy"), parent="t")
    assert structs.encode() == sent(1, 0, cut, deletes={1: [(4, 2)]})
    structs.take(sent(1, 8, yjs.item(yjs.text("z"), left=Id(1, 7))))
    cut = yjs.item(yjs.text("a😀bx\ufffd\ufffdyz"), parent="t")
    assert structs.encode() == sent(1, 0, cut, deletes={1: [(4, 2)]})


def test_many_characters_cut_at_once() -> None:
    count = 5_000
    structs = taken(sent(1, 0, yjs.item(yjs.text("😀" * count), parent="t")))
    structs.take(sent(0, 0, deletes={1: [(2 * at, 1) for at in range(count)]}))
    assert structs.encode()[:-1].count("\ufffd\ufffd".encode()) == count


def test_a_character_that_was_let_go_of_is_not_cut() -> None:
    structs = taken(EMOJI, sent(0, 0, deletes={1: [(1, 2)]}))
    structs.compact()
    before = structs.encode()
    structs.take(sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1), right=Id(1, 2))))
    assert structs.encode({2: 1}) == before
    assert not structs.halved


# byte for byte


@pytest.mark.parametrize(
    "content",
    [
        yjs.values(yjs.BigInt(2**63 - 1)),
        yjs.values(-0.0),
        yjs.values({"z": 1, "a": {"y": None, "b": yjs.Undefined()}}),
        yjs.values(2**53 - 1, -(2**53) + 1),
        yjs.values(float("nan")),
        yjs.document("guid", {"autoLoad": True, "meta": {"b": 1, "a": yjs.BigInt(1)}, "gc": False}),
        yjs.embed('{"b": 1,  "a": 1e2}'),
        yjs.mark("bold", ' {"z":1,"a":2}'),
        yjs.binary(bytes(range(256))),
        yjs.shared(Shared.XML_ELEMENT, "é"),
    ],
)
def test_what_a_client_wrote_stays_as_it_is(content) -> None:
    update = sent(1, 0, yjs.item(content, parent="root"))
    structs = taken(update)
    assert structs.encode() == update
    assert structs.flush() == update
    assert structs.settle() == (update, {1: content.length})


# giving


def test_a_flush_has_what_is_new_and_a_settlement_all_flushes() -> None:
    structs = taken(sent(1, 0, FIRST))
    assert structs.flush() == sent(1, 0, FIRST)
    assert structs.flush() == EMPTY_UPDATE
    structs.take(sent(1, 2, SECOND, deletes={1: [(0, 1)]}))
    assert structs.flush() == sent(1, 2, SECOND, deletes={1: [(0, 1)]})
    whole = yjs.item(yjs.text("abcd"), parent="t")
    assert structs.settle() == (sent(1, 0, whole, deletes={1: [(0, 1)]}), {1: 4})
    assert structs.settle() == (EMPTY_UPDATE, {})


def test_a_settlement_flushes() -> None:
    structs = taken(sent(1, 0, FIRST))
    structs.settle()
    assert structs.flush() == EMPTY_UPDATE


@given(st.integers(0, 2**32), st.sampled_from((1, 30, 200, 10**6)))
def test_flushes_in_steps_are_one_flush(seed: int, limit: int) -> None:
    random, structs, at_once, again = Random(seed), Structs(), Structs(), Structs()
    for each in (structs, at_once):
        each.take(keystrokes.base())
    for _ in range(4):
        for _ in range(random.randint(0, 8)):
            update = keystrokes.keystroke(random, structs.vector)
            assert keystrokes.taken(structs, update) == keystrokes.taken(at_once, update)
        for part in structs.flush_in_steps(limit):
            assert again.take(part) is None, "a part builds on a later one"
        assert structs.flush() == EMPTY_UPDATE
    assert again.vector == structs.vector
    assert again.deletes == structs.deletes
    assert structs.settle() == at_once.settle()


def test_taking_pauses() -> None:
    count = 2 * STEP_STRUCTS
    items = [yjs.item(yjs.binary(b""), parent="list")] * count
    structs = Structs()
    deletes = {1: [(2 * at, 1) for at in range(STEP_STRUCTS)]}
    steps = list(structs.take_in_steps(sent(1, 0, *items, deletes=deletes)))
    assert len(steps) == 6, "reading and taking the structs pause twice each, and the deletions once each"
    assert structs.vector == {1: count}


# what is known


def brings_nothing(structs: Structs, update: bytes) -> bool:
    """What taking it says, which `knows_in_steps` says without."""
    structs.settle()
    return structs.take(update) is None and structs.settle()[0] == EMPTY_UPDATE


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_it_knows_what_brings_nothing_new(seed: int, ahead: int) -> None:
    random, other = Random(seed), written(seed)
    typed = [keystrokes.keystroke(random, other.vector) for _ in range(ahead)]
    typed = [update for update in typed if keystrokes.taken(other, update)]
    start = {client: random.randint(0, clock) for client, clock in other.vector.items()}
    for update in [other.encode(), other.encode(start), other.encode(other.vector), *typed, EMPTY_UPDATE]:
        structs = written(seed)
        before = structs.encode()
        known = at_once(structs.knows_in_steps(update))
        assert structs.encode() == before
        assert known == brings_nothing(structs, update)


def test_it_knows_large_updates_in_steps() -> None:
    items = [yjs.item(yjs.values(n), parent="t", left=None) for n in range(3 * STEP_STRUCTS)]
    update = sent(1, 0, *items, deletes={1: [(2 * n, 1) for n in range(STEP_STRUCTS)]})
    structs = taken(update)
    steps = structs.knows_in_steps(update)
    assert sum(1 for _ in steps) >= 3
    assert at_once(structs.knows_in_steps(update))
    more = sent(1, 0, *items, yjs.item(yjs.values(1), parent="t"))
    assert not at_once(structs.knows_in_steps(more))
    assert not at_once(structs.knows_in_steps(sent(1, 0, *items, deletes={1: [(1, 1)]})))
    assert not at_once(Structs().knows_in_steps(update))


def test_what_is_no_update_is_not_known() -> None:
    with pytest.raises(MalformedUpdate):
        at_once(Structs().knows_in_steps(b"\x01"))
