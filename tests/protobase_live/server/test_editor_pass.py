"""What a Yjs client may do, asked about again while it is asked about already."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import SystemClock
from protobase_live import Forbidden, Identity
from protobase_live.document import Judge
from protobase_live.errors import ProtoBaseError
from protobase_live.server.editor_pass import READER, EditorPass
from protobase_live.server.permissions import Permissions


class SlowRule:
    """An `Authorize` whose answers are those of when it was asked, and come when they are let go."""

    def __init__(self) -> None:
        self.allowed = {"read", "write", "presence"}
        self.held: set[str] = set()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def __call__(self, identity: Identity, action: str, collection: str) -> bool:
        answer = action in self.allowed
        if action in self.held:
            self.asked.set()
            await self.answer.wait()
        return answer


class Editor:
    def __init__(self) -> None:
        self.told: list[object] = []

    def permit(self, judge: Judge | None, present: bool) -> None:
        self.told.append((judge, present))

    def reject(self, error: ProtoBaseError) -> None:
        self.told.append(type(error))


async def everything_else() -> None:
    """What does not wait for an answer is done."""
    for _ in range(100):
        await asyncio.sleep(0)


def a_pass(rule: SlowRule) -> tuple[Permissions, EditorPass]:
    permissions = Permissions(SystemClock(), authorize=rule)
    return permissions, EditorPass(permissions.session(Identity("ann")), "red")


@pytest.mark.parametrize("held", ["write", "presence"])
async def test_an_answer_of_before_counts_for_nothing_while_a_client_comes_in(held: str):
    rule = SlowRule()
    permissions, entry = a_pass(rule)
    rule.held = {held}
    checking = asyncio.ensure_future(entry.check())
    await rule.asked.wait()
    rule.allowed, rule.held = {"read"}, set()
    again = asyncio.ensure_future(permissions.recheck())
    await everything_else()
    rule.answer.set()
    await asyncio.gather(checking, again)
    assert (entry.judge, entry.present) == (READER, False)
    entry.close()


async def test_of_two_that_ask_again_the_last_one_counts():
    rule = SlowRule()
    permissions, entry = a_pass(rule)
    await entry.check()
    editor = Editor()
    entry.give(editor)
    rule.held = {"presence"}
    first = asyncio.ensure_future(permissions.recheck())
    await rule.asked.wait()
    rule.allowed, rule.held = {"read"}, set()
    second = asyncio.ensure_future(permissions.recheck())
    await everything_else()
    rule.answer.set()
    await asyncio.gather(first, second)
    assert editor.told[-1] == (READER, False)
    entry.close()


async def test_who_may_be_here_no_more_writes_nothing_that_still_waits_for_its_turn():
    rule = SlowRule()
    permissions, entry = a_pass(rule)
    await entry.check()
    editor = Editor()
    entry.give(editor)
    rule.allowed = set()
    await permissions.recheck()
    assert editor.told == [(None, True), (READER, False), Forbidden]
    entry.close()
