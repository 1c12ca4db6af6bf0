"""The change streams and views of one connection are pulled as far as their client reads."""

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import LimitExceeded, Unavailable
from protobase_live.model.operations import RECORDS, Op
from protobase_live.protocol.live.codec import CODECS, MsgpackCodec
from protobase_live.protocol.live.encodings import Encodings
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.server_messages import Changes, Difference, Ended, Error, Result
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import More, Subscribe, Watch
from protobase_live.query.language.form import to_form
from protobase_live.server.accounts import Accounts
from protobase_live.server.authentication import Identity
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.live_database import have_queries
from protobase_live.server.live_streams import LiveStreams
from protobase_live.server.permissions import Permissions
from protobase_live.server.seen import Seen
from tests.protobase_live.collection.test_replica import QUERY as QUERY_OF_NODES
from tests.protobase_live.collection.test_replica import Node
from tests.protobase_live.live_wire import FakeDatabase

CODEC = CODECS[MsgpackCodec.subprotocol]
HELLO = {"type": "hello", "version": 1, "token": None, "client": ""}
QUERY = {"from": "tasks", "steps": []}


class Streams:
    """Streams whose frames are kept; `gate` holds them up while it is clear."""

    def __init__(self, database=None, clock=None, encodings=None):
        self.clock = clock or ManualClock()
        self.database = database or FakeDatabase(self.clock)
        self.session = ServerSession(CODEC, LiveLimits(), "s1", encodings)
        self.session.receive(CODEC.encode(HELLO))
        self.counters = Counters()
        self.sent = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.tasks = []
        self.streams = LiveStreams(
            self.session,
            self.database,
            self.send,
            self.send,
            LiveLimits(),
            self.counters,
            Seen(self.database),
            Permissions(ManualClock()).session(Identity()),
        )
        accounts = Accounts(ManualClock(), ServerLimits(), self.counters)
        self.streams.account = accounts.alone()

    async def send(self, frame):
        self.sent.append(decode_server(frame, CODEC))
        await self.gate.wait()

    def start(self, work):
        task = asyncio.ensure_future(work())
        self.tasks.append(task)
        return task

    async def open(self, request):
        self.streams.open(self.session.receive(encode(request, CODEC)), self.start)
        await self.clock.settle()

    async def more(self, id, credit):
        self.streams.more(self.session.receive(encode(More(id, credit), CODEC)))
        await self.clock.settle()

    async def commit(self, *keys):
        await self.database.commit({"tasks": [Op(RECORDS, "delete", (key,)) for key in keys]})
        await self.clock.settle()

    async def end(self):
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)


@pytest.fixture
async def streams():
    await have_queries()  # imported once a process, which would take its time in whatever test comes first
    streams = Streams()
    yield streams
    await streams.end()


async def test_what_two_connections_are_told_is_encoded_once(monkeypatch):
    encodings, made = Encodings(CODEC, 1_000_000), []
    encode_items = CODEC.encode_items
    monkeypatch.setattr(
        type(CODEC), "encode_items", lambda self, items: made.append(items) or encode_items(items)
    )
    first = Streams(encodings=encodings)
    second = Streams(first.database, encodings=encodings)
    for each in (first, second):
        await each.open(Subscribe(1, "tasks", None, 10))
    del made[:]
    await first.commit("a", "b")
    assert keys(first.sent) == keys(second.sent) == ["a", "b"]
    assert sorted(item["key"] for items in made for item in items if "key" in item) == ["a", "b"]
    for each in (first, second):
        await each.end()


def keys(sent):
    return [change["key"] for message in sent if isinstance(message, Changes) for change in message.changes]


async def test_a_stream_gives_what_it_has_credit_for(streams):
    await streams.open(Subscribe(1, "tasks", None, 2))
    assert streams.sent == [Result(1, {"cursor": "0"})]
    await streams.commit(*"abcd")
    assert keys(streams.sent) == ["a", "b"]
    await streams.more(1, 1)
    assert keys(streams.sent) == ["a", "b", "c"]


