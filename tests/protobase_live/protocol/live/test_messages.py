import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live import errors
from protobase_live.errors import ProtocolError, Unavailable
from protobase_live.model.operations import RECORDS, Check, Op, Read, Target
from protobase_live.protocol.live.client_messages import (
    ClusterRequest,
    CommitRequest,
    Hello,
    Join,
    Leave,
    Ping,
    QueryRequest,
    ReadRequest,
    Seen,
    SetPresence,
)
from protobase_live.protocol.live.codec import CODECS, JsonCodec, MsgpackCodec
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.live.limits import LiveLimits, WelcomeLimits
from protobase_live.protocol.live.messages import UnknownType, decode_client, decode_server, encode
from protobase_live.protocol.live.permission_messages import RevokeRequest
from protobase_live.protocol.live.server_messages import (
    Bye,
    Changes,
    Difference,
    Ended,
    Error,
    Presence,
    Result,
    Welcome,
)
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch

codecs = st.sampled_from(list(CODECS.values()))
ids = st.integers(0, 2**53 - 1)
texts = st.text(max_size=8)
optional_texts = st.none() | texts
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | texts
    | st.binary(max_size=8)
    | st.dates()
    | st.datetimes()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
results = values | st.sets(st.integers() | texts, max_size=3)
targets = st.builds(Target, texts, st.lists(texts, max_size=3).map(tuple))
arguments = st.lists(values, max_size=3).map(tuple)
reads = st.builds(Read, targets, texts, arguments)
ops = st.builds(Op, targets, texts, arguments)
checks = st.builds(Check, texts, reads, st.binary(min_size=8, max_size=8))
failures = st.builds(Failure, texts, texts, st.booleans())
limits = st.builds(
    WelcomeLimits,
    **{name: ids for name in WelcomeLimits.__dataclass_fields__ if name != "heartbeat_seconds"},
    heartbeat_seconds=st.just(20.0),
)
changes = st.fixed_dictionaries(
    {
        "structure": texts,
        "kind": st.sampled_from(["insert", "update", "delete", "reset"]),
        "key": scalars,
        "before": values,
        "after": values,
        "cursor": texts,
        "author": optional_texts,
    },
    optional={
        "omitted": st.sampled_from([["before"], ["before", "after"]]),
        "splice": st.tuples(ids, ids, texts).map(list),
    },
)
positions = st.integers(0, 2**53 - 1)
rows = st.dictionaries(texts, results, max_size=3)
row_changes = st.one_of(
    st.tuples(st.sampled_from(["insert", "update"]), positions, rows),
    st.tuples(st.just("delete"), positions),
    st.tuples(st.just("move"), positions, positions, rows),
).map(list)
client_messages = st.one_of(
    st.builds(Hello, optional_texts, texts, ids),
    st.builds(ReadRequest, ids, texts, reads),
    st.builds(
        CommitRequest,
        ids,
        st.dictionaries(texts, st.lists(ops, max_size=2), max_size=2),
        st.lists(checks, max_size=2),
        optional_texts,
    ),
    st.builds(QueryRequest, ids, values, st.booleans()),
    st.builds(Watch, ids, values, optional_texts),
    st.builds(Subscribe, ids, texts, optional_texts, ids),
    st.builds(Seen, ids, st.dictionaries(texts, st.lists(texts, max_size=3), max_size=3), st.lists(texts)),
    st.builds(More, ids, ids),
    st.builds(Unsubscribe, ids, ids),
    st.builds(Join, ids, texts),
    st.builds(SetPresence, ids, texts, ids, values),
    st.builds(Leave, ids, texts),
    st.builds(Ping, ids),
    st.builds(ClusterRequest, ids),
    st.builds(RevokeRequest, ids, st.text(), st.none() | st.text(), st.booleans()),
    st.builds(CollectionsRequest, ids, texts, texts),
    st.builds(StateHashRequest, ids, texts),
    st.builds(DropRequest, ids, texts),
    st.builds(EraseRequest, ids, texts, optional_texts),
    st.builds(BackupRequest, ids, texts, ids, optional_texts),
    st.builds(RestoreRequest, ids, texts, ids, st.binary(max_size=8), st.booleans()),
)
server_messages = st.one_of(
    st.builds(Welcome, texts, limits, ids),
    st.builds(Result, ids, results),
    st.builds(Error, st.none() | ids, failures),
    st.builds(Changes, ids, st.lists(changes, max_size=3)),
    st.builds(Difference, ids, texts, st.booleans(), st.booleans(), st.lists(row_changes, max_size=3)),
    st.builds(Ended, ids, failures),
    st.builds(Presence, texts, st.dictionaries(ids, values, max_size=3), st.booleans()),
    st.builds(Bye, texts),
)


@given(codecs, client_messages)
def test_client_messages_survive_the_wire(codec, message):
    assert decode_client(encode(message, codec), codec) == message


@given(codecs, server_messages)
def test_server_messages_survive_the_wire(codec, message):
    assert decode_server(encode(message, codec), codec) == message


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_protocol_error(data):
    with contextlib.suppress(ProtocolError):
        decode_client(data, MsgpackCodec())


@given(values)
def test_any_value_is_a_message_or_a_protocol_error(value):
    codec = JsonCodec()
    for raw in (
        value,
        {"type": value},
        {"type": "read", "id": value},
        {"type": "commit", "id": 1, "writes": value},
    ):
        with contextlib.suppress(ProtocolError):
            decode_client(codec.encode(raw), codec)


@given(st.text(max_size=60))
def test_any_text_is_a_message_or_a_protocol_error(text):
    with contextlib.suppress(ProtocolError):
        decode_client(text, JsonCodec())


