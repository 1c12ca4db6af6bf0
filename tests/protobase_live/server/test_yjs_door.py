"""What a Yjs client and its collection say to each other through the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pycrdt import Doc, Map

from protobase_actors import ActorStopped, MailboxFull, ManualClock
from protobase_live.collection.messages import CatchUp, Greet, Leave, Settle, ShownUpdate, Sync, Updates
from protobase_live.document import Judge
from protobase_live.errors import LimitExceeded, MalformedUpdate, Overloaded
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.state_vector import (
    STEP_CLIENTS,
    decode_state_vector,
    encode_state_vector,
)
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from protobase_live.server.limits import ServerLimits
from protobase_live.server.restraint import Restraints
from protobase_live.server.yjs_door import YjsSession
from protobase_live.server.yjs_presence import LIFE_SIGN
from tests.support.wire import Wire, client_frame, close_frame
from tests.support.yjs_encoding import item, sent, values

LIMITS = ServerLimits(backlog_bytes=100_000, pending_bytes=1000, pending_chunks=4)
LARGE = b"x" * 60_000
NOTHING = b"\x00"


def an_update(key: str, size: int = 1) -> bytes:
    doc: Doc = Doc()
    doc.get("records", type=Map)[key] = Map({"v": "x" * size})
    return doc.get_update()


def update_frame(key: str, size: int = 1) -> bytes:
    return client_frame(yjs.encode_update(an_update(key, size)))


class FakeRef:
    """A collection's mailbox, with as much room as a test says."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.room = 1000
        self.line = 1000
        self.stopped = False
        self.turn = asyncio.Event()
        """Whether what is asked is answered."""
        self.turn.set()

    def try_tell(self, message: object) -> None:
        if self.stopped:
            raise ActorStopped("room", retryable=True)
        if self.room <= 0:
            raise MailboxFull("room", 0)
        self.room -= 1
        self.taken.append(message)

    async def tell(self, message: object) -> None:
        if self.line <= 0:
            raise MailboxFull("room", 0)
        while self.room <= 0 and not self.stopped:
            await ManualClock().settle()
        self.try_tell(message)

    async def ask(self, message: object) -> None:
        await self.tell(message)
        await self.turn.wait()

    def kinds(self) -> list[type]:
        return [type(message) for message in self.taken]


class Door:
    """A session over a wire, with a collection that the test plays."""

    def __init__(self, limits: ServerLimits = LIMITS, beside: Door | None = None) -> None:
        """``beside``: another client of the same collection."""
        self.clock = ManualClock() if beside is None else beside.clock
        self.restraints = Restraints(self.clock, limits) if beside is None else beside.restraints
        self.ref = FakeRef()
        self.hub = PresenceHub(self.clock)
        self.limits = limits
        self.wire = Wire(self._serve)

    async def _serve(self, connection) -> None:
        shared = self.clock, self.limits, None, None, None, self.restraints
        self.session = YjsSession(connection, self.ref, *shared)
        await self.session.run(connection, self.hub, "room")

    async def settle(self) -> None:
        await self.clock.settle()

    def say(self, *messages: bytes) -> None:
        """The client's messages come in, in one read."""
        self.wire.feed(b"".join(map(client_frame, messages)))

    def read_all(self) -> None:
        self.wire.transport.drain()

    async def end(self) -> None:
        self.wire.hang_up()
        await self.wire.served


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door()
    await door.settle()
    assert door.ref.kinds() == [Greet]
    door.ref.taken.clear()
    yield door
    if not door.wire.served.done():
        door.ref.room = door.ref.line = 1000
        await door.end()


# last words


async def test_data_and_close_in_one_read(door: Door):
    door.wire.feed(update_frame("a") + update_frame("b") + close_frame())
    door.wire.hang_up()
    await door.wire.served
    updates, leave = door.ref.taken
    assert isinstance(updates, Updates)
    assert len(updates.updates) == 2
    assert isinstance(leave, Leave)


