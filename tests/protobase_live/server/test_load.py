"""What a connection carries counts with what all carry, and who sends too fast is read slowly."""

from __future__ import annotations

import asyncio
from typing import Any

from protobase_actors import ManualClock
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.traffic import Traffic
from tests.protobase_live.server.test_connection import Recorder
from tests.support.wire import Wire, announced, client_frame


class Wires:
    """Connections of one server."""

    def __init__(self, **limits: Any) -> None:
        self.clock, self.counters = ManualClock(), Counters()
        self.traffic = Traffic(self.clock, ServerLimits(**limits), self.counters)
        self.sessions: list[Recorder] = []

    async def open(self, path: str = "/yjs/room", backlog_bytes: int = 1_000_000) -> Wire:
        session = Recorder()
        self.sessions.append(session)

        serving = asyncio.Event()

        async def serve(connection: Any) -> None:
            serving.set()
            if path == "/live":
                await connection.wait_closed()
            else:
                await connection.attend(session, backlog_bytes)

        wire = Wire(serve, path, write_limit=100, traffic=self.traffic)
        wire.transport.reads = True  # the answer to its handshake
        await serving.wait()
        wire.transport.reads = False
        return wire


async def test_messages_that_are_never_finished_give_way() -> None:
    wires = Wires(all_unfinished_bytes=2_000)
    first, second, third = [await wires.open() for _ in range(3)]
    for wire in (first, second):
        wire.feed(announced(10_000) + b"x" * 900)
    assert 1_800 <= wires.traffic.unfinished.total <= 2_000
    third.feed(client_frame(b"whole") + announced(10_000) + b"x" * 900)
    await asyncio.sleep(0)
    assert [wire.close_code() for wire in (first, second, third)] == [1013, None, None]
    assert wires.sessions[2].frames == [b"whole"]
    assert wires.traffic.unfinished.total <= 2_000
    assert len(first.connection.protocol.reader.buffer) == 0
    assert wires.counters.limits["all_unfinished_bytes"] == 1


async def test_parts_of_a_message_count_and_are_let_go_of() -> None:
    wires = Wires(all_unfinished_bytes=1_000)
    wire = await wires.open()
    wire.feed(client_frame(b"x" * 600, fin=False))
    assert wires.traffic.unfinished.total == 600
    wire.feed(client_frame(b"y" * 300, opcode=0))
    assert wires.traffic.unfinished.total == 0


async def test_messages_that_nobody_takes_count() -> None:
    wires = Wires(all_unfinished_bytes=10_000)
    wire = await wires.open("/live")
    for _ in range(3):
        wire.feed(client_frame(b"x" * 100))
    assert wires.traffic.unfinished.total == 300
    assert await wire.connection.recv() == b"x" * 100
    assert wires.traffic.unfinished.total == 200
    wire.hang_up()
    await asyncio.sleep(0.0)
    assert wires.traffic.unfinished.total == 0


async def test_who_sends_too_many_messages_is_read_slowly_and_none_is_lost() -> None:
    wires = Wires(messages_per_second=10, messages_at_once=6)  # the handshake is one, too
    wire = await wires.open()
    wire.feed(client_frame(b"x") * 15)
    assert len(wires.sessions[0].frames) == 15
    assert not wire.transport.reading
    wire.connection.pause_reading()
    wire.connection.resume_reading()
    assert not wire.transport.reading, "the session alone does not decide"
    await wires.clock.advance(0.9)
    assert not wire.transport.reading
    await wires.clock.advance(0.2)
    assert wire.transport.reading
    assert wires.counters.limits["messages_per_second"] == 1


async def test_a_session_that_is_full_is_not_read_when_the_pace_allows_it() -> None:
    wires = Wires(bytes_per_second=10, bytes_at_once=500)
    wire = await wires.open()
    wire.feed(client_frame(b"x" * 800))
    wire.connection.pause_reading()
    await wires.clock.advance(100)
    assert not wire.transport.reading
    wire.connection.resume_reading()
    assert wire.transport.reading


async def test_who_floods_the_live_door_is_not_read_because_its_messages_were_taken() -> None:
    wires = Wires(messages_per_second=1, messages_at_once=2)
    wire = await wires.open("/live")
    wire.connection.recv_messages.high, wire.connection.recv_messages.low = 4, 1
    wire.feed(client_frame(b"x") * 10)
    for _ in range(10):
        await wire.connection.recv()
    assert not wire.transport.reading
    await wires.clock.advance(20)
    assert wire.transport.reading
    wire.feed(client_frame(b"x") * 10)
    await wires.clock.advance(20)
    assert not wire.transport.reading, "they wait to be taken"
    for _ in range(10):
        await wire.connection.recv()
    assert wire.transport.reading


async def test_who_is_read_slowly_is_not_taken_for_dead() -> None:
    wires = Wires(messages_per_second=1, messages_at_once=1)
    wire = await wires.open()
    wire.feed(client_frame(b"x") * 100)
    wire.connection.probe()
    wire.connection.probe()
    assert not wire.transport.is_closing()


async def test_unread_bytes_of_all_crowd_each_client_that_is_behind() -> None:
    wires = Wires(all_backlog_bytes=1_000)
    one, other, reader = [await wires.open() for _ in range(3)]
    reader.transport.reads = True
    one.connection.write(b"x" * 600)
    other.connection.write(b"x" * 300)
    assert not (one.connection.crowded)
    assert not (other.connection.crowded)
    other.connection.write(b"x" * 300)
    assert one.connection.crowded
    assert other.connection.crowded
    reader.connection.write(b"x" * 600)
    assert not reader.connection.crowded
    one.transport.drain()
    assert not other.connection.crowded
    assert wires.traffic.backlog.total == other.connection.backlog


async def test_who_leaves_answers_unread_gives_way() -> None:
    wires = Wires(all_answer_bytes=1_000)
    first, second, reader = [await wires.open("/live") for _ in range(3)]
    reader.transport.reads = True
    waiting = [asyncio.ensure_future(first.connection.send(b"x" * 600))]
    await asyncio.sleep(0)
    waiting += [asyncio.ensure_future(wire.connection.send(b"x" * 600)) for wire in (second, reader)]
    await asyncio.sleep(0)
    assert [wire.transport.is_closing() for wire in (first, second, reader)] == [True, False, False]
    assert wires.counters.limits["all_answer_bytes"] == 1
    second.transport.drain()
    assert wires.traffic.answers.total == 0
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_of_a_node_that_is_not_trusted_yet_little_of_a_long_message_is_read() -> None:
    wire = await Wires().open()
    wire.connection.allow(1_000_000)
    wire.connection.distrust(1_000)
    wire.feed(client_frame(b"x" * 900) + announced(100_000) + b"x" * 900)
    assert wire.transport.reading
    wire.feed(b"x" * 200)
    assert not wire.transport.reading
    wire.connection.resume_reading()  # as the library does when there is room for messages
    wire.connection.probe()
    assert not wire.transport.reading
    wire.connection.trust()
    assert wire.transport.reading
    wire.feed(b"x" * 90_000)
    assert wire.transport.reading
    assert wire.close_code() is None