def test_json_form():
    read = ReadRequest(7, "tasks", Read(RECORDS, "get", ("t1",)))
    assert json.loads(encode(read, JsonCodec())) == {
        "type": "read",
        "id": 7,
        "collection": "tasks",
        "read": ["records", ["records"], "get", ["t1"]],
    }


def test_explaining_is_asked_for():
    frame = json.dumps({"type": "query", "id": 3, "query": {"from": "tasks"}})
    assert decode_client(frame, JsonCodec()) == QueryRequest(3, {"from": "tasks"}, False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (7, "a kind of insert, update, delete, move"),
        ([], "a kind of"),
        ([["insert"], 0, {}], "a kind of"),
        (["dance", 0, {}], "a kind of"),
        (["insert"], "1 of 0, 1, 2 ... for insert"),
        (["insert", -1, {}], "1 of 0, 1, 2"),
        (["insert", True, {}], "1 of 0, 1, 2"),
        (["move", 1, {}], "2 of 0, 1, 2"),
        (["insert", 1], "one row for insert"),
        (["update", 1, []], "one row for update"),
        (["insert", 1, {}, {}], "one row for insert"),
        (["delete", 1, {}], "no row for delete"),
    ],
)
def test_malformed_changes_of_rows_are_refused(change, expected):
    message = {"type": "difference", "subscription": 1, "cursor": "c", "reset": False, "more": False}
    with pytest.raises(ProtocolError, match=expected):
        decode_server(json.dumps({**message, "changes": [change]}), JsonCodec())


def test_a_server_may_know_no_views():
    message = encode(Welcome("s", WelcomeLimits(1, 1, 1.0, 1, 1, 1, 1, 1, difference=5)), JsonCodec())
    raw = json.loads(message)
    assert raw["limits"].pop("difference") == 5
    assert decode_server(json.dumps(raw), JsonCodec()).limits.difference == 0


def test_unknown_fields_are_ignored():
    frame = json.dumps({"type": "ping", "id": 3, "colour": "red"})
    assert decode_client(frame, JsonCodec()) == Ping(3)


@pytest.mark.parametrize("id", [9, None])
def test_unknown_types_say_so_with_their_id(id):
    with pytest.raises(UnknownType, match="'dance'") as raised:
        decode_client(json.dumps({"type": "dance", "id": id}), JsonCodec())
    assert raised.value.id == id


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ([], "a message is an object"),
        ({}, "'type' is missing"),
        ({"type": "ping"}, "ping: field 'id' is missing"),
        ({"type": "ping", "id": "1"}, "ping.id has to be an integer"),
        ({"type": "ping", "id": True}, "ping.id has to be an integer"),
        ({"type": "ping", "id": -1}, "ping.id has to be an integer"),
        ({"type": "read", "id": 1, "collection": 1, "read": []}, r"read.read has to be \[kind, path"),
        ({"type": "commit", "id": 1, "writes": {"a": [1]}, "checks": []}, "commit.writes has to be a list"),
        ({"type": "commit", "id": 1, "writes": {"a": 1}, "checks": []}, "commit.writes.a has to be a list"),
        ({"type": "commit", "id": 1, "writes": {}, "checks": [[]]}, "commit.checks has to be"),
        ({"type": "query", "id": 1}, "query: field 'query' is missing"),
        ({"type": "query", "id": 1, "query": {}, "explain": 1}, "query.explain has to be true or false"),
        ({"type": "watch", "id": 1, "query": {}, "since": 1}, "watch.since has to be a string"),
        ({"type": "hello"}, "hello: field 'version' is missing"),
    ],
)
def test_malformed_messages_name_what_is_wrong(message, expected):
    with pytest.raises(ProtocolError, match=expected):
        decode_client(json.dumps(message), JsonCodec())


def test_frames_of_the_other_kind_are_refused():
    with pytest.raises(ProtocolError, match="binary frames only"):
        decode_client("{}", MsgpackCodec())
    with pytest.raises(ProtocolError, match="text frames only"):
        decode_client(b"{}", JsonCodec())


@pytest.mark.parametrize(
    "error",
    [
        error
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.ProtoBaseError)
    ],
)
def test_every_error_survives_the_wire(error):
    arrived = Failure.of(error("what was wrong")).error()
    assert type(arrived) is error
    assert str(arrived) == "what was wrong"
    assert arrived.retryable == error.retryable


def test_subclasses_and_codes_that_are_not_known_keep_what_matters():
    class Special(Unavailable):
        pass

    assert Failure.of(Special("x")) == Failure("unavailable", "x", True)
    later = Failure("too_tired", "sleep", True).error()
    assert type(later) is errors.ProtoBaseError
    assert later.retryable
    assert str(later) == "too_tired: sleep"


def test_every_limit_has_a_default():
    assert set(WelcomeLimits.__dataclass_fields__) <= set(LiveLimits.__dataclass_fields__)


def test_a_collection_may_have_any_name_and_costs_what_it_brings(monkeypatch) -> None:
    """Errors call the part by its place, also where a collection is named as the field of a message."""
    with pytest.raises(ProtocolError, match=r"^commit\.writes\.type has to be a list"):
        parse_writes({"type": 5})
    made = 0
    init = Fields.__init__

    def count(self, *arguments) -> None:
        nonlocal made
        made += 1
        init(self, *arguments)

    monkeypatch.setattr(Fields, "__init__", count)
    parse_writes({f"c{n}": [] for n in range(1_000)})
    assert made == 2


def parse_writes(writes: dict) -> CommitRequest:
    return CommitRequest.parse(Fields({"type": "commit", "id": 1, "writes": writes, "checks": []}))