async def test_credit_for_a_stream_that_is_not_there_is_ignored(streams):
    streams.streams.more(More(7, 3))


async def test_a_view_is_pulled_when_its_last_frame_is_out(streams):
    streams.database.views.add({"_key": "a"})
    await streams.open(Watch(1, QUERY, None))
    assert [type(each) for each in streams.sent] == [Result, Difference]
    streams.gate.clear()
    streams.database.views.add({"_key": "b"})
    await streams.clock.settle()
    pulls = streams.database.views.pulls
    for number in range(5):
        streams.database.views.add({"_key": str(number)})
        await streams.clock.settle()
    assert streams.database.views.pulls == pulls
    streams.gate.set()
    await streams.clock.settle()
    assert len(streams.sent[-1].changes) == 5, "all that was missed, in one"


async def test_what_ends_a_stream_is_told_and_counted(streams):
    await streams.open(Subscribe(1, "tasks", None, 10))
    streams.database.failure = Unavailable("the collection is loaded again")
    streams.database.news.set()
    await streams.clock.settle()
    assert isinstance(streams.sent[-1], Ended)
    assert streams.sent[-1].failure.code == "unavailable"
    assert streams.counters.errors["unavailable"] == 1
    assert streams.database.streams == 0


async def test_what_keeps_a_stream_from_opening_is_its_answer(streams):
    streams.database.views.failure = LimitExceeded("too many rows (view_rows)")
    await streams.open(Watch(1, QUERY, None))
    (error,) = streams.sent
    assert isinstance(error, Error)
    assert (error.id, error.failure.code) == (1, "limit_exceeded")


async def test_nothing_comes_of_what_was_unsubscribed(streams):
    await streams.open(Subscribe(1, "tasks", None, 10))
    await streams.open(Watch(2, QUERY, None))
    for id in (1, 2, 3):
        await streams.streams.unsubscribe(id)
    sent = len(streams.sent)
    await streams.commit("a")
    streams.database.views.add({"_key": "b"})
    await streams.clock.settle()
    assert len(streams.sent) == sent
    assert (streams.database.streams, streams.database.views.watchers) == (0, 0)


async def test_one_that_is_unsubscribed_before_it_is_open_is_answered(streams, monkeypatch):
    async def never(query, since):
        await asyncio.Event().wait()

    monkeypatch.setattr(streams.database.views, "watch", never)
    await streams.open(Watch(1, QUERY, None))
    await streams.streams.unsubscribe(1)
    (error,) = streams.sent
    assert (error.id, error.failure.code) == (1, "closed")
    assert not streams.session.is_waiting(1)


async def test_who_comes_with_the_cursor_of_a_node_that_is_ahead_is_answered_and_waits():
    ahead, behind = Node(0), Node(1)
    for node in (ahead, behind):
        await node.start()
    await ahead.write("a", 3)
    await ahead.read()
    streams = Streams(behind.database, behind.clock)
    form = to_form(QUERY_OF_NODES)
    await streams.open(Subscribe(1, "tasks", ahead.cursor, 10))
    await streams.open(Subscribe(2, "tasks", ahead.cursor, 10))
    await streams.open(Watch(3, form, ahead.live.cursor))
    assert streams.sent == [
        Result(1, {"cursor": ahead.cursor}),
        Result(2, {"cursor": ahead.cursor}),
        Result(3, None),
    ]
    await streams.streams.unsubscribe(2)
    streams.sent.clear()
    await behind.replicate((await ahead.loaded()).commits)
    await behind.write("b", 4)
    await streams.clock.settle()
    told = [each for each in streams.sent if isinstance(each, Changes)]
    rows = [each for each in streams.sent if isinstance(each, Difference)]
    assert [(each.subscription, [change["key"] for change in each.changes]) for each in told] == [(1, ["b"])]
    assert [(each.reset, [change[0] for change in each.changes]) for each in rows] == [
        (False, []),
        (False, ["insert"]),
    ]
    for task in streams.tasks:
        task.cancel()
    for node in (ahead, behind):
        await node.database.close()
