import asyncio
from contextlib import suppress
from datetime import datetime

import pytest
from websockets.exceptions import ConnectionClosed

from protobase_actors import ManualClock
from protobase_live.errors import Conflict, Unauthorized, Unavailable
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Hello,
    Join,
    Leave,
    Ping,
    QueryRequest,
    ReadRequest,
    SetPresence,
)
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    GOING_AWAY,
    INTERNAL_ERROR,
    LATE,
    MESSAGE_TOO_BIG,
    TOO_MANY,
    TRY_AGAIN,
    UNAUTHORIZED,
    LiveLimits,
)
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.server_messages import (
    Bye,
    Changes,
    Difference,
    Ended,
    Presence,
    Result,
    Welcome,
)
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch
from protobase_live.query.ast.expressions import F
from protobase_live.query.explanation import Explanation
from protobase_live.query.language.query import Query
from protobase_live.query.result.diff import RowChange
from protobase_live.server.authentication import Authentication
from protobase_live.server.live_door import LiveDoor
from tests.protobase_live.live_wire import FakeDatabase, pipe

QUERY = {"from": "tasks", "steps": [{"where": ["==", ["field", "done"], False]}]}


class Client:
    """The other end of a served connection."""

    def __init__(self, door, subprotocol="protobase-live.v1.msgpack", capacity=1000):
        self.end, served = pipe(subprotocol, capacity)
        self.codec = CODECS.get(subprotocol)
        self.serving = asyncio.ensure_future(door.serve(served))

    async def send(self, *messages):
        for message in messages:
            await self.end.send(encode(message, self.codec))

    async def recv(self):
        return decode_server(await self.end.recv(), self.codec)

    async def hello(self, **fields):
        await self.send(Hello(**fields))
        welcome = await self.recv()
        assert isinstance(welcome, Welcome)
        return welcome

    async def closed(self):
        with suppress(ConnectionClosed):
            while True:
                await self.end.recv()
        await asyncio.wait([self.serving])
        return self.end.closed.code


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def database(clock):
    return FakeDatabase(clock)


@pytest.fixture
def door(database, clock):
    return LiveDoor(database, clock=clock, session_id=lambda: "s1")


@pytest.fixture(params=list(CODECS))
async def client(request, door):
    client = Client(door, request.param)
    welcome = await client.hello()
    assert welcome.session == "s1"
    yield client
    await client.end.close()
    await client.serving
    assert door.connections == 0


def read(id, value=1):
    return ReadRequest(id, "tasks", Read(RECORDS, "echo", (value,)))


def commit(id, *keys, author=None):
    return CommitRequest(id, {"tasks": [Op(RECORDS, "delete", (key,)) for key in keys]}, (), author)


def keys(changes):
    return [change["key"] for change in changes.changes]


async def test_reads_are_answered_with_their_value(client):
    await client.send(read(1, {"a": [1, b"x"]}), Ping(2))
    assert await client.recv() == Result(1, {"a": [1, b"x"]})
    assert await client.recv() == Result(2, None)


async def test_errors_are_answered_by_name(client, database):
    database.failure = Conflict("changed")
    await client.send(commit(1, "a"))
    error = await client.recv()
    assert (error.id, error.failure.code, error.failure.retryable) == (1, "conflict", True)


async def test_a_slow_commit_holds_up_no_read_and_commits_keep_their_order(client, database, clock):
    database.commit_gate.clear()
    await client.send(commit(1, "a"), commit(2, "b"), read(3), commit(4, "c"))
    assert await client.recv() == Result(3, 1)
    database.commit_gate.set()
    assert [(await client.recv()).id for _ in range(3)] == [1, 2, 4]
    assert [change.key for change in database.log] == ["a", "b", "c"]


