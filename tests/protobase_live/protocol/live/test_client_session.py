"""A `ClientSession` against a `ServerSession` over connections that are lost at any moment."""

from collections import OrderedDict, deque
from dataclasses import replace
from functools import partial
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import (
    Closed,
    Forbidden,
    OutcomeUnknown,
    Overloaded,
    ProtocolError,
    Unavailable,
    ValidationError,
)
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.live.client_events import (
    Answered,
    Delivered,
    Differed,
    Failed,
    Interrupted,
    Opened,
    PresenceChanged,
)
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Hello,
    Join,
    Ping,
    QueryRequest,
    ReadRequest,
    SetPresence,
)
from protobase_live.protocol.live.client_session import ClientSession
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.live.messages import decode_client, encode
from protobase_live.protocol.live.server_messages import Difference, Error
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch

CODEC = MsgpackCodec()
READ = Read(RECORDS, "count")
WRITES = {"tasks": [Op(RECORDS, "delete", ("a",))]}
LIMITS = LiveLimits(requests=3, credit=6, message_bytes=2000, batch=2, difference=1000)
QUERY = {"from": "tasks", "steps": []}


def change(number: int) -> dict:
    return {
        "structure": "records",
        "kind": "insert",
        "key": str(number),
        "before": None,
        "after": {},
        "cursor": str(number),
        "author": None,
    }


def encoded(session, changes):
    return [session.encodings.of(each, lambda each=each: each) for each in changes]


class Server:
    """One collection whose changes are numbered; every commit is one change.

    The rows of every view are the numbers of all changes, the last one first.
    """

    def __init__(self):
        self.changes = 0
        self.committed = []

    def connect(self):
        self.session = ServerSession(CODEC, LIMITS, "s")
        self.requests = deque()
        self.positions = {}
        self.views = {}
        self.to_client = deque()

    def receive(self, frame):
        message = self.session.receive(frame)
        if isinstance(message, Hello):
            self.to_client.append(self.session.welcome())
        elif isinstance(message, Error):
            self.to_client.append(self.session.refusal(message))
        elif not isinstance(message, More):
            self.requests.append(message)

    def answer(self, place):
        """Answer one of the requests that wait, not always the first."""
        if not self.requests:
            return
        request = self.requests[place % len(self.requests)]
        self.requests.remove(request)
        value = None
        if isinstance(request, CommitRequest):
            self.committed.append(request.writes["tasks"][0].args[0])
            self.changes += 1
            value = {"cursors": {"tasks": str(self.changes)}}
        elif isinstance(request, Subscribe):
            position = self.changes if request.since is None else int(request.since)
            self.positions[request.id] = position
            value = {"cursor": str(position)}
        elif isinstance(request, Watch):
            known = request.since is not None and place < 4
            self.views[request.id] = int(request.since) if known else None
        elif isinstance(request, Unsubscribe):
            self.positions.pop(request.subscription, None)
            self.views.pop(request.subscription, None)
            self.session.unsubscribe(request.subscription)
        elif isinstance(request, ReadRequest | QueryRequest):
            value = self.changes
        self.to_client.append(self.session.result(request.id, value))

    def push(self, most):
        for id, position in list(self.positions.items()):
            count = min(most, self.session.credit(id) or 0, self.changes - position)
            if count:
                self.positions[id] += count
                changes = [change(number) for number in range(position + 1, position + count + 1)]
                self.to_client.extend(self.session.changes(id, encoded(self.session, changes)))

    def differ(self):
        for id, position in self.views.items():
            if position != self.changes:
                self.views[id] = self.changes
                if position is None:
                    changes = [["insert", at, {"n": self.changes - at}] for at in range(self.changes)]
                else:
                    changes = [["insert", 0, {"n": n}] for n in range(position + 1, self.changes + 1)]
                rows = [self.session.encodings.alone(each) for each in changes]
                frames = self.session.difference(id, str(self.changes), position is None, rows, len(rows))
                self.to_client.extend(frames)

    def interrupt(self):
        for id in [*self.positions, *self.views]:
            self.to_client.append(self.session.ended(id, Unavailable("reloaded")))
        self.positions.clear()
        self.views.clear()


