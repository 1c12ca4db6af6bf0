import asyncio
from dataclasses import replace
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection, serve

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.client import ClientLimits, connect
from protobase_live.errors import (
    Closed,
    Conflict,
    LimitExceeded,
    OutcomeUnknown,
    Overloaded,
    ProtocolError,
    Unauthorized,
    Unavailable,
    ValidationError,
)
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.live.codec import SUBPROTOCOLS
from protobase_live.protocol.live.limits import BAD_MESSAGE, LiveLimits
from protobase_live.query.ast.expressions import F, param
from protobase_live.query.explanation import Explanation
from protobase_live.query.language.query import Query
from protobase_live.query.result.diff import RowChange
from protobase_live.server.authentication import Authentication
from protobase_live.server.live_door import LiveDoor
from tests.protobase_live.live_wire import FakeDatabase, pipe

LIMITS = ClientLimits()


class Allowing(ServerConnection):
    """A connection of the library with what the door needs besides."""

    address = None

    def allow(self, message_bytes):
        self.protocol.max_message_size = message_bytes


class Net:
    """A network with one server, which can be down, cut off or silent."""

    def __init__(self, clock):
        self.clock = clock
        self.database = FakeDatabase(clock)
        self.door = LiveDoor(
            self.database,
            clock=clock,
            limits=LiveLimits(),
            authentication=Authentication(self.authenticate, clock),
        )
        self.down = self.unauthorized = False
        self.loss = OSError("connection refused")
        self.dials = []
        self.ends = []
        self.serving = set()

    def authenticate(self, token):
        if self.unauthorized:
            raise Unauthorized("the token has expired")
        return token

    async def dial(self, url):
        self.dials.append(self.clock.monotonic())
        if self.down:
            raise self.loss
        end, served = pipe()
        self.ends.append(end)
        task = asyncio.ensure_future(self.door.serve(served))
        self.serving.add(task)
        return end

    async def cut(self, code=1006):
        await self.ends[-1].close(code, "cut")
        await self.clock.settle()

    def silence(self):
        """What the server sends is lost from now on."""
        end = self.ends[-1]
        end.peer.peer = pipe()[0]

    def connect(self, **more):
        options = {"clock": self.clock, "random": Random(1), "dial": self.dial, **more}
        return connect("ws://server/live", **options)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def net(clock):
    net = Net(clock)
    yield net
    if net.serving:
        await asyncio.wait(net.serving)
        assert [task.exception() for task in net.serving] == [None] * len(net.serving)


def echo(db, value):
    return db.read("tasks", Read(RECORDS, "echo", (value,)))


def put(db, *keys):
    return db.commit({"tasks": [Op(RECORDS, "delete", (key,)) for key in keys]})


async def test_calls_are_answered(net):
    async with net.connect(token="ann") as db:
        assert await echo(db, {"a": [1, b"x"]}) == {"a": [1, b"x"]}
        assert (await put(db, "t1")).cursors == {"tasks": "1"}
        assert net.database.authors == ["ann"]


async def test_errors_are_those_of_the_server(net):
    async with net.connect() as db:
        net.database.failure = Conflict("changed")
        with pytest.raises(Conflict, match="changed") as raised:
            await put(db, "t1")
        assert raised.value.retryable


async def test_what_is_no_value_is_refused_at_once(net):
    async with net.connect() as db:
        with pytest.raises(ValidationError):
            await echo(db, object())
        assert await echo(db, 1) == 1


async def test_the_first_connection_is_waited_for(net, clock):
    net.down = True
    connecting = asyncio.ensure_future(net.connect().__aenter__())
    await clock.advance(LIMITS.connect_seconds)
    with pytest.raises(Unavailable, match="within 10 seconds: connection refused"):
        await connecting


async def test_a_first_connection_that_cannot_succeed_is_not_waited_for(net):
    net.down, net.loss = True, ConnectionRefusedError()
    with pytest.raises(Unavailable, match="nothing listens at server"):
        await net.connect()
    assert len(net.dials) == 1


async def test_losing_the_server_and_having_it_back_is_told_once(net, clock):
    told = []
    async with net.connect(on_connection=told.append) as db:
        assert told == []
        net.down = True
        await net.cut(1001)
        await clock.advance(60)
        assert told == ["received 1001 (going away) cut; no close frame sent"]
        net.down = False
        await clock.advance(LIMITS.max_backoff_seconds)
        assert told[1:] == [None]
        assert await echo(db, 1) == 1
    assert told[2:] == []