async def test_commits_carry_the_author_of_the_token(database, clock):
    door = LiveDoor(database, clock=clock, authentication=Authentication(lambda token: token, clock))
    for token, expected in (("ann", "ann"), (None, "whoever")):
        client = Client(door)
        await client.hello(token=token)
        await client.send(commit(1, "a", author="whoever"))
        await client.recv()
        assert database.authors[-1] == expected
        await client.end.close()


async def test_only_who_was_welcomed_may_send_long_messages(door):
    client = Client(door)
    assert client.end.peer.allowed is None
    await client.hello()
    assert client.end.peer.allowed == LiveLimits().message_bytes
    await client.end.close()


async def test_a_token_may_be_refused(database, clock):
    def refuse(token):
        raise Unauthorized("expired")

    client = Client(LiveDoor(database, clock=clock, authentication=Authentication(refuse, clock)))
    await client.send(Hello())
    assert (await client.recv()).failure.code == "unauthorized"
    assert await client.closed() == UNAUTHORIZED


async def test_a_stream_gives_what_comes_after_its_cursor(client, database):
    await client.send(commit(1, "a", "b"), Subscribe(2, "tasks", "1", 10))
    answers = [await client.recv() for _ in range(3)]
    assert Result(2, {"cursor": "1"}) in answers
    assert keys(answers[-1]) == ["b"]
    await client.send(commit(3, "c"))
    assert {type(await client.recv()), type(await client.recv())} == {Result, Changes}


async def test_a_stream_stops_at_its_credit(client, database, clock):
    await client.send(Subscribe(1, "tasks", None, 2))
    await client.recv()
    await client.send(commit(2, *"abcde"))
    messages = [await client.recv(), await client.recv()]
    (changes,) = (message for message in messages if isinstance(message, Changes))
    assert keys(changes) == ["a", "b"]
    await clock.settle()
    assert database.pulled == 2
    await client.send(More(1, 2))
    assert keys(await client.recv()) == ["c", "d"]
    await client.send(More(1, 2))
    assert keys(await client.recv()) == ["e"]


async def test_a_client_that_does_not_read_is_not_pulled_for(door, database, clock):
    slow, fast = Client(door, capacity=0), Client(door)
    await slow.hello()
    await fast.hello()
    await slow.send(Subscribe(1, "tasks", None, 1000))
    await fast.send(Subscribe(1, "tasks", None, 1000))
    await slow.recv()
    await fast.recv()
    for number in range(10):
        await fast.send(commit(2, str(number)))
        await clock.settle()
    assert len(database.log) == 10
    assert sum([len(slow.end.inbox)]) == 1
    assert database.pulled == 11
    for client in (slow, fast):
        await client.end.close()


async def test_unsubscribing_ends_the_stream(client, database, clock):
    await client.send(Subscribe(1, "tasks", None, 10), Unsubscribe(2, 1), commit(3, "a"), Unsubscribe(4, 9))
    answers = {}
    for _ in range(4):
        answer = await client.recv()
        answers[answer.id] = answer
    assert answers.keys() == {1, 2, 3, 4}
    assert database.streams == 0
    await client.send(Subscribe(1, "tasks", None, 10))
    assert await client.recv() == Result(1, {"cursor": "1"})


async def test_streams_that_cannot_begin_are_refused(client):
    await client.send(Subscribe(1, "tasks", "no cursor", 10))
    assert (await client.recv()).failure.code == "validation_error"
    await client.send(Subscribe(1, "closed", None, 10))
    assert (await client.recv()).failure.code == "closed"


async def test_streams_that_fail_say_so_and_may_be_resumed(client, database):
    await client.send(Subscribe(1, "tasks", None, 10))
    await client.recv()
    database.failure = Unavailable("reloaded")
    database.news.set()
    ended = await client.recv()
    assert (type(ended), ended.subscription, ended.failure.retryable) == (Ended, 1, True)
    database.failure = None
    await client.send(Subscribe(1, "tasks", "0", 10))
    assert await client.recv() == Result(1, {"cursor": "0"})