@pytest.mark.parametrize("room", range(7))
async def test_what_waits_is_handed_over_before_the_leaving(door: Door, room: int):
    """The mailbox is full at any point of it."""
    door.ref.room = room
    for key in "abcd":
        door.wire.feed(update_frame(key))
    door.wire.feed(update_frame("e") + close_frame())
    door.wire.hang_up()
    await door.settle()
    assert door.wire.served.done() == (room > 5), "it waits"
    door.ref.room = 1000
    await door.wire.served
    assert door.ref.kinds() == [*[Updates] * 5, Leave]
    assert [len(message.updates) for message in door.ref.taken[:5]] == [1] * 5


async def test_a_leave_waits_for_a_place_in_the_line(door: Door):
    door.ref.room = door.ref.line = 0
    door.wire.feed(close_frame())
    door.wire.hang_up()
    await door.clock.advance(1)
    assert door.ref.taken == []
    door.ref.room = door.ref.line = 1
    await door.clock.advance(1)
    assert door.ref.kinds() == [Leave]
    await door.wire.served


async def test_a_collection_that_is_gone_needs_no_goodbye(door: Door):
    door.ref.stopped = True
    await door.end()
    assert door.ref.taken == []


async def test_a_collection_that_is_gone_ends_the_connection(door: Door):
    door.ref.stopped = True
    door.wire.feed(update_frame("a"))
    await door.settle()
    assert (door.wire.close_code(), door.session.refused) == (1013, False)


# what comes in is bounded


async def test_chunks_that_wait_are_counted(door: Door):
    door.ref.room = 0
    for key in "abc":
        door.wire.feed(update_frame(key))
    assert door.wire.transport.reading
    door.wire.feed(update_frame("d"))
    assert not door.wire.transport.reading
    door.ref.room = 1000
    await door.settle()
    assert door.wire.transport.reading
    assert door.ref.kinds() == [Updates] * 4


async def test_bytes_that_are_not_durable_are_counted(door: Door):
    door.wire.feed(update_frame("a", 900))
    assert door.wire.transport.reading
    door.wire.feed(update_frame("b", 900))
    assert not door.wire.transport.reading
    door.wire.feed(update_frame("c", 900))  # it was in the same read
    assert door.ref.kinds() == [Updates, Updates, Settle, Updates]
    door.session.settle(None)
    assert door.wire.transport.reading, "what came after the mark has room"
    door.wire.feed(update_frame("d", 900))
    assert not door.wire.transport.reading
    door.session.settle(None)
    assert door.wire.transport.reading


# what is large is read before its turn


def many_values(count: int, client: int = 7) -> bytes:
    """An update with so many structs, of some bytes each."""
    return sent(client, 0, *[item(values(None), parent="list")] * count)


MANY = 6 * STEP_STRUCTS
BULK = many_values(MANY)


def sent_updates(door: Door) -> list[Updates]:
    return [message for message in door.ref.taken if isinstance(message, Updates)]


async def test_a_large_update_is_read_before_it_is_in_the_mailbox(door: Door):
    door.ref.turn.clear()
    first, second = an_update("a"), an_update("b")
    door.say(*map(yjs.encode_update, (first, BULK, BULK, second)))
    assert [message.updates for message in sent_updates(door)] == [[first]], "it waits for nothing"
    await door.settle()
    assert [message.updates for message in sent_updates(door)] == [[first], [BULK]], "one at a time"
    large = sent_updates(door)[-1]
    assert large.read is not None
    assert len(large.read.clients[7]) == MANY
    door.ref.turn.set()
    await door.settle()
    assert [message.updates for message in sent_updates(door)] == [[first], [BULK], [BULK], [second]]


async def test_others_run_while_a_large_update_is_read(door: Door):
    door.say(yjs.encode_update(BULK))
    rounds = 0
    while not sent_updates(door):
        await asyncio.sleep(0)
        rounds += 1
    assert rounds >= MANY // STEP_STRUCTS


async def test_a_large_update_that_is_none_never_gets_to_the_collection(door: Door):
    door.say(yjs.encode_update(BULK + b"\x00"))
    await door.settle()
    assert (door.wire.close_code(), door.session.refused) == (4400, True)
    assert sent_updates(door) == []


async def test_what_is_beyond_the_limit_is_read_in_its_turn():
    door = Door(ServerLimits(read_ahead_bytes=len(BULK)))
    await door.settle()
    door.say(yjs.encode_update(many_values(MANY + 1)))
    await door.settle()
    (large,) = sent_updates(door)
    assert large.read is None
    await door.end()