async def test_who_is_told_of_a_loss_may_fail_and_the_connection_goes_on(net, clock, caplog):
    def fail(why):
        raise RuntimeError("mine")

    async with net.connect(on_connection=fail) as db:
        await net.cut()
        await clock.advance(LIMITS.max_backoff_seconds)
        assert await echo(db, 1) == 1
    assert "on_connection failed: RuntimeError('mine')" in caplog.text


async def test_a_later_one_is_waited_for_in_any_case(net, clock):
    async with net.connect() as db:
        net.down, net.loss = True, ConnectionRefusedError()
        await net.cut()
        await clock.advance(60)
        net.down = False
        await clock.advance(LIMITS.max_backoff_seconds)
        assert await echo(db, 1) == 1


async def test_what_fails_without_words_is_named(net, clock):
    net.down, net.loss = True, TimeoutError()
    connecting = asyncio.ensure_future(net.connect().__aenter__())
    await clock.advance(LIMITS.connect_seconds)
    with pytest.raises(Unavailable, match="within 10 seconds: TimeoutError"):
        await connecting


@pytest.mark.parametrize("rounds", range(25))
async def test_giving_up_while_connecting_leaves_no_connection_whenever_that_is(net, clock, rounds):
    connecting = asyncio.ensure_future(net.connect().__aenter__())
    for _ in range(rounds):
        await asyncio.sleep(0)
    connecting.cancel()
    await asyncio.wait([connecting])
    await clock.settle()
    if not connecting.cancelled():
        await connecting.result().close()
    assert all(end.closed for end in net.ends)


async def test_a_database_may_outlive_a_block(net):
    db = await net.connect()
    assert await echo(db, 1) == 1
    await db.close()
    with pytest.raises(Closed):
        await echo(db, 1)


async def test_attempts_come_at_growing_random_distances(net, clock):
    net.down = True
    connecting = asyncio.ensure_future(net.connect(limits=ClientLimits(connect_seconds=100)).__aenter__())
    await clock.advance(100)
    with pytest.raises(Unavailable):
        await connecting
    pauses = [later - earlier for earlier, later in zip(net.dials, net.dials[1:], strict=False)]
    expected = [min(LIMITS.max_backoff_seconds, LIMITS.backoff_seconds * 2**n) for n in range(len(pauses))]
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(pauses, expected, strict=True))
    assert 15 < len(net.dials) < 30


async def test_a_server_that_welcomes_and_closes_is_dialled_less_and_less(net, clock):
    async with net.connect():
        for _ in range(600):
            await net.cut()
            await clock.advance(0.1)
        assert len(net.dials) < 20
        await clock.advance(2 * LIMITS.max_backoff_seconds)
        dials = len(net.dials)
        await net.cut()
        await clock.advance(LIMITS.backoff_seconds)
        assert len(net.dials) == dials + 1, "a connection that lasted is a fresh start"


async def test_a_refused_token_is_final(net, clock):
    net.unauthorized = True
    with pytest.raises(Unauthorized, match="expired"):
        await net.connect().__aenter__()
    assert len(net.dials) == 1


async def test_a_token_that_expires_ends_everything(net, clock):
    async with net.connect() as db:
        net.database.read_gate.clear()
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.settle()
        net.unauthorized = True
        await net.cut()
        await clock.advance(1)
        with pytest.raises(Unauthorized):
            await reading
        with pytest.raises(Unauthorized):
            await echo(db, 1)


async def test_a_close_for_a_bad_message_is_final(net, clock):
    async with net.connect() as db:
        await net.cut(BAD_MESSAGE)
        with pytest.raises(ProtocolError, match="4400 cut"):
            await echo(db, 1)


async def test_reads_survive_a_lost_connection(net, clock):
    async with net.connect() as db:
        net.database.read_gate.clear()
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.settle()
        await net.cut()
        net.database.read_gate.set()
        await clock.advance(1)
        assert await reading == 1