async def test_queries_are_answered_with_their_rows(client, database):
    database.views.add({"_key": "t1", "tags": {"a"}}, {"_key": "t2"})
    await client.send(QueryRequest(1, QUERY))
    assert await client.recv() == Result(1, [{"_key": "t1", "tags": {"a"}}, {"_key": "t2"}])
    assert database.views.queries == [Query("tasks").where(F.done == False)]  # noqa: E712
    await client.send(QueryRequest(2, QUERY, explain=True))
    assert await client.recv() == Result(2, Explanation("scan", "tasks", 2).form())


async def test_malformed_queries_are_answered_and_close_nothing(client):
    for id, form in enumerate([None, 7, [], {}, {"from": "tasks", "steps": [{"dance": 1}]}]):
        await client.send(QueryRequest(2 * id, form), Watch(2 * id + 1, form, None))
        assert {(await client.recv()).failure.code for _ in range(2)} == {"validation_error"}
    await client.send(Ping(99))
    assert await client.recv() == Result(99)


async def test_a_view_gives_its_rows_and_then_what_happens_to_them(client, database):
    row = {"_key": "t1", "at": datetime(2026, 1, 2)}
    database.views.add(row)
    await client.send(Watch(1, QUERY, None))
    assert await client.recv() == Result(1)
    assert await client.recv() == Difference(1, "1", True, False, [["insert", 0, row]])
    delete, move = RowChange("delete", 0, row), RowChange("move", 1, row, 0)
    database.views.script = (delete, move, RowChange("update", 1, row))
    database.views.add(row)
    changes = [["delete", 0], ["move", 0, 1, row], ["update", 1, row], ["insert", 1, row]]
    assert await client.recv() == Difference(1, "2", False, False, changes)


async def test_a_view_resumes_at_its_cursor(client, database):
    database.views.add({"n": 1}, {"n": 2})
    await client.send(Watch(1, QUERY, "1"), Watch(2, QUERY, "2"), Watch(3, QUERY, "forgotten"))
    answers = [await client.recv() for _ in range(6)]
    assert Difference(1, "2", False, False, [["insert", 1, {"n": 2}]]) in answers
    assert Difference(2, "2", False, False, []) in answers
    everything = [["insert", 0, {"n": 1}], ["insert", 1, {"n": 2}]]
    assert Difference(3, "2", True, False, everything) in answers
    await client.send(Watch(4, QUERY, "nonsense"))
    assert (await client.recv()).failure.code == "validation_error"


async def test_what_happens_while_a_client_does_not_read_is_one_difference(door, database, clock):
    slow = Client(door, capacity=0)
    await slow.hello()
    await slow.send(Watch(1, QUERY, None))
    assert await slow.recv() == Result(1)
    await clock.settle()
    for number in range(20):
        database.views.add({"n": number})
        await clock.settle()
    assert database.views.pulls == 1
    assert (await slow.recv()).cursor == "0"
    everything = [["insert", number, {"n": number}] for number in range(20)]
    assert await slow.recv() == Difference(1, "20", False, False, everything)
    await slow.end.close()


async def test_a_large_difference_comes_in_parts(client, database):
    database.views.add(*({"n": number} for number in range(1000)))
    await client.send(Watch(1, QUERY, None))
    assert await client.recv() == Result(1)
    parts = [await client.recv() for _ in range(4)]
    assert [part.more for part in parts] == [True, True, True, False]
    rows = [change[2]["n"] for part in parts for change in part.changes]
    assert rows == list(range(1000))


async def test_a_row_too_large_for_a_message_ends_the_view(database, clock):
    client = Client(LiveDoor(database, clock=clock, limits=LiveLimits(answer_bytes=100)))
    await client.hello()
    await client.send(Watch(1, QUERY, None))
    assert [type(await client.recv()) for _ in range(2)] == [Result, Difference]
    database.views.add({"text": "x" * 200})
    ended = await client.recv()
    assert (type(ended), ended.failure.code) == (Ended, "limit_exceeded")
    assert database.views.watchers == 0
    await client.end.close()