class World:
    """A client and a server, the frames between them, and everything that the client was told."""

    def __init__(self):
        self.server = Server()
        self.client = ClientSession(CODEC, credit=4, max_calls=50)
        self.to_server = deque()
        self.connected = False
        self.outcomes = {}
        self.commits = {}
        self.streams = {}
        self.views = {}
        self.held = {}
        self.interrupted = set()

    def connect(self):
        if not self.connected:
            self.connected = True
            self.server.connect()
            self.server.receive(self.client.hello(None))
            self.client.welcomed(self.server.to_client.popleft())

    def disconnect(self):
        if self.connected:
            self.connected = False
            self.to_server.clear()
            self.client.disconnected()
            self.hear()

    def read(self):
        self.outcomes[self.client.read("tasks", READ)] = []

    def query(self):
        self.outcomes[self.client.query(QUERY, False)] = []

    def commit(self):
        number = len(self.commits)
        id = self.client.commit({"tasks": [Op(RECORDS, "delete", (number,))]}, (), None)
        self.outcomes[id] = []
        self.commits[id] = number

    def subscribe(self):
        id = self.client.subscribe("tasks", None)
        self.streams[id] = None
        self.held[id] = 0

    def watch(self):
        self.views[self.client.watch(QUERY, None)] = []

    def send(self, count):
        if self.connected:
            self.to_server.extend(islice(self.client.outgoing(), count))

    def deliver(self, count):
        for _ in range(min(count, len(self.to_server))):
            self.server.receive(self.to_server.popleft())

    def receive(self, count):
        if self.connected:
            for _ in range(min(count, len(self.server.to_client))):
                self.client.receive(self.server.to_client.popleft())
            self.hear()

    def hear(self):
        for event in self.client.events():
            match event:
                case Opened(id, cursor):
                    assert self.streams[id] is None
                    self.streams[id] = [int(cursor)]
                case Delivered(id, changes):
                    self.streams[id] += [int(one["cursor"]) for one in changes]
                    self.held[id] += len(changes)
                    assert self.held[id] <= 4
                case Differed(id, cursor, reset, changes):
                    rows = self.views[id] = [] if reset else self.views[id]
                    for kind, at, row in changes:
                        assert kind == "insert"
                        rows.insert(at, row["n"])
                    assert rows == list(range(int(cursor), 0, -1))
                case Interrupted(id):
                    self.interrupted.add(id)
                case Answered() | Failed():
                    self.outcomes[event.id].append(event)

    def consume(self, count):
        for id in self.held:
            taken = min(count, self.held[id])
            self.held[id] -= taken
            self.client.consumed(id, taken)

    def resume(self):
        for id in self.interrupted:
            self.client.resume(id)
        self.interrupted.clear()

    def settle(self):
        self.connect()
        while True:
            before = self.progress()
            self.resume()
            self.send(100)
            self.deliver(100)
            for _ in range(100):
                self.server.answer(0)
            self.server.push(100)
            self.server.differ()
            self.receive(1000)
            self.consume(100)
            if self.progress() == before and not self.to_server and not self.server.requests:
                return

    def progress(self):
        seen = [(id, list(stream or ())) for id, stream in self.streams.items()]
        return seen, [len(rows) for rows in self.views.values()], sum(map(len, self.outcomes.values()))


STEPS = st.one_of(
    st.sampled_from(["connect", "disconnect", "read", "query", "commit", "subscribe", "watch", "resume"]).map(
        lambda name: (name,)
    ),
    st.tuples(st.sampled_from(["send", "deliver", "receive", "consume"]), st.integers(1, 4)),
    st.tuples(st.sampled_from(["answer", "push"]), st.integers(1, 4)),
    st.sampled_from([("interrupt",), ("differ",)]),
)


