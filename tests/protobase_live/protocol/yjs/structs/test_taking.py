"""A large update is taken as it is read."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, OfFormer, Structs
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.structs.taking import Taking
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS, Walker
from tests.support import yjs_encoding as yjs
from tests.support.impossible_updates import Attacker
from tests.support.yjs_encoding import Block, Id, sent

COUNT = 4 * STEP_STRUCTS
NULLS = [yjs.item(yjs.values(None), parent="list")] * COUNT


def test_of_a_large_update_only_some_structs_are_there_at_once() -> None:
    store, most = Store(), 0
    taking = Taking(store, sent(1, 0, *NULLS), barred=None, lenient=False)
    for _ in taking.steps():
        most = max(most, *map(len, taking._walker.clients.values()))
    assert store.vector == {1: COUNT}
    assert most <= STEP_STRUCTS


@pytest.mark.parametrize("known", [0, 7])
def test_a_large_update_that_is_wrong_at_its_end_leaves_no_trace(known: int) -> None:
    structs = Structs()
    if known:
        structs.take(sent(1, 0, *NULLS[:known]))
    structs.settle()
    before = structs.encode(), dict(structs.vector), structs.size
    with pytest.raises(MalformedUpdate, match="left over"):
        structs.take(sent(1, 0, *NULLS) + b"\x00")
    assert (structs.encode(), structs.vector, structs.size) == before
    assert structs.settle() == (EMPTY_UPDATE, {})


def test_those_that_build_on_each_other_by_turns_are_taken_in_order() -> None:
    """What is read first needs something of the second, and that the first half of it."""
    middle = COUNT // 2
    first = [*NULLS[:middle], yjs.item(yjs.values(None), left=Id(1, middle)), *NULLS[:middle]]
    second = [*NULLS[:middle], yjs.item(yjs.values(None), left=Id(2, middle - 1)), *NULLS[:middle]]
    structs = Structs()
    assert structs.take(yjs.update([Block(2, 0, first), Block(1, 0, second)])) is None
    assert structs.vector == {1: COUNT + 1, 2: COUNT + 1}


def test_what_lacks_something_stays_behind_as_a_whole() -> None:
    structs = Structs()
    lacking = yjs.item(yjs.values(None), left=Id(9, 0))
    rest = structs.take(
        yjs.update([Block(2, 0, [*NULLS, lacking, *NULLS]), Block(1, 0, NULLS)], {9: [(0, 1)]})
    )
    assert structs.vector == {1: COUNT, 2: COUNT}
    assert rest is not None
    assert rest.update == yjs.update([Block(2, COUNT, [lacking, *NULLS])], {9: [(0, 1)]})
    assert rest.waits == {9: 1}


def test_deletions_of_very_many_clients_pause() -> None:
    clients = 10 * STEP_STRUCTS
    structs = Structs()
    steps = list(structs.take_in_steps(yjs.update([], {client: [(0, 1)] for client in range(clients)})))
    assert len(steps) >= 2 * 9, "reading them pauses, and so does looking for what they delete"


# what was read before its turn


def taken(structs: Structs, update: bytes, read: bool) -> tuple[bool, bytes]:
    """Whether an update is taken, and what of it is left over."""
    try:
        walker = Walker(update) if read else None
        if walker is not None:
            walker.walk()
        rest = at_once(structs.take_in_steps(update, barred=300, read=walker))
        return True, b"" if rest is None else rest.update
    except MalformedUpdate:
        return False, b""


@given(st.integers(0, 2**32))
def test_what_was_read_before_is_taken_as_what_is_read_in_its_turn(seed: int) -> None:
    attacker = Attacker(Random(seed), (1, 2, 3, 300), disorder=True)
    one, other = Structs(), Structs()
    for _ in range(30):
        update = attacker.next()
        assert taken(one, update, read=True) == taken(other, update, read=False)
        assert one.encode() == other.encode()
        assert (one.vector, one.deletes, one.halved) == (other.vector, other.deletes, other.halved)
    assert one.settle() == other.settle()


def test_what_is_known_is_not_looked_at_again() -> None:
    """A client that comes back may send all that it has."""
    deleted = {1: [(clock, 1) for clock in range(0, COUNT, 2)]}
    update = sent(1, 0, *NULLS, deletes=deleted)
    structs = Structs()
    structs.take(update)
    walker = Walker(update)
    walker.walk()
    assert list(structs.take_in_steps(update, read=walker)) == []
    assert walker.clients == {1: []}
    assert walker.deletes == {}


HERE = sent(1, 0, yjs.item(yjs.text("here"), parent="t"))
OF_FORMER = {
    "a struct": sent(8, 0, yjs.item(yjs.text("x"), parent="t")),
    "garbage": sent(8, 0, yjs.gc(3)),
    "a struct that waits": sent(8, 5, yjs.item(yjs.text("x"), left=Id(8, 4))),
    "one beside its": sent(2, 0, yjs.item(yjs.text("x"), left=Id(8, 0))),
    "one in its": sent(2, 0, yjs.item(yjs.text("x"), parent=Id(8, 0))),
    "one behind one that is here": sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 3), right=Id(8, 0))),
    "a deletion": yjs.update([], {8: [(0, 1)]}),
    "a struct behind others": yjs.update(
        [Block(n, 0, [yjs.item(yjs.text("x"), parent="new root")]) for n in (9, 8, 3)], {1: [(0, 1)]}
    ),
    "many": sent(8, 0, *NULLS),
    "many of another one, too": yjs.update([Block(9, 0, NULLS), Block(8, 0, NULLS)]),
}


@pytest.mark.parametrize("is_read", [False, True])
@pytest.mark.parametrize("form", OF_FORMER)
def test_what_is_of_a_former_client_leaves_no_trace(form: str, is_read: bool) -> None:
    structs, update = Structs(), OF_FORMER[form]
    structs.take(HERE)
    structs.settle()
    before = structs.encode(), dict(structs.vector), structs.size
    walker = Walker(update)
    walker.walk()
    how = partial(structs.take_in_steps, read=walker) if is_read else structs.take
    with pytest.raises(OfFormer):
        at_once(how(update, former={8}))
    assert (structs.encode(), structs.vector, structs.size) == before
    assert structs.settle() == (EMPTY_UPDATE, {})


@pytest.mark.parametrize("form", OF_FORMER)
def test_a_former_client_that_is_here_again_is_like_any_other(form: str) -> None:
    one, other = Structs(), Structs()
    for structs in (one, other):
        structs.take(HERE)
        structs.take(sent(8, 0, yjs.item(yjs.shared(yjs.Shared.TEXT), parent="t")))
    assert one.take(OF_FORMER[form], former={8}) == other.take(OF_FORMER[form])
    assert one.encode() == other.encode()
