"""What is found out about the documents of a socket, by a program that answers when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Overloaded
from protobase_live.server.gate import Gate
from protobase_live.server.hocuspocus_decisions import HocuspocusDecisions
from protobase_live.server.limits import ServerLimits

LIMITS = ServerLimits(undecided_documents=2, undecided_pause_seconds=1, undecided_pause_seconds_most=3)


class Program:
    def __init__(self, limits: ServerLimits = LIMITS) -> None:
        self.clock = ManualClock()
        self.gate = Gate(self.clock, limits)
        self.decisions = HocuspocusDecisions(self.decide, self.clock, limits, self.gate)
        self.asked: list[bytes] = []
        self.knows = True
        self.answers = asyncio.Event()
        self.answers.set()

    async def decide(self, key: bytes, token: str | None) -> bool:
        self.asked.append(key)
        await self.answers.wait()
        if self.knows:
            self.decisions.done(key)
        return self.knows


async def test_so_many_are_decided_at_once():
    program = Program()
    program.answers.clear()
    for key in (b"a", b"b", b"c"):
        program.decisions.begin(key, None)
    await program.clock.settle()
    assert program.asked == [b"a", b"b"]
    program.answers.set()
    await program.clock.settle()
    assert program.asked == [b"a", b"b", b"c"]
    assert program.decisions.idle


async def test_what_cannot_be_told_is_tried_again_ever_later():
    program = Program()
    program.knows = False
    program.decisions.begin(b"a", None)
    for pause in (1, 2, 3, 3):
        await program.clock.settle()
        program.asked.clear()
        await program.clock.advance(pause - 0.1)
        assert not program.asked
        await program.clock.advance(0.1)
        assert program.asked == [b"a"]
    program.decisions.begin(b"a", "another token")
    await program.clock.settle()
    assert program.asked == [b"a", b"a"], "which waits for nothing"
    program.decisions.stop(b"a")
    await program.clock.advance(10)
    assert program.asked == [b"a", b"a"]


async def test_what_others_wait_for_is_tried_again_at_once():
    program = Program()
    program.knows = False
    program.decisions.begin(b"a", None)
    await program.clock.settle()
    program.decisions.hurry()
    await program.clock.settle()
    assert program.asked == [b"a", b"a"]
    program.knows = True
    await program.clock.advance(2)
    assert program.asked == [b"a", b"a", b"a"]
    assert program.decisions.idle


async def test_a_decision_that_ends_of_itself_is_waited_for_by_nobody():
    program = Program()

    async def fail(key: bytes, token: str | None) -> bool:
        raise asyncio.CancelledError

    decisions = HocuspocusDecisions(fail, program.clock, LIMITS, program.gate)
    decisions.begin(b"a", None)
    await program.clock.settle()
    assert decisions.idle


async def test_at_the_end_only_what_is_wanted_is_waited_for_and_nothing_tried_again():
    program = Program(ServerLimits(undecided_documents=9))
    program.knows = False
    program.decisions.begin(b"later", None)
    await program.clock.settle()
    program.answers.clear()
    for key in (b"wanted", b"unwanted"):
        program.decisions.begin(key, None)
    await program.clock.settle()
    finishing = asyncio.ensure_future(program.decisions.finish(lambda key: key != b"unwanted"))
    await program.clock.settle()
    assert not finishing.done()
    program.answers.set()
    assert sorted(await finishing) == [b"later", b"unwanted"]
    await program.clock.advance(10)
    assert program.decisions.idle
    assert program.asked == [b"later", b"wanted", b"unwanted"]


async def test_a_socket_has_one_place_at_the_gate():
    program = Program(ServerLimits(handshakes_per_second=10, handshakes_at_once=1, waiting_handshakes=1))
    await program.decisions.enter()
    entering = [asyncio.ensure_future(program.decisions.enter()) for _ in range(3)]
    await program.clock.settle()
    assert program.gate.waiting == 1
    other = HocuspocusDecisions(program.decide, program.clock, LIMITS, program.gate)
    with pytest.raises(Overloaded, match="waiting_handshakes"):
        await other.enter()
    await program.clock.advance(1)
    assert all(each.done() for each in entering)