async def test_a_sent_commit_has_an_unknown_outcome_a_waiting_one_is_sent_later(net, clock):
    async with net.connect() as db:
        net.database.commit_gate.clear()
        lost = asyncio.ensure_future(put(db, "a"))
        await clock.settle()
        net.down = True
        await net.cut()
        with pytest.raises(OutcomeUnknown):
            await lost
        later = asyncio.ensure_future(put(db, "b"))
        await clock.advance(5)
        assert not later.done()
        net.down = False
        net.database.commit_gate.set()
        await clock.advance(LIMITS.max_backoff_seconds)
        assert (await later).cursors
        assert [change.key for change in net.database.log] == ["b"]


async def test_calls_end_in_time(net, clock):
    async with net.connect() as db:
        net.database.commit_gate.clear()
        net.database.read_gate.clear()
        sent, reading = asyncio.ensure_future(put(db, "a")), asyncio.ensure_future(echo(db, 1))
        await clock.advance(LIMITS.call_seconds)
        with pytest.raises(OutcomeUnknown, match="call_seconds"):
            await sent
        with pytest.raises(Unavailable, match="call_seconds"):
            await reading
        net.down = True
        await net.cut()
        waiting = asyncio.ensure_future(put(db, "b"))
        await clock.advance(LIMITS.call_seconds)
        with pytest.raises(Unavailable, match="call_seconds"):
            await waiting


async def test_closing_resolves_everything(net, clock):
    context = net.connect(limits=ClientLimits(calls=100))
    db = await context.__aenter__()
    net.database.commit_gate.clear()
    net.database.read_gate.clear()
    stream = await db.changes("tasks").__aenter__()
    waiting = [
        asyncio.ensure_future(work)
        for work in (put(db, "a"), echo(db, 1), anext(stream), *(echo(db, 1) for _ in range(80)))
    ]
    await clock.settle()
    await context.__aexit__(None, None, None)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [OutcomeUnknown, *[Closed] * 82]
    with pytest.raises(Closed):
        await echo(db, 1)


async def test_cancelled_calls_are_forgotten(net, clock):
    async with net.connect() as db:
        net.database.read_gate.clear()
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.settle()
        reading.cancel()
        await clock.settle()
        net.database.read_gate.set()
        assert await echo(db, 2) == 2


async def test_calls_are_limited(net, clock):
    async with net.connect(limits=ClientLimits(calls=2)) as db:
        net.database.read_gate.clear()
        waiting = [asyncio.ensure_future(echo(db, 1)) for _ in range(3)]
        await clock.settle()
        with pytest.raises(Overloaded, match=r"\(calls\)"):
            await waiting[2]
        net.database.read_gate.set()
        assert await asyncio.gather(*waiting[:2]) == [1, 1]


async def test_more_calls_than_the_server_takes_wait_here(net, clock):
    async with net.connect() as db:
        assert await asyncio.gather(*(echo(db, n) for n in range(1000))) == list(range(1000))


async def test_streams_go_on_over_lost_connections(net, clock):
    async with net.connect() as db, db.changes("tasks") as stream:
        assert stream.cursor == "0"
        for number in range(20):
            await net.database.commit({"tasks": [Op(RECORDS, "delete", (str(number),))]})
            if number % 3 == 0:
                await net.cut()
            await clock.advance(1)
        await clock.advance(LIMITS.max_backoff_seconds)
        seen = [await anext(stream) for _ in range(20)]
        assert [change.key for change in seen] == [str(number) for number in range(20)]
        assert stream.cursor == seen[-1].cursor == "20"
        assert seen[0].collection == "tasks"


async def test_a_stream_holds_no_more_than_its_credit(net, clock):
    async with net.connect(limits=ClientLimits(credit=8)) as db, db.changes("tasks") as stream:
        await put(db, *map(str, range(30)))
        await clock.settle()
        assert net.database.pulled == 8
        batch = await stream.batch(5)
        assert [change.key for change in batch] == list("01234")
        assert [(await anext(stream)).key for _ in range(25)] == [str(number) for number in range(5, 30)]


async def test_a_stream_begins_at_its_cursor(net):
    async with net.connect() as db:
        await put(db, "a", "b")
        async with db.changes("tasks", "1") as stream:
            assert (await anext(stream)).key == "b"


async def test_a_stream_that_the_server_refuses_raises(net):
    async with net.connect() as db:
        with pytest.raises(ValidationError, match="not a cursor"):
            await db.changes("tasks", "nonsense").__aenter__()


