"""A turn that will not be shown tells whoever waits for it."""

from __future__ import annotations

import pytest

from protobase_live.database.turn import Turn
from protobase_live.errors import OutcomeUnknown, Unavailable
from protobase_live.live.show import Together
from protobase_storage import StorageBusy


async def test_what_the_storage_failed_on_was_not_done() -> None:
    turn = Turn()
    cursor = turn.await_cursor()
    turn.drop(StorageBusy("too much waits"))
    with pytest.raises(Unavailable, match="nothing was done: too much waits"):
        await cursor


async def test_what_failed_otherwise_may_have_been_done() -> None:
    turn = Turn()
    cursor = turn.await_cursor()
    turn.drop(RuntimeError("a mistake"))
    with pytest.raises(OutcomeUnknown, match="a mistake"):
        await cursor


async def test_a_cursor_that_is_known_stays() -> None:
    turn = Turn()
    cursor = turn.await_cursor()
    cursor.set_result("cursor")
    turn.drop(RuntimeError("a mistake"))
    assert await cursor == "cursor"


async def test_nobody_waits_for_its_part_of_what_several_collections_show() -> None:
    together = Together()
    together.expect()
    together.expect()
    Turn(together=together).drop(RuntimeError("a mistake"))
    assert together.missing == 1
    Turn().drop(RuntimeError("a mistake"))  # nobody waits for anything