LONG = encode_state_vector(dict.fromkeys(range(4 * STEP_CLIENTS), 1))


async def test_others_run_while_a_long_state_vector_is_read(door: Door):
    door.say(yjs.encode_step1(LONG))
    rounds = 0
    while not door.ref.taken:
        await asyncio.sleep(0)
        rounds += 1
    assert rounds >= 4
    (sync,) = door.ref.taken
    assert isinstance(sync, Sync)
    assert sync.state == decode_state_vector(LONG)


async def test_of_long_state_vectors_the_latest_is_read(door: Door):
    door.say(*[yjs.encode_step1(LONG)] * 9, yjs.encode_step1(NOTHING))
    await door.settle()
    assert door.ref.kinds() == [Sync]
    door.session.answer(b"\x00\x00", True)
    assert [len(message.state) for message in door.ref.taken] == [4 * STEP_CLIENTS, 0]


async def test_a_long_state_vector_that_is_none_never_gets_to_the_collection(door: Door):
    door.say(yjs.encode_step1(LONG + b"\x00"))
    await door.settle()
    assert (door.wire.close_code(), door.session.refused) == (4400, True)
    assert door.ref.taken == []


async def test_who_leaves_behind_a_long_state_vector_leaves_last(door: Door):
    door.say(yjs.encode_step1(LONG), yjs.encode_update(an_update("a")))
    await door.end()
    assert door.ref.kinds() == [Sync, Updates, Leave]


# what goes out is bounded


async def test_one_answer_at_a_time(door: Door):
    for _ in range(100):
        door.say(yjs.encode_step1(NOTHING))
    assert door.ref.kinds() == [Sync]
    door.say(yjs.encode_step1(b"\x01\x07\x05"))
    door.session.answer(b"\x00\x00", True)
    assert [message.state for message in door.ref.taken] == [{}, {7: 5}]
    door.session.answer(b"\x00\x00", True)
    assert door.wire.messages() == [yjs.encode_step2(b"\x00\x00")] * 2
    assert len(door.ref.taken) == 2


async def test_the_latest_request_is_answered_when_the_client_reads(door: Door):
    door.say(yjs.encode_step1(NOTHING))
    door.session.answer(LARGE * 2, True)
    for clock in range(1, 100):
        door.say(yjs.encode_step1(bytes([1, 7, clock])))
    assert door.ref.kinds() == [Sync]
    door.read_all()
    assert [message.state for message in door.ref.taken] == [{}, {7: 99}]


async def test_parts_are_asked_for_as_long_as_there_is_room(door: Door):
    door.say(yjs.encode_step1(NOTHING))
    door.session.answer(LARGE, False)
    assert door.ref.kinds() == [Sync, CatchUp]
    door.session.answer(LARGE, False)
    assert door.ref.kinds() == [Sync, CatchUp], "more than the backlog is unread"
    door.read_all()
    assert door.ref.kinds() == [Sync, CatchUp, CatchUp]
    door.session.answer(b"last", True)
    door.read_all()
    assert door.ref.kinds() == [Sync, CatchUp, CatchUp]
    assert door.wire.messages() == [
        yjs.encode_update(LARGE), yjs.encode_update(LARGE), yjs.encode_step2(b"last")
    ]  # fmt: skip


async def test_a_new_request_replaces_the_rest_of_an_answer(door: Door):
    door.say(yjs.encode_step1(NOTHING))
    door.session.answer(LARGE * 2, False)
    door.say(yjs.encode_step1(b"\x01\x07\x05"))
    door.read_all()
    assert door.ref.kinds() == [Sync, Sync]
    door.session.answer(b"last", True)
    assert door.ref.kinds() == [Sync, Sync]


async def test_who_does_not_read_is_shown_nothing_and_catches_up(door: Door):
    assert door.session.show(ShownUpdate(LARGE))
    assert door.session.show(ShownUpdate(LARGE))
    assert not door.session.show(ShownUpdate(b"missed"))
    assert door.ref.taken == []
    door.read_all()
    assert door.ref.kinds() == [CatchUp]
    door.session.answer(b"missed", True)
    assert door.session.show(ShownUpdate(b"as it happens"))