async def test_an_interrupted_stream_is_resumed(net, clock):
    async with net.connect() as db, db.changes("tasks") as stream:
        net.database.failure = Unavailable("reloaded")
        net.database.news.set()
        await clock.settle()
        net.database.failure = None
        await put(db, "a")
        await clock.advance(1)
        assert (await anext(stream)).key == "a"


async def test_a_stream_ends_with_its_block(net, clock):
    async with net.connect() as db:
        async with db.changes("tasks") as stream:
            waiting = asyncio.ensure_future(anext(stream))
            await clock.settle()
        with pytest.raises(Closed):
            await waiting
        await echo(db, 1)
        assert net.database.streams == 0


async def test_queries_are_asked_over_the_wire(net):
    async with net.connect() as db:
        net.database.views.add({"_key": "t1", "owner": "ann", "tags": {"a"}})
        query = Query("tasks").where(F.owner == param("me")).order_by("-priority").limit(3)
        rows = await db.query(query, {"me": "ann"})
        assert rows == [{"_key": "t1", "owner": "ann", "tags": {"a"}}]
        assert net.database.views.queries == [query.bind({"me": "ann"})]
        assert await db.explain(Query("tasks")) == Explanation("scan", "tasks", 1)


async def test_a_query_survives_a_lost_connection(net, clock):
    async with net.connect() as db:
        net.down = True
        await net.cut()
        asking = asyncio.ensure_future(db.query(Query("tasks")))
        await clock.advance(1)
        net.down = False
        await clock.advance(LIMITS.max_backoff_seconds)
        assert await asking == []


async def test_a_live_query_is_kept_current_over_lost_connections(net, clock):
    views = net.database.views
    views.add({"n": 0})
    async with net.connect() as db, db.live(Query("tasks")) as live:
        assert live.rows == [{"n": 0}]
        for number in range(1, 20):
            views.add({"n": number})
            if number % 3 == 0:
                await net.cut()
            await clock.advance(LIMITS.max_backoff_seconds)
            assert live.rows == views.rows
        assert live.cursor == "20"
        diff = await anext(live)
        assert [change.kind for change in diff.changes] == ["insert"] * 19
        waiting = asyncio.ensure_future(anext(live))
        views.script = (RowChange("move", 19, {"n": 0}, 0), RowChange("update", 0, {"n": "one"}))
        views.add({"n": 20})
        diff = await waiting
        assert (diff.changes, diff.reset) == ((*views.script, RowChange("insert", 20, {"n": 20})), False)
        views.script = (RowChange("delete", 0),)
        views.add({"n": 21})
        assert (await anext(live)).changes[0] == RowChange("delete", 0, {"n": "one"})
    await clock.settle()
    assert views.watchers == 0


async def test_a_live_query_goes_on_where_another_was_left(net, clock):
    net.database.views.add({"n": 1}, {"n": 2})
    async with net.connect() as db:
        async with db.live(Query("tasks"), since="1", rows=[{"n": 1}]) as live:
            assert live.rows == [{"n": 1}, {"n": 2}]
            assert [change.row for change in (await anext(live)).changes] == [{"n": 2}]
        async with db.live(Query("tasks"), since="forgotten", rows=[{"n": 7}]) as live:
            assert live.rows == [{"n": 1}, {"n": 2}]
            assert (await anext(live)).reset
        with pytest.raises(ValidationError, match="not a live query's cursor"):
            await db.live(Query("tasks"), since="nonsense", rows=[]).__aenter__()


async def test_an_interrupted_live_query_is_resumed(net, clock):
    views = net.database.views
    async with net.connect() as db, db.live(Query("tasks")) as live:
        views.fail(Unavailable("loaded again"))
        await clock.advance(1)
        views.failure = None
        views.add({"n": 1})
        await clock.advance(1)
        assert live.rows == [{"n": 1}]


async def test_a_live_query_that_ends_says_why(net, clock):
    async with net.connect() as db:
        async with db.live(Query("tasks")) as live:
            net.database.views.fail(LimitExceeded("too many rows"))
            with pytest.raises(LimitExceeded, match="too many rows"):
                await anext(live)
        with pytest.raises(LimitExceeded, match="too many rows"):
            await db.live(Query("tasks")).__aenter__()


