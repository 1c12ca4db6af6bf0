"""One connection of the live door: its beginning, and its end, whatever its client does."""

import asyncio

import pytest
from websockets.frames import Close

from protobase_actors import ManualClock
from protobase_live.errors import Behind, Conflict, Unauthorized, Unavailable
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.model.values.long_decoding import STEP_BYTES
from protobase_live.protocol.live.client_messages import (
    PARSE_SLICE,
    CommitRequest,
    Hello,
    Join,
    Leave,
    Ping,
    QueryRequest,
    ReadRequest,
    Renew,
    Seen,
    SetPresence,
)
from protobase_live.protocol.live.codec import CODECS, MsgpackCodec
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.limits import GOING_AWAY, LATE, TRY_AGAIN, UNAUTHORIZED, LiveLimits
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.server_messages import Bye, Expiring, Result, Welcome
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import Watch
from protobase_live.query.language.form import to_form
from protobase_live.query.language.query import Query
from protobase_live.server.accounts import Accounts
from protobase_live.server.authentication import Authentication, Identity, anonymous
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.live_connection import LiveConnection
from protobase_live.server.permissions import Permissions
from protobase_live.server.presence_news import PresenceNews
from tests.protobase_live.live_wire import FakeDatabase, pipe

CODEC = CODECS[MsgpackCodec.subprotocol]
LIMITS = LiveLimits()
PUT = Op(RECORDS, "put", ("k", {}))


class Served:
    """A connection that is served, and its client."""

    def __init__(self, capacity=1000, authenticate=anonymous, limits=LIMITS, token=None, authorize=None):
        self.clock = ManualClock()
        self.database = FakeDatabase(self.clock)
        self.counters = Counters()
        self.client, end = pipe(capacity=capacity)
        session = ServerSession(CODEC, limits, "s1")
        parts = self.database, self.clock, PresenceNews(), limits, self.counters
        self.permissions = Permissions(self.clock, authorize=authorize)
        self.connection = LiveConnection(
            *(end, session, *parts, Authentication(authenticate, self.clock)),
            Accounts(self.clock, ServerLimits(), self.counters),
            token,
            self.permissions,
        )
        self.task = asyncio.ensure_future(self.connection.run())

    async def send(self, *messages):
        for message in messages:
            await self.client.send(encode(message, CODEC))

    async def recv(self):
        return decode_server(await self.client.recv(), CODEC)

    async def greet(self):
        await self.send(Hello())
        assert isinstance(await self.recv(), Welcome)

    async def ended(self):
        await self.client.close()
        await self.task


def read(id, value=1):
    return ReadRequest(id, "tasks", Read(RECORDS, "echo", (value,)))


@pytest.fixture
async def served():
    served = Served()
    yield served
    await served.ended()


async def test_who_says_nothing_is_closed(served):
    await served.clock.settle()
    await served.clock.advance(LIMITS.hello_seconds)
    await served.task
    assert served.client.closed.code == LATE


async def test_who_goes_before_hello_is_not_closed_later():
    served, closes = Served(), []

    async def close(code=1000, reason=""):
        closes.append(code)

    served.client.peer.close = close
    await served.clock.settle()
    await served.ended()
    await served.clock.advance(LIMITS.hello_seconds)
    assert closes == []


class Tokens:
    """An `authenticate`: each token is a name and how many seconds it has left."""

    def __init__(self):
        self.clock = None
        self.down = False

    def __call__(self, token):
        if self.down:
            raise Unavailable("down")
        name, seconds = token.split()
        return Identity(name, expires=self.clock.time() + float(seconds))


@pytest.fixture
async def expiring():
    """Served with a token of 100 seconds."""
    tokens = Tokens()
    served = Served(authenticate=tokens)
    served.tokens, tokens.clock = tokens, served.clock
    await served.send(Hello("ann 100"))
    assert isinstance(await served.recv(), Welcome)
    yield served
    await served.ended()


async def test_the_end_of_a_token_is_told_of_and_ends_the_connection(expiring):
    await expiring.clock.advance(100 - LIMITS.expiry_warning_seconds)
    assert await expiring.recv() == Expiring(LIMITS.expiry_warning_seconds)
    await expiring.send(read(1))
    assert (await expiring.recv()).id == 1
    await expiring.clock.advance(LIMITS.expiry_warning_seconds)
    assert expiring.client.closed == Close(UNAUTHORIZED, "the token has expired")
    await expiring.task