async def test_what_was_missed_survives_another_answer(door: Door):
    door.say(yjs.encode_step1(NOTHING))
    door.session.show(ShownUpdate(LARGE * 2))
    assert not door.session.show(ShownUpdate(b"missed"))
    door.session.answer(b"an answer", True)
    door.read_all()
    assert door.ref.kinds() == [Sync, CatchUp]


async def test_greetings_are_bounded(door: Door):
    door.session.show(ShownUpdate(LARGE * 2))
    for clock in range(100):
        door.session.greet(bytes([1, 7, clock]))
    door.read_all()
    assert door.wire.messages()[1:] == [yjs.encode_step1(bytes([1, 7, 99]))]


async def test_a_life_sign_comes_with_every_probe_that_has_room(door: Door):
    door.wire.connection.probe()
    assert door.wire.messages() == [LIFE_SIGN]
    door.session.show(ShownUpdate(LARGE * 2))
    door.wire.connection.probe()
    assert door.wire.messages()[2:] == []


# what ends a connection, and what does not


@pytest.mark.parametrize(
    ("error", "code", "refused"),
    [
        (MalformedUpdate("no update"), 4400, True),
        (LimitExceeded("document_bytes"), 4413, True),
        (Overloaded("not now"), 1013, False),
    ],
)
async def test_refusals_say_whether_to_come_back(door: Door, error, code: int, refused: bool):
    door.session.reject(error)
    await door.settle()
    assert (door.wire.close_code(), door.session.refused) == (code, refused)


async def test_what_came_before_a_fault_is_handed_over(door: Door):
    first = an_update("a")
    door.say(yjs.encode_update(first), b"\x00\x02\x05ab", yjs.encode_update(an_update("b")))
    await door.settle()
    assert door.wire.close_code() == 4400
    (updates,) = door.ref.taken
    assert updates.updates == [first]


ODD = {
    "presence that is cut off": b"\x01\x05{}",
    "presence that is nonsense": yjs.encode_awareness(b"\xff\xff"),
    "half an emoji": yjs.encode_awareness(b'\x01\x05\x01\x08"\\ud83d"'),
    "no JSON": yjs.encode_awareness(b"\x01\x05\x01\x02{x"),
    "a large state": yjs.encode_awareness(b"\x01\x05\x01\xa2\x9c\x01" + b'"' + b"x" * 20_000 + b'"'),
    "the last clock": yjs.encode_awareness(b"\x01\x05\xff\xff\xff\xff\xff\xff\xff\x0f\x02{}"),
    "query awareness with a payload": b"\x03\x01\x00",
    "an unknown message type": b"\x64whatever",
    "an unknown sync step": b"\x00\x09\x00",
    "an unknown verdict": b"\x02\x07\x00",
    "a mark that is cut off": b"\x66\x05a",
}


@pytest.mark.parametrize("what", ODD)
async def test_the_optional_never_ends_the_essential(door: Door, what: str):
    door.say(b"\x01\x01\x00", ODD[what], ODD[what])
    door.wire.feed(update_frame("a"))
    await door.settle()
    assert door.wire.close_code() is None
    assert door.ref.kinds() == [Updates]


# what is put back again and again

READER = Judge(read_only=True)


def put_back_too_often(door: Door) -> None:
    for number in range(9):
        door.wire.feed(update_frame(f"bad {number}"))
        door.session.put_back("no")
    assert door.ref.kinds() == [Updates] * 9
    door.ref.taken.clear()


async def test_what_is_put_back_too_often_in_a_row_waits_and_goes_as_one(door: Door):
    put_back_too_often(door)
    waiting = [an_update("a"), an_update("b")]
    for update in waiting:
        door.say(yjs.encode_update(update))
    await door.clock.advance(0.9)
    assert door.ref.taken == []
    await door.clock.advance(0.1)
    (updates,) = door.ref.taken
    assert updates.updates == waiting
    door.wire.feed(update_frame("c"))
    assert door.ref.kinds() == [Updates] * 2
    door.session.put_back("no")
    door.wire.feed(update_frame("d"))
    await door.clock.advance(1.9)
    assert door.ref.kinds() == [Updates] * 2, "twice as long"
    await door.clock.advance(0.1)
    assert door.ref.kinds() == [Updates] * 3