async def test_a_live_query_ends_with_its_block(net, clock):
    async with net.connect() as db:
        async with db.live(Query("tasks")) as live:
            waiting = asyncio.ensure_future(anext(live))
            await clock.settle()
        with pytest.raises(Closed):
            await waiting
        await echo(db, 1)
        assert net.database.views.watchers == 0


async def test_a_live_query_that_is_not_answered_is_given_up(net, clock):
    async with net.connect() as db:
        net.down = True
        await net.cut()
        opening = asyncio.ensure_future(db.live(Query("tasks")).__aenter__())
        await clock.advance(LIMITS.call_seconds)
        with pytest.raises(Unavailable, match="call_seconds"):
            await opening


async def test_a_difference_that_does_not_fit_ends_only_its_live_query(net, clock):
    async with net.connect() as db, db.live(Query("tasks")) as live:
        net.database.views.script = (RowChange("delete", 7),)
        net.database.views.add({"n": 1})
        with pytest.raises(ProtocolError, match="does not fit"):
            await anext(live)
        assert await echo(db, 1) == 1


async def test_a_silent_server_is_left(net, clock):
    async with net.connect() as db:
        net.silence()
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.advance(3 * LiveLimits().heartbeat_seconds)
        assert len(net.dials) == 2
        with pytest.raises(Unavailable):
            await reading
        assert await echo(db, 2) == 2


async def test_a_server_whose_long_answer_is_on_its_way_is_not_silent(net, clock):
    async with net.connect() as db:
        net.silence()
        for _ in range(10):
            net.ends[-1].unfinished += 1000
            await clock.advance(LiveLimits().heartbeat_seconds)
        assert len(net.dials) == 1
        await clock.advance(3 * LiveLimits().heartbeat_seconds)
        assert len(net.dials) == 2
        assert await echo(db, 1) == 1


async def test_a_server_that_takes_a_long_request_is_not_silent(net, clock):
    async with net.connect() as db:
        net.silence()
        net.ends[-1].unsent = 10_000
        for _ in range(10):
            await clock.advance(LiveLimits().heartbeat_seconds)
            net.ends[-1].unsent -= 1000
        assert len(net.dials) == 1
        net.ends[-1].unsent = 10_000
        await clock.advance(3 * LiveLimits().heartbeat_seconds)
        assert len(net.dials) == 2
        assert await echo(db, 1) == 1


async def test_an_idle_connection_stays(net, clock):
    async with net.connect() as db:
        await clock.advance(20 * LiveLimits().heartbeat_seconds)
        assert len(net.dials) == 1
        assert await echo(db, 2) == 2


async def test_a_stopping_server_is_left_and_come_back_to(net, clock):
    async with net.connect() as db:
        await net.door.close()
        net.door = LiveDoor(net.database, clock=clock)
        await clock.advance(1)
        assert await echo(db, 1) == 1


async def test_presence_survives_a_lost_connection(net, clock):
    async with net.connect() as one, net.connect(random=Random(2)) as other:
        async with (
            one.presence("tasks", {"name": "ann"}) as ann,
            other.presence("tasks", {"name": "bob"}) as bob,
        ):
            everybody = {ann.client: {"name": "ann"}, bob.client: {"name": "bob"}}
            await clock.advance(1)
            assert ann.states == bob.states == everybody
            await net.cut()
            await clock.advance(2)
            assert ann.states == bob.states == everybody
            net.down = True
            await net.cut()
            await bob.set({"name": "bob", "cursor": 1})
            net.down = False
            await clock.advance(LIMITS.max_backoff_seconds)
            everybody[bob.client] = {"name": "bob", "cursor": 1}
            assert ann.states == bob.states == everybody
            with pytest.raises(ValidationError):
                await ann.set(b"bytes")
        await clock.advance(1)
        assert net.database.presence_hub._rooms == {}


async def test_two_presences_of_one_client(net, clock):
    async with net.connect() as db, db.presence("tasks", {"n": 1}) as one:
        async with db.presence("tasks", {"n": 2}) as two:
            await clock.advance(1)
            assert one.states == two.states == {one.client: {"n": 1}, two.client: {"n": 2}}
        await clock.advance(1)
        assert one.states == {one.client: {"n": 1}}