async def test_unsubscribing_ends_a_view(client, database):
    await client.send(Watch(1, QUERY, None))
    assert [type(await client.recv()) for _ in range(2)] == [Result, Difference]
    await client.send(Unsubscribe(2, 1))
    assert await client.recv() == Result(2)
    assert database.views.watchers == 0
    database.views.add({"n": 1})
    await client.send(QueryRequest(1, QUERY))
    assert await client.recv() == Result(1, [{"n": 1}])


async def test_a_view_that_fails_says_so_and_may_be_resumed(client, database):
    await client.send(Watch(1, QUERY, None))
    assert [type(await client.recv()) for _ in range(2)] == [Result, Difference]
    database.views.fail(Unavailable("loaded again"))
    ended = await client.recv()
    assert (type(ended), ended.subscription, ended.failure.retryable) == (Ended, 1, True)
    await client.send(Watch(1, QUERY, "0"))
    assert (await client.recv()).failure.code == "unavailable"
    database.views.failure = None
    await client.send(Watch(1, QUERY, "0"))
    assert await client.recv() == Result(1)


async def test_the_end_of_a_connection_ends_its_views(door, database):
    client = Client(door)
    await client.hello()
    await client.send(Watch(1, QUERY, None), Watch(2, QUERY, None))
    received = [type(await client.recv()) for _ in range(4)]
    assert [received.count(kind) for kind in (Result, Difference)] == [2, 2]
    assert database.views.watchers == 2
    await client.end.close()
    await client.serving
    assert database.views.watchers == 0


async def test_presence_is_told_in_states(client, door, clock):
    other = Client(door)
    await other.hello()
    await client.send(Join(1, "tasks"), SetPresence(2, "tasks", 7, {"name": "ann"}))
    for _ in range(3):
        await client.recv()
    await clock.advance(1)
    assert await client.recv() == Presence("tasks", {7: {"name": "ann"}}, False)
    await other.send(Join(1, "tasks"))
    messages = [await other.recv(), await other.recv()]
    assert Presence("tasks", {7: {"name": "ann"}}, True) in messages
    await client.send(Leave(3, "tasks"))
    assert await client.recv() == Result(3)
    await clock.advance(1)
    assert await other.recv() == Presence("tasks", {7: None}, False)
    await other.end.close()
    await other.serving


async def test_a_lost_connection_takes_its_clients_out(door, clock):
    ann, bob = Client(door), Client(door)
    for client in (ann, bob):
        await client.hello()
        await client.send(Join(1, "tasks"))
        await client.recv()
        await client.recv()
    await ann.send(SetPresence(2, "tasks", 7, {}))
    await clock.advance(1)
    assert await bob.recv() == Presence("tasks", {7: {}}, False)
    await ann.end.close()
    await clock.advance(1)
    assert await bob.recv() == Presence("tasks", {7: None}, False)
    await bob.end.close()


async def test_presence_that_cannot_be_sent_is_merged(door, clock):
    slow, other = Client(door, capacity=0), Client(door)
    for client in (slow, other):
        await client.hello()
        await client.send(Join(1, "tasks"))
        await client.recv()
        await client.recv()
    for number in range(20):
        await other.send(SetPresence(2, "tasks", number % 3, number))
        await clock.advance(1)
    assert await slow.recv() == Presence("tasks", {0: 0}, False)
    assert await slow.recv() == Presence("tasks", {0: 18, 1: 19, 2: 17}, False)
    for client in (slow, other):
        await client.end.close()


async def test_hello_has_to_come_in_time(door, clock):
    client = Client(door)
    await clock.advance(LiveLimits().hello_seconds)
    assert await client.closed() == LATE


async def test_other_first_messages_are_refused(door):
    client = Client(door)
    await client.send(Ping(1))
    assert await client.closed() == BAD_MESSAGE