async def test_a_fresh_token_is_presented_while_everything_goes_on(expiring):
    await expiring.send(Watch(1, to_form(Query("tasks")), None), Join(2, "tasks"))
    await expiring.clock.advance(80)
    seen = [await expiring.recv() for _ in range(5)]
    assert Expiring(30.0) in seen
    await expiring.send(Renew(3, "ann 100"))
    assert await expiring.recv() == Result(3, None)
    await expiring.clock.advance(60)
    expiring.database.views.rows.append({"_key": "t1"})
    expiring.database.views.news.set()
    assert (await expiring.recv()).subscription == 1
    await expiring.send(SetPresence(4, "tasks", 7, {"name": "ann"}))
    assert await expiring.recv() == Result(4, None)
    assert expiring.client.closed is None


@pytest.mark.parametrize(
    ("token", "code", "why"),
    [
        ("bob 1000", "unauthorized", "not of the author"),
        ("ann 0", "unauthorized", "has expired"),
        ("guess", "unauthorized", "could not be checked"),
        ("x" * 9000, "unauthorized", "token_chars"),
        (None, "unauthorized", "could not be checked"),
        ("down", "unavailable", "down"),
    ],
)
async def test_another_token_that_is_no_good_changes_nothing(expiring, token, code, why):
    expiring.tokens.down = token == "down"
    await expiring.send(Renew(1, token))
    refused = (await expiring.recv()).failure
    assert refused.code == code
    assert why in refused.message
    assert expiring.client.closed is None
    await expiring.clock.advance(100)
    assert expiring.client.closed.code == UNAUTHORIZED


