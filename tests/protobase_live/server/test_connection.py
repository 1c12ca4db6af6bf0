"""What a connection hands to its session, however the bytes come in."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Opcode

from protobase_actors import ManualClock
from protobase_live.server.connection import Connection
from tests.support.wire import Wire, announced, client_frame, close_frame

LONG = b"x" * 200


class Recorder:
    """A session that writes down what it is given."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.at_end: list[int] = []
        self.probes = self.writable = 0
        self.end: list[bytes] | None = None

    async def serve(self, connection: Connection) -> None:
        await connection.attend(self, 1000)
        self.end = list(self.frames)

    def take_frame(self, frame: bytes) -> None:
        self.frames.append(frame)

    def take_end(self) -> None:
        self.at_end.append(len(self.frames))

    def can_write(self) -> None:
        self.writable += 1

    def take_probe(self) -> None:
        self.probes += 1


async def settle() -> None:
    await ManualClock().settle()


@pytest.fixture
def session() -> Recorder:
    return Recorder()


@pytest.fixture
async def wire(session: Recorder) -> Wire:
    wire = Wire(session.serve, max_size=1000)
    await settle()
    return wire


STREAM = b"".join(
    [
        client_frame(b"one"),
        client_frame(b"never", Opcode.TEXT),
        client_frame(LONG),
        client_frame(b"ping", Opcode.PING),
        client_frame(b"tw", fin=False),
        client_frame(b"", Opcode.CONT, fin=False),
        client_frame(b"o", Opcode.CONT),
        client_frame(b"text in", Opcode.TEXT, fin=False),
        client_frame(b"parts", Opcode.CONT),
        client_frame(b"last words"),
        close_frame(),
    ]
)
SAID = [b"one", LONG, b"two", b"last words"]


async def play(pieces: list[bytes], waits: bool = False) -> Recorder:
    """Feed the pieces one after the other; ``waits``: the session is there after the first."""
    session, there = Recorder(), asyncio.Event()

    async def serve(connection: Connection) -> None:
        await there.wait()
        await session.serve(connection)

    wire = Wire(serve)
    if not waits:
        there.set()
    await settle()
    for piece in pieces:
        wire.feed(piece)
        there.set()
        await settle()
    assert wire.close_code() == 1000
    wire.hang_up()
    await wire.served
    return session


@pytest.mark.parametrize("waits", [True, False])
async def test_every_message_before_a_close_is_handed_over_wherever_the_bytes_are_split(waits: bool):
    for at in range(len(STREAM) + 1):
        session = await play([STREAM[:at], STREAM[at:]], waits)
        assert session.end == SAID, f"split at byte {at}"
        assert session.at_end[-1] == len(SAID), "and its end is told"


async def test_every_message_is_handed_over_byte_by_byte():
    session = await play([STREAM[at : at + 1] for at in range(len(STREAM))])
    assert session.end == SAID


async def test_nothing_is_handed_over_after_a_fault(wire: Wire, session: Recorder):
    wire.connection.close_soon(4400, "what you sent is wrong " * 10)
    wire.feed(
        client_frame(b"too late") + client_frame(b"in", fin=False) + client_frame(b"parts", Opcode.CONT)
    )
    await settle()
    assert (session.frames, wire.close_code()) == ([], 4400)
    wire.connection.close_soon(4413, "only the first reason is told")
    wire.feed(close_frame(4400))
    wire.hang_up()
    await wire.served


async def test_what_comes_while_the_server_goes_away_is_handed_over(wire: Wire, session: Recorder):
    closing = asyncio.create_task(wire.connection.close(1001))
    await settle()
    wire.feed(client_frame(b"last words") + close_frame(1001))
    wire.hang_up()
    await closing
    await wire.served
    assert session.end == [b"last words"]


async def test_what_comes_before_the_session_waits_in_the_socket():
    session = Recorder()
    go = asyncio.Event()

    async def serve(connection: Connection) -> None:
        await go.wait()
        await session.serve(connection)

    wire = Wire(serve)
    await settle()
    wire.feed(client_frame(b"one") + client_frame(b"two"))
    assert not wire.transport.reading
    go.set()
    await settle()
    assert wire.transport.reading
    assert session.frames == [b"one", b"two"]
    wire.hang_up()
    await wire.served


@pytest.mark.parametrize(
    "start",
    [
        announced(1001),
        client_frame(b"x" * 600, fin=False) + announced(401, Opcode.CONT),
        client_frame(b"x" * 500, fin=False)
        + client_frame(b"x" * 500, Opcode.CONT, fin=False)
        + announced(1, Opcode.CONT),
        announced(1001, Opcode.TEXT),
    ],
)
async def test_a_message_that_is_too_big_is_noticed_before_it_is_there(
    wire: Wire, session: Recorder, start: bytes
):
    wire.feed(client_frame(b"before") + start)
    assert wire.close_code() == 4413
    assert wire.connection.faulty
    await settle()
    for _ in range(3):
        wire.feed(b"x" * 400)
        assert not wire.connection.protocol.reader.buffer, "the rest is not kept"
    assert session.frames == [b"before"]
    wire.hang_up()
    await wire.served


async def test_the_longest_message_there_may_be(wire: Wire, session: Recorder):
    wire.feed(client_frame(b"x" * 1000))
    wire.feed(client_frame(b"y" * 500, fin=False) + client_frame(b"y" * 500, Opcode.CONT))
    assert session.frames == [b"x" * 1000, b"y" * 1000]
    assert wire.close_code() is None
    wire.hang_up()
    await wire.served
    assert not wire.connection.faulty


async def test_a_client_that_reads_slowly_is_alive(wire: Wire, session: Recorder):
    wire.connection.write(b"x" * 100_000)
    wire.connection.probe()
    wire.transport.drain()
    wire.connection.probe()
    assert not wire.transport.is_closing()
    wire.connection.probe()
    assert wire.transport.is_closing(), "it neither read nor said anything"
    assert session.probes == 2
    await wire.served


async def test_it_is_crowded_until_the_client_reads(wire: Wire, session: Recorder):
    connection = wire.connection
    connection.write(b"x" * 2000)
    assert not connection.crowded, "there would be no end of it to tell of"
    connection.write(b"x" * 40_000)
    assert connection.crowded
    wire.transport.drain(41_000)
    assert not connection.crowded
    assert session.writable == 1
    wire.hang_up()
    await wire.served


async def test_pings_of_who_has_gone_are_not_answered(session: Recorder):
    """They were all in one read; asyncio logs each write to a socket that is closed."""
    wire = Wire(session.serve)
    await settle()
    write, tries = wire.transport.write, []

    def fail(data):
        tries.append(data)
        write(data)
        wire.transport.abort()  # as a write does that finds nobody there

    wire.transport.write = fail
    wire.feed(client_frame(b"x", Opcode.PING) * 100)
    await settle()
    assert len(tries) == 1


async def test_pings_of_who_does_not_read_end_the_connection(session: Recorder):
    wire = Wire(session.serve, unread_pongs=10)
    await settle()
    ping = client_frame(b"x", Opcode.PING)
    for _ in range(100):
        wire.feed(ping)
        wire.transport.drain()
    wire.connection.write(b"x" * 100_000)
    for _ in range(10):
        wire.feed(ping)
    assert not wire.transport.is_closing()
    wire.feed(ping)
    assert wire.transport.is_closing()
    await wire.served