async def test_a_subprotocol_has_to_be_asked_for(door):
    assert await Client(door, None).closed() == BAD_MESSAGE


async def test_malformed_messages_close_and_unknown_ones_are_answered(client):
    await client.end.send(client.codec.encode({"type": "dance", "id": 5}))
    assert (await client.recv()).id == 5
    await client.end.send(client.codec.encode({"type": "read", "id": 6}))
    assert await client.closed() == BAD_MESSAGE


async def test_messages_that_are_too_big_close(database, clock):
    client = Client(LiveDoor(database, clock=clock, limits=LiveLimits(message_bytes=100)))
    await client.hello()
    await client.send(read(1, "x" * 200))
    assert await client.closed() == MESSAGE_TOO_BIG


async def test_connections_are_limited(database, clock):
    door = LiveDoor(database, clock=clock, limits=LiveLimits(connections=1))
    first, second = Client(door), Client(door)
    assert await second.closed() == TOO_MANY
    await first.hello()
    await first.end.close()


async def test_a_client_that_does_not_read_its_answers_is_not_read(database, clock):
    limits = LiveLimits(requests=2, subscriptions=1)
    door = LiveDoor(database, clock=clock, limits=limits)
    client = Client(door, capacity=0)
    await client.hello()
    for id in range(100):
        client.end.peer.inbox.append(encode(read(id), client.codec))
    client.end.peer.changed.set()
    await clock.settle()
    assert len(client.end.peer.inbox) > 90
    assert len(client.end.inbox) <= limits.requests + limits.subscriptions + 1
    await client.end.close()
    await client.serving


async def test_too_many_requests_are_refused(database, clock):
    client = Client(LiveDoor(database, clock=clock, limits=LiveLimits(requests=2)))
    await client.hello()
    database.read_gate.clear()
    await client.send(read(1), read(2), read(3))
    refused = await client.recv()
    assert (refused.id, refused.failure.code) == (3, "overloaded")
    await client.end.close()
    await client.serving
    assert database.reading == 0


async def test_answers_that_are_too_big_are_errors(database, clock):
    client = Client(LiveDoor(database, clock=clock, limits=LiveLimits(answer_bytes=100)))
    await client.hello()
    await client.send(read(1, "x" * 200))
    assert (await client.recv()).failure.code == "limit_exceeded"
    await client.send(Subscribe(2, "tasks", None, 10))
    await client.recv()
    await client.send(commit(3, "x" * 200))
    ended = [await client.recv(), await client.recv()]
    assert any(isinstance(message, Ended) for message in ended)
    await client.end.close()


async def test_closing_says_bye_answers_and_refuses(client, door, database, clock):
    database.commit_gate.clear()
    await client.send(commit(1, "a"))
    await clock.settle()
    closing = asyncio.ensure_future(door.close())
    assert isinstance(await client.recv(), Bye)
    await client.send(read(2))
    refused = await client.recv()
    assert (refused.id, refused.failure.code) == (2, "unavailable")
    assert not closing.done()
    database.commit_gate.set()
    assert (await client.recv()).id == 1
    assert await client.closed() == GOING_AWAY
    await closing
    late = Client(door, client.end.subprotocol)
    assert await late.closed() == TRY_AGAIN


async def test_closing_does_not_wait_for_ever(client, door, database, clock):
    database.commit_gate.clear()
    await client.send(commit(1, "a"))
    await clock.settle()
    closing = asyncio.ensure_future(door.close())
    await clock.advance(LiveLimits().bye_seconds)
    await closing
    assert await client.closed() == GOING_AWAY


async def test_a_mistake_of_the_server_is_raised_and_told(door, database):
    client = Client(door)
    await client.hello()
    database.failure = RuntimeError("mistake")
    await client.send(commit(1, "a"))
    assert await client.closed() == INTERNAL_ERROR
    with pytest.raises(RuntimeError, match="mistake"):
        client.serving.result()
