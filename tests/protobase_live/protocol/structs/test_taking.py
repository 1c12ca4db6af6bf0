"""A large update is taken as it is read."""

from __future__ import annotations

import pytest

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.structs import EMPTY_UPDATE, Structs
from protobase_live.protocol.structs.store import Store
from protobase_live.protocol.structs.taking import Taking
from protobase_live.protocol.update_walker import STEP_STRUCTS
from tests.support import yjs_encoding as yjs
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
