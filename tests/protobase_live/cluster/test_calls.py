"""Nodes ask each other, each question has one answer, and none waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.cluster.calls import Calls
from protobase_live.cluster.serving import Serve, nobody
from protobase_live.errors import Closed, Overloaded, ProtoBaseError, Unavailable
from protobase_live.protocol.peer.messages import Answer, Call, PeerMessage


class Pair:
    """Both ends of a link."""

    def __init__(self, serve: Serve, most: int = 10) -> None:
        self.said: list[PeerMessage] = []
        self.asking = Calls(self._to_other, nobody, most)
        self.answering = Calls(self._back, serve, most)

    async def _to_other(self, message: PeerMessage) -> None:
        self.said.append(message)
        assert isinstance(message, Call)
        self.answering.take(message)

    async def _back(self, message: PeerMessage) -> None:
        self.said.append(message)
        assert isinstance(message, Answer)
        self.asking.take(message)


async def test_each_question_has_its_answer_in_any_order() -> None:
    gates = {name: asyncio.Event() for name in ("first", "second")}

    async def serve(name: str, body: bytes) -> bytes:
        await gates[name].wait()
        return body + name.encode()

    pair = Pair(serve)
    first, second = (asyncio.ensure_future(pair.asking.ask(name, b"to ")) for name in gates)
    await asyncio.sleep(0)
    gates["second"].set()
    assert await second == b"to second"
    assert not first.done()
    gates["first"].set()
    assert await first == b"to first"


async def test_what_is_not_answered_is_told_so() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await Pair(nobody).asking.ask("what", b"")

    async def fail(name: str, body: bytes) -> bytes:
        raise ProtoBaseError("no")

    with pytest.raises(Unavailable):
        await Pair(fail).asking.ask("what", b"")


async def wait(name: str, body: bytes) -> bytes:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def test_the_end_of_the_link_ends_the_waiting_on_both_sides() -> None:
    pair = Pair(wait)
    asked = asyncio.ensure_future(pair.asking.ask("what", b""))
    await asyncio.sleep(0)
    pair.asking.end()
    pair.answering.end()
    with pytest.raises(Closed, match="before the answer came"):
        await asked


async def test_so_many_may_wait() -> None:
    pair = Pair(wait, most=2)
    asked = [asyncio.ensure_future(pair.asking.ask("what", b"")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="link_calls"):
        await pair.asking.ask("what", b"")
    asked.pop().cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    another = asyncio.ensure_future(pair.asking.ask("what", b""))
    await asyncio.sleep(0)
    assert not another.done(), "who gave up waits no more"
    pair.asking.end()
    await asyncio.gather(*asked, another, return_exceptions=True)
    pair.answering.end()


async def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    pair = Pair(nobody)
    pair.asking.take(Answer(7, b"late"))