SERVER_STEPS = ("answer", "push", "differ", "interrupt")
CALLS = ("read", "query", "commit", "subscribe", "watch")


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=80))
def test_calls_are_resolved_once_and_streams_and_views_miss_and_repeat_nothing(steps):
    world = World()
    world.connect()
    for name, *arguments in steps:
        if name in SERVER_STEPS:
            if world.connected:
                getattr(world.server, name)(*arguments)
        elif len(world.outcomes) + len(world.streams) + len(world.views) < 40 or name not in CALLS:
            getattr(world, name)(*arguments)
    world.settle()
    assert all(len(outcome) == 1 for outcome in world.outcomes.values())
    for id, number in world.commits.items():
        (outcome,) = world.outcomes[id]
        done = world.server.committed.count(number)
        assert done == 1 if isinstance(outcome, Answered) else done <= 1
        assert isinstance(outcome, Answered) or isinstance(outcome.error, OutcomeUnknown)
    assert all(
        isinstance(world.outcomes[id][0], Answered) for id in world.outcomes.keys() - world.commits.keys()
    )
    assert all(rows == list(range(world.server.changes, 0, -1)) for rows in world.views.values())
    for stream in world.streams.values():
        assert stream == list(range(stream[0], world.server.changes + 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_close_resolves_everything(steps):
    world = World()
    world.connect()
    for name, *arguments in steps:
        if name in SERVER_STEPS:
            if world.connected:
                getattr(world.server, name)(*arguments)
        else:
            getattr(world, name)(*arguments)
    for id in [*world.streams, *world.views]:
        world.outcomes[id] = []
    world.client.close(Closed("closed"))
    world.hear()
    for id, outcome in world.outcomes.items():
        assert len(outcome) == 1
        if isinstance(outcome[0], Failed):
            assert isinstance(outcome[0].error, Closed | OutcomeUnknown)
            assert isinstance(outcome[0].error, Closed) or id in world.commits


@pytest.fixture
def world():
    world = World()
    world.connect()
    return world


def sent(world):
    return [decode_client(frame, CODEC) for frame in world.client.outgoing()]


def test_requests_in_flight_stay_within_the_servers_limit(world):
    for _ in range(5):
        world.read()
    world.send(100)
    assert len(world.to_server) == LIMITS.requests
    world.settle()
    assert all(isinstance(outcome[0], Answered) for outcome in world.outcomes.values())


def test_too_many_calls_are_refused_at_once():
    client = ClientSession(CODEC, credit=4, max_calls=2)
    client.read("tasks", READ)
    client.subscribe("tasks", None)
    with pytest.raises(Overloaded, match=r"\(calls\)"):
        client.read("tasks", READ)
    with pytest.raises(Overloaded, match=r"\(calls\)"):
        client.subscribe("tasks", None)


def test_a_request_beyond_the_servers_limit_fails_alone(world):
    id = world.client.commit({"tasks": [Op(RECORDS, "put", ("x" * 3000,))]}, (), None)
    world.outcomes[id] = []
    world.read()
    world.settle()
    assert "message_bytes" in str(world.outcomes[id][0].error)
    assert isinstance(world.outcomes[id + 1][0], Answered)


def test_a_commit_that_writes_nothing_is_sent_again(world):
    id = world.client.commit({}, (), None)
    assert [message.id for message in sent(world)] == [id]
    world.disconnect()
    world.connect()
    assert [message.id for message in sent(world)] == [id]


@pytest.mark.parametrize(
    ("made", "again"),
    [
        (partial(DropRequest, collection="tasks"), False),
        (partial(EraseRequest, collection="tasks", key="t1"), False),
        (partial(RestoreRequest, collection="tasks", offset=0, part=b"x", more=False), False),
        (partial(BackupRequest, collection="tasks"), True),
        (CollectionsRequest, True),
        (partial(StateHashRequest, collection="tasks"), True),
    ],
)
def test_what_is_sent_again_of_collections_as_a_whole(world, made, again):
    """A deletion that was carried out must not hit what was made since."""
    id = world.client.ask(made)
    world.outcomes[id] = []
    assert [message.id for message in sent(world)] == [id]
    world.disconnect()
    assert [isinstance(each.error, OutcomeUnknown) for each in world.outcomes[id]] == [True] * (not again)
    world.connect()
    assert [message.id for message in sent(world)] == [id] * again


def test_an_abandoned_call_is_not_sent_or_not_told(world):
    waiting = world.client.commit(WRITES, (), None)
    assert world.client.abandon(waiting) is False
    assert sent(world) == []
    under_way = world.client.commit(WRITES, (), None)
    assert len(sent(world)) == 1
    assert world.client.abandon(under_way) is True
    reading = world.client.read("tasks", READ)
    assert len(sent(world)) == 1
    assert world.client.abandon(reading) is False
    world.disconnect()
    assert world.client.events() == []


def test_giving_up_costs_the_same_however_many_wait():
    """Nothing is looked through: ids are compared when they are looked up, not with those of all others."""
    client = ClientSession(CODEC, credit=4, max_calls=2_000)
    calls = [client.read("tasks", READ) for _ in range(2_000)]
    client._outbox._waiting = Looked(client._outbox._waiting)
    for id in calls[::2]:
        assert not client.abandon(id)
    assert client._outbox._waiting.looks == 0
    assert list(client._outbox._waiting) == calls[1::2]


class Looked(OrderedDict):
    """Says how often it was looked through."""

    looks = 0

    def __iter__(self):
        self.looks += 1
        return super().__iter__()

    def values(self):
        self.looks += 1
        return super().values()


@pytest.mark.parametrize("waits", [True, False])
def test_a_stream_or_view_whose_question_is_too_long_fails_at_once(world, waits):
    if waits:
        world.client.disconnected()
    ids = [world.client.subscribe("tasks", "c" * 3000), world.client.watch({"from": "x" * 3000}, None)]
    for _ in range(2):
        if waits:
            world.connected = False
            world.connect()
        assert sent(world) == []
        failed = world.client.events()
        assert [each.id for each in failed] == ids
        assert all("message_bytes" in str(each.error) for each in failed)
        world.client.disconnected()
        waits, ids = True, []


def test_presence_is_announced_again_on_every_connection(world):
    world.client.join_presence("tasks", 7)
    id = world.client.set_presence("tasks", 7, {"x": 1})
    assert [type(message) for message in sent(world)] == [Join, SetPresence]
    world.client.disconnected()
    assert world.client.events() == [Answered(id, None)]
    offline = world.client.set_presence("tasks", 7, {"x": 2})
    assert world.client.events() == [Answered(offline, None)]
    world.connected = False
    world.connect()
    join, said = sent(world)
    assert (join.collection, said.client, said.state) == ("tasks", 7, {"x": 2})


def test_presence_is_joined_again_with_the_next_state_where_it_was_refused(world):
    world.client.join_presence("tasks", 7)
    world.client.set_presence("tasks", 7, {"x": 1})
    world.client.disconnected()
    world.connected = False
    world.connect()
    for each in sent(world):
        world.client.receive(world.server.session.error(each.id, Forbidden("not now")))
    assert sent(world) == []
    world.client.join_presence("tasks", 8)
    world.client.set_presence("tasks", 8, {})
    join, again, said = sent(world)
    assert (join.collection, again.client, again.state, said.client) == ("tasks", 7, {"x": 1}, 8)
    world.client.receive(world.server.session.result(join.id))
    world.client.set_presence("tasks", 8, {"y": 1})
    assert [type(message) for message in sent(world)] == [SetPresence]


def test_presence_is_left_after_the_last(world):
    world.client.join_presence("tasks", 7)
    world.client.join_presence("tasks", 8)
    world.client.set_presence("tasks", 7, {})
    world.client.receive(world.server.session.presence("tasks", {7: {}}))
    assert world.client.events() == [PresenceChanged("tasks", {7: {}}, False)]
    world.client.leave_presence("tasks", 7)
    world.client.leave_presence("tasks", 8)
    assert [type(message) for message in sent(world)] == [Join, SetPresence, SetPresence]
    world.client.receive(world.server.session.presence("tasks", {7: None}))
    assert world.client.events() == []


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_presence_that_was_left_while_its_state_was_under_way_stays_away(world, is_answered):
    world.client.join_presence("tasks", 7)
    world.client.join_presence("tasks", 8)
    id = world.client.set_presence("tasks", 8, {"x": 1})
    world.client.leave_presence("tasks", 8)
    sent(world)
    if is_answered:
        world.client.receive(world.server.session.result(id))
    world.client.disconnected()
    assert world.client.events() == [Answered(id, None)]
    world.connected = False
    world.connect()
    assert [type(message) for message in sent(world)] == [Join]


def test_pings_wait_for_nothing(world):
    for _ in range(LIMITS.requests):
        world.read()
    assert len(sent(world)) == LIMITS.requests
    world.client.ping()
    assert [type(message) for message in sent(world)] == [Ping]


def test_after_bye_requests_wait_for_the_next_connection(world):
    world.client.receive(world.server.session.bye("stopping"))
    world.commit()
    assert sent(world) == []
    world.disconnect()
    world.settle()
    assert isinstance(world.outcomes[1][0], Answered)


def test_more_changes_than_granted_are_refused(world):
    world.subscribe()
    world.send(1)
    world.deliver(1)
    world.server.answer(0)
    world.receive(1)
    world.server.session._credit[1] = 100
    session = world.server.session
    (frame,) = session.changes(1, encoded(session, [change(number) for number in range(5)]))
    with pytest.raises(ProtocolError, match="granted"):
        world.client.receive(frame)


def test_a_stream_that_is_refused_at_first_fails(world):
    id = world.client.subscribe("tasks", "bad")
    world.send(1)
    world.client.receive(world.server.session.error(id, Unavailable("no")))
    (event,) = world.client.events()
    assert isinstance(event, Failed)
    assert isinstance(event.error, Unavailable)


def test_a_half_received_difference_is_dropped(world):
    world.server.changes = 5
    world.watch()
    world.send(1)
    world.deliver(1)
    world.server.answer(0)
    world.server.differ()
    assert len(world.server.to_client) == 4
    world.receive(3)
    (id,) = world.views
    assert world.views[id] == []
    world.disconnect()
    world.server.changes = 6
    world.connect()
    (watch,) = sent(world)
    assert (watch.id, watch.query, watch.since) == (id, QUERY, None)
    world.client.receive(world.server.session.result(id))
    part = Difference(id, "1", True, True, [["insert", 0, {"n": 1}]])
    world.client.receive(encode(part, CODEC))
    assert world.client.events() == []
    world.client.receive(encode(replace(part, more=False, changes=[]), CODEC))
    assert world.client.events() == [Differed(id, "1", True, [["insert", 0, {"n": 1}]])]


def test_a_view_goes_on_after_its_last_whole_difference(world):
    world.server.changes = 3
    world.watch()
    world.settle()
    world.disconnect()
    world.connect()
    seen, watch = sent(world)
    assert seen.views == [watch.since] == ["3"]


def test_a_difference_beyond_what_the_server_told_is_refused(world):
    world.watch()
    world.settle()
    (id,) = world.views
    changes = [["delete", 0]] * (LIMITS.difference + 1)
    with pytest.raises(ProtocolError, match="difference"):
        world.client.receive(encode(Difference(id, "1", False, True, changes), CODEC))


def test_a_view_that_is_refused_or_unwatched_is_over(world):
    world.watch()
    (id,) = world.views
    world.send(1)
    world.client.receive(world.server.session.error(id, ValidationError("no query")))
    assert [type(event) for event in world.client.events()] == [Failed]
    other = world.client.watch(QUERY, None)
    world.views[other] = []
    world.settle()
    world.client.unsubscribe(other)
    world.server.changes += 1
    world.settle()
    assert other not in world.server.views
    assert world.views[other] == []


def test_unsubscribing_ends_the_stream_on_both_sides(world):
    world.subscribe()
    world.settle()
    (id,) = world.streams
    world.client.unsubscribe(id)
    world.server.changes += 1
    world.settle()
    assert world.streams[id] == [0]
    assert world.server.positions == {}


def test_unknown_messages_are_ignored_and_others_refused(world):
    world.client.receive(CODEC.encode({"type": "dance"}))
    assert world.client.events() == []
    with pytest.raises(ProtocolError, match="welcome comes once"):
        world.client.receive(world.server.session.welcome())
    with pytest.raises(ProtocolError, match="has to be welcome"):
        world.client.welcomed(world.server.session.bye(""))