async def test_what_a_token_allows_ends_with_that_token_while_others_come_at_once():
    """A client presents a token that says more, and ends soon, and behind it one that ends late."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def authorize(identity, action, collection):
        if identity.claims.get("is") == "long":
            asked.set()
            await answer.wait()
        return True

    def authenticate(token):
        kind, seconds = token.split()
        return Identity("ann", expires=served.clock.time() + float(seconds), claims={"is": kind})

    served = Served(authenticate=authenticate, authorize=authorize)
    await served.send(Hello("first 100"), Join(1, "tasks"))
    await served.clock.settle()
    await served.send(Renew(2, "long 1000"))
    await asked.wait()
    await served.send(Renew(3, "strong 10"))
    await served.clock.settle()
    answer.set()
    await served.clock.settle()
    await served.clock.advance(10)
    assert served.client.closed == Close(UNAUTHORIZED, "the token has expired")
    await served.task


async def test_who_is_known_by_an_application_renews_nothing():
    served = Served(token="ann")
    await served.greet()
    await served.send(Renew(1, "ann"))
    assert (await served.recv()).failure.code == "unauthorized"
    await served.ended()


async def test_what_comes_while_an_expired_connection_closes_is_not_taken(expiring, monkeypatch):
    """A client may take its time to answer a close."""
    closed = []

    async def slow(code=1000, reason=""):
        closed.append(code)

    monkeypatch.setattr(expiring.client.peer, "close", slow)
    await expiring.clock.advance(100)
    await expiring.recv()
    await expiring.send(CommitRequest(1, {"tasks": [PUT]}, [], None))
    await expiring.clock.settle()
    assert expiring.database.log == []
    assert set(closed) == {UNAUTHORIZED}
    await expiring.task


async def test_who_goes_while_it_is_asked_about_is_forgotten():
    asked = asyncio.Event()

    async def never(token):
        asked.set()
        await asyncio.Event().wait()

    served = Served(authenticate=never)
    await served.send(Hello())
    await asked.wait()
    served.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await served.task


async def test_leaving_waits_for_what_is_under_way(served):
    await served.greet()
    served.database.read_gate.clear()
    await served.send(read(1))
    await served.clock.settle()
    leaving = asyncio.ensure_future(served.connection.leave())
    assert isinstance(await served.recv(), Bye)
    assert not leaving.done()
    served.database.read_gate.set()
    assert (await served.recv()).id == 1
    await leaving
    await served.task
    assert served.client.closed.code == GOING_AWAY


async def test_leaving_waits_no_longer_than_it_may(served):
    await served.greet()
    served.database.read_gate.clear()
    await served.send(read(1))
    await served.clock.settle()
    leaving = asyncio.ensure_future(served.connection.leave())
    await served.clock.advance(LIMITS.bye_seconds)
    await leaving


async def test_leaving_waits_no_longer_for_who_does_not_read():
    served = Served(capacity=0)
    await served.greet()
    await served.send(*(read(number) for number in range(1, 9)))
    await served.clock.settle()
    leaving = asyncio.ensure_future(served.connection.leave())
    await served.clock.advance(LIMITS.bye_seconds)
    await leaving
    await served.task
    assert served.client.closed.code == GOING_AWAY


async def test_what_comes_while_it_leaves_is_refused(served):
    await served.greet()
    served.database.read_gate.clear()
    await served.send(read(1))
    await served.clock.settle()
    leaving = asyncio.ensure_future(served.connection.leave())
    assert isinstance(await served.recv(), Bye)
    await served.send(Ping(2))
    assert (await served.recv()).failure.code == "unavailable"
    served.database.read_gate.set()
    await leaving


@pytest.mark.parametrize(("names", "begun"), [("aab", ["a", "a"]), ("aba", ["a"])])
async def test_a_commit_waits_for_those_before_it_to_other_collections(served, monkeypatch, names, begun):
    """Those to one collection do not: its mailbox keeps them in order."""
    await served.greet()
    carried_out, commit = [], served.database.commit

    async def noted(writes, checks, author, durability, permits):
        carried_out.extend(writes)
        return await commit(writes, checks, author, durability, permits)

    monkeypatch.setattr(served.database, "commit", noted)
    served.database.commit_gate.clear()
    await served.send(*(CommitRequest(id, {name: [PUT]}, [], None) for id, name in enumerate(names, 1)))
    await served.clock.settle()
    assert carried_out == begun
    served.database.commit_gate.set()
    await served.clock.settle()
    assert carried_out == list(names)


async def test_what_waits_for_something_seen_elsewhere_keeps_its_place(served):
    """A commit behind one that waits does not overtake it, whether or not its own collection is here."""
    await served.greet()
    served.database.arrive_gate.clear()
    await served.send(Seen(1, {"a": [Cursor({"other/t": 1}).encode()]}, []))
    assert await served.recv() == Result(1, None)
    puts = {id: Op(RECORDS, "put", (str(id), {})) for id in (2, 3, 4)}
    await served.send(*(CommitRequest(id, {name: [puts[id]]}) for id, name in zip(puts, "aab", strict=True)))
    await served.send(ReadRequest(5, "b", Read(RECORDS, "echo", ("free",))))
    await served.send(ReadRequest(6, "a", Read(RECORDS, "echo", ("waits",))))
    await served.send(QueryRequest(7, to_form(Query("a").union(Query("b")))))
    assert await served.recv() == Result(5, "free")
    await served.clock.settle()
    assert not served.database.log
    assert not served.database.views.queries
    served.database.arrive_gate.set()
    assert {(await served.recv()).id for _ in range(5)} == {2, 3, 4, 6, 7}
    assert [change.key for change in served.database.log] == ["2", "3", "4"]


async def test_a_node_that_is_behind_says_so(served):
    await served.greet()
    await served.send(Seen(1, {"tasks": [Cursor({"other/t": 1}).encode()]}, []))
    assert await served.recv() == Result(1, None)
    served.database.failure = Behind("commit 1 of node other")
    await served.send(read(2), CommitRequest(3, {"tasks": [PUT]}))
    for _ in range(2):
        assert (await served.recv()).failure == Failure("behind", "commit 1 of node other", True)
    served.database.failure = None
    await served.send(read(4))
    assert await served.recv() == Result(4, 1)


async def test_who_does_not_read_has_no_more_answers_made():
    """An answer is one of so many until it is on its way."""
    served, read_keys = Served(capacity=0), []

    async def noted(collection, read, permit):
        read_keys.append(read.args[0])
        return read.args[0]

    served.database.read = noted
    await served.greet()
    for number in range(1, 2 * LIMITS.requests):
        served.client.peer.inbox.append(encode(read(number, number), CODEC))
        served.client.peer.changed.set()
        await served.clock.settle()
    assert len(read_keys) == LIMITS.requests
    await served.ended()


async def test_of_what_is_cancelled_before_it_begins_nothing_was_made(served):
    """A coroutine that nobody awaits is told by Python, a page for each."""
    made = []

    async def work():
        made.append("begun")

    def make():
        made.append("made")
        return work()

    served.connection._start(make).cancel()
    await served.clock.settle()
    assert made == []


async def test_who_is_refused_is_closed_and_not_heard():
    def refuse(token):
        raise Unauthorized("expired")

    served = Served(authenticate=refuse)
    await served.send(Hello(), Ping(1))
    await served.clock.settle()
    assert served.client.closed is not None
    assert (await served.recv()).failure.code == "unauthorized"
    assert served.client.closed.code == UNAUTHORIZED
    await served.task
    assert served.counters.requests["ping"] == 0


async def test_who_cannot_be_asked_about_now_is_to_come_back():
    def is_down(token):
        raise Unavailable("the directory is down")

    served = Served(authenticate=is_down)
    await served.send(Hello())
    await served.task
    assert served.client.closed is not None
    assert (served.client.closed.code, served.client.closed.reason) == (TRY_AGAIN, "the directory is down")


async def test_who_goes_is_taken_out_of_presence(served):
    await served.greet()
    await served.send(Join(1, "tasks"), SetPresence(2, "tasks", 7, {}))
    await served.clock.advance(1)
    heard = []
    membership, _ = served.database.presence_hub.join("tasks", heard.append)
    await served.ended()
    await served.clock.advance(1)
    assert len(heard) == 1
    membership.leave()


async def answers(served, *requests) -> list[str]:
    """What each is answered: its error's code, or ``ok``."""
    found = []
    for request in requests:
        await served.send(request)
        while getattr(message := await served.recv(), "id", None) != request.id:
            pass
        found.append("ok" if isinstance(message, Result) else message.failure.code)
    return found