async def test_who_waits_hears_everything(door: Door):
    put_back_too_often(door)
    before = len(door.wire.messages())
    door.wire.feed(update_frame("a"))
    door.say(yjs.encode_step1(NOTHING))
    assert door.ref.kinds() == [Sync]
    door.session.answer(b"\x00\x00", True)
    assert door.session.show(ShownUpdate(an_update("b")))
    assert len(door.wire.messages()) == before + 2


async def test_a_mark_stays_behind_what_waits(door: Door):
    put_back_too_often(door)
    shown = len(door.wire.messages())
    door.wire.feed(update_frame("a") + client_frame(yjs.encode_sync_status(b"\x01")))
    assert door.ref.taken == []
    assert door.wire.messages()[shown:] == [LIFE_SIGN]  # a y-sweet client takes silence for the end
    await door.clock.advance(1)
    assert door.ref.kinds() == [Updates, Settle]


async def test_last_words_do_not_wait(door: Door):
    put_back_too_often(door)
    door.wire.feed(update_frame("a") + close_frame())
    door.wire.hang_up()
    await door.wire.served
    assert door.ref.kinds() == [Updates, Leave]


async def test_what_waits_is_bounded():
    door = Door(ServerLimits(put_back_bytes=1000))
    await door.settle()
    door.ref.taken.clear()
    put_back_too_often(door)
    door.wire.feed(update_frame("a", size=800))
    assert door.wire.transport.reading
    door.wire.feed(update_frame("b", size=100))
    assert not door.wire.transport.reading
    assert door.ref.taken == []
    await door.clock.advance(1)
    assert door.wire.transport.reading
    assert door.ref.kinds() == [Updates]
    await door.end()


async def test_who_may_write_something_else_now_waits_no_more(door: Door):
    put_back_too_often(door)
    door.wire.feed(update_frame("a"))
    door.session.permit(Judge(), present=True)
    assert door.ref.kinds() == [Updates]
    door.session.put_back("no")
    door.wire.feed(update_frame("b"))
    assert door.ref.kinds() == [Updates] * 2, "it is another row"


async def test_all_who_may_write_nothing_wait_together(door: Door):
    """Each of many viewers would do the same."""
    other, writer = Door(beside=door), Door(beside=door)
    await door.settle()
    for each in (other, writer):
        each.ref.taken.clear()
    for each in (door, other):
        each.session.permit(READER, present=True)
    put_back_too_often(door)
    for each in (other, writer):
        each.wire.feed(update_frame("a"))
    assert (other.ref.taken, writer.ref.kinds()) == ([], [Updates])
    await door.clock.advance(1)
    assert other.ref.kinds() == [Updates]
    for each in (other, writer):
        await each.end()


async def test_who_writes_nothing_does_not_wait_with_those_who_do(door: Door):
    other = Door(beside=door)
    await door.settle()
    other.ref.taken.clear()
    for each in (door, other):
        each.session.permit(READER, present=True)
    put_back_too_often(door)
    other.wire.feed(client_frame(yjs.encode_sync_status(b"\x01")))
    assert other.ref.kinds() == [Settle]
    await other.end()


# presence and sync status


async def test_presence_is_told_after_the_client_said_who_it_is(door: Door):
    other, _ = door.hub.join("room", lambda payload: None)
    other.set(9, {"name": "bob"})
    await door.clock.advance(0.5)
    assert door.wire.messages() == []
    door.say(yjs.encode_awareness(b"\x01\x05\x01\x02{}"))
    (message,) = map(yjs.decode, door.wire.messages())
    assert b'{"name":"bob"}' in message.payload


async def test_a_mark_comes_back_when_what_was_before_it_is_durable(door: Door):
    door.wire.feed(update_frame("a") + client_frame(yjs.encode_sync_status(b"\x01")))
    assert door.ref.kinds() == [Updates, Settle]
    for number in range(2, 50):
        door.say(yjs.encode_sync_status(bytes([number])))
    assert door.ref.kinds() == [Updates, Settle], "one at a time"
    assert door.wire.messages() == []
    door.session.settle(b"\x01")
    assert [message.mark for message in door.ref.taken[1:]] == [b"\x01", bytes([49])]
    door.session.settle(bytes([49]))
    assert door.wire.messages() == [yjs.encode_sync_status(b"\x01"), yjs.encode_sync_status(bytes([49]))]