async def test_what_a_program_changes_of_a_state_changes_no_other(net, clock):
    mine = {"at": [1]}
    async with net.connect() as db, db.presence("tasks", mine) as one, db.presence("tasks") as two:
        await clock.advance(0.1)
        async with db.presence("tasks") as three:
            mine["at"].append("mine")
            two.states[one.client]["at"].append("of two")
            assert one.states[one.client] == three.states[one.client] == {"at": [1]}
            two.states[one.client]["at"].clear()
        async with db.presence("tasks") as four:
            assert four.states[one.client] == {"at": [1]}


async def test_what_is_said_again_is_what_was_said(net, clock):
    mine = {"at": [1]}
    async with (
        net.connect() as db,
        net.connect() as other,
        other.presence("tasks") as seen,
        db.presence("tasks", mine) as one,
    ):
        mine["at"].append(2)
        one.states[one.client]["at"].append(3)
        for end in list(net.ends):
            await end.close(1006, "cut")
        await clock.advance(LIMITS.max_backoff_seconds)
        assert seen.states == {one.client: {"at": [1]}}


async def test_a_presence_that_was_left_does_not_come_back(net, clock):
    async with (
        net.connect(random=Random(2)) as other,
        net.connect() as db,
        other.presence("tasks") as seen,
        db.presence("tasks", {"n": 1}) as one,
    ):
        async with db.presence("tasks") as two:
            setting = asyncio.ensure_future(two.set({"n": 2}))
            await asyncio.sleep(0)  # it is under way
        await setting
        await clock.advance(1)
        await net.cut()
        await clock.advance(LIMITS.max_backoff_seconds)
        assert seen.states == {one.client: {"n": 1}}


@pytest.mark.parametrize("is_refused", [False, True])
async def test_iterating_over_presence_ends_with_the_client(net, clock, is_refused):
    async with net.connect() as db, db.presence("tasks", {"n": 1}) as presence:

        async def watch():
            async for _ in presence:
                pass

        watching = asyncio.ensure_future(watch())
        await clock.advance(1)
        assert not watching.done()
        if is_refused:
            net.unauthorized = True
            await net.cut()
            await clock.advance(LIMITS.max_backoff_seconds)
        else:
            await db.close()
        with pytest.raises(Unauthorized if is_refused else Closed):
            await asyncio.wait_for(watching, 5.0)


async def test_addresses_and_subprotocols_are_checked():
    with pytest.raises(ValidationError, match="write it like ws://"):
        await connect("ftp://server/live")
    with pytest.raises(ValidationError, match="subprotocol"):
        await connect("ws://server/live", subprotocol="x")


@pytest.mark.parametrize("subprotocol", SUBPROTOCOLS)
async def test_over_a_real_socket(clock, subprotocol):
    database = FakeDatabase(clock)
    door = LiveDoor(database, clock=clock)
    options = {"subprotocols": list(SUBPROTOCOLS), "create_connection": Allowing}
    async with serve(door.serve, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/live", subprotocol=subprotocol) as db:
            async with db.changes("tasks") as stream:
                await put(db, "a")
                assert (await anext(stream)).key == "a"
            assert await echo(db, b"bytes") == b"bytes"
            database.views.add({"_key": "t1", "tags": {1, 2}})
            async with db.live(Query("tasks")) as live:
                assert live.rows == await db.query(Query("tasks")) == [{"_key": "t1", "tags": {1, 2}}]
                database.views.add({"_key": "t2"})
                assert [change.row for change in (await anext(live)).changes] == [{"_key": "t2"}]
        await door.close()


async def test_answers_go_on_where_a_message_ends() -> None:
    """Records of some size: pages, queries and transactions that read them all."""
    limits = replace(LiveLimits(), answer_bytes=50_000)
    async with (
        pb.open("memory:") as database,
        pb.Server(database, port=0, live_limits=limits) as server,
        pb.connect(server.url) as remote,
    ):
        notes = await remote.collection("notes")
        expected = {f"{n:03}": {"body": "x" * 9_000, "n": n} for n in range(60)}
        for key, fields in expected.items():
            await notes.insert(fields, key=key)
        assert await notes.items() == expected
        assert [row["n"] for row in await remote.query(pb.Query("notes").order_by("n"))] == list(range(60))

        async def read(tx: pb.Transaction) -> int:
            return len(await tx["notes"].items())

        assert await remote.transact(read) == 60
        await notes.insert({"body": "x" * 60_000}, key="large")
        with pytest.raises(LimitExceeded, match="answer_bytes"):
            await notes.items()
        assert len(await notes.keys()) == 61