async def test_presence_is_joined_before_it_is_set():
    served = Served(limits=LiveLimits(presences=1))
    await served.greet()
    said = SetPresence(1, "tasks", 7, {})
    assert await answers(served, said, Leave(2, "tasks")) == ["validation_error"] * 2
    joins = Join(3, "tasks"), Join(4, "tasks"), Join(5, "other")
    assert await answers(served, *joins) == ["ok", "validation_error", "limit_exceeded"]
    assert await answers(served, said, Leave(6, "tasks"), Leave(7, "tasks")) == [
        "ok",
        "ok",
        "validation_error",
    ]
    assert await answers(served, Join(8, "other")) == ["ok"]
    await served.ended()


async def test_who_may_not_be_present_has_not_joined():
    """It takes no place, and is told nothing when it may be present later."""
    may = False
    served = Served(authorize=lambda *_: may, limits=LiveLimits(presences=1))
    await served.greet()
    asked = Join(1, "tasks"), Join(2, "tasks"), Join(3, "other"), SetPresence(4, "tasks", 7, {})
    assert await answers(served, *asked) == ["forbidden"] * 4
    may = True
    await served.permissions.recheck()
    await served.clock.advance(1)
    assert await answers(served, Leave(5, "tasks"), Join(6, "tasks")) == ["validation_error", "ok"]
    may = False
    await served.permissions.recheck()
    assert await answers(served, Join(7, "tasks"), Leave(8, "tasks")) == ["forbidden", "ok"]
    await served.ended()


async def test_requests_their_errors_and_their_time_are_counted(served):
    await served.greet()
    served.database.read_gate.clear()
    await served.send(read(1, "x"))
    await served.clock.settle()
    await served.clock.advance(0.2)
    served.database.read_gate.set()
    await served.recv()
    served.database.failure = Conflict("changed")
    await served.send(ReadRequest(2, "tasks", Read(RECORDS, "fail", (1,))))
    await served.recv()
    await served.clock.settle()
    counters = served.counters
    assert (counters.requests["read"], counters.errors["conflict"]) == (2, 1)
    assert counters.request_seconds.figure.total == pytest.approx(0.2)
    assert counters.received_bytes["live"] > 50
    assert counters.sent_bytes["live"] > 20


async def test_all_queries_of_a_connection_are_of_one_share(served):
    await served.greet()
    query = to_form(Query("tasks"))
    await served.send(QueryRequest(1, query), Watch(2, query, None), QueryRequest(3, query))
    for _ in range(3):
        await served.recv()
    assert served.database.views.shares == 1


async def test_commits_under_way_are_bounded_in_bytes():
    served = Served(limits=LiveLimits(commit_bytes=1_000))
    await served.greet()
    served.database.commit_gate.clear()
    for id in range(1, 6):
        await served.send(CommitRequest(id, {"tasks": [Op(RECORDS, "insert", ("x" * 600,))]}))
    await served.clock.settle()
    assert served.counters.requests["commit"] == 2, "the second one waits, what follows is not read"
    served.database.commit_gate.set()
    assert [(await served.recv()).id for _ in range(5)] == [1, 2, 3, 4, 5]
    await served.ended()


async def test_others_run_while_a_long_message_is_read(served):
    await served.greet()
    await served.clock.settle()
    rounds = 0

    async def others():
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    ops = [Op(RECORDS, "put", (f"k{n}", {"n": n})) for n in range(4 * PARSE_SLICE)]
    beside = asyncio.ensure_future(others())
    await served.send(CommitRequest(1, {"tasks": ops}))
    assert isinstance(await served.recv(), Result)
    beside.cancel()
    assert rounds >= len(encode(CommitRequest(1, {"tasks": ops}), CODEC)) // STEP_BYTES + 4
