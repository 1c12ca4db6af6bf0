import pytest

from protobase_live.errors import LimitExceeded, Overloaded, RecordMissing, ValidationError
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Hello,
    Ping,
    QueryRequest,
    ReadRequest,
    Seen,
)
from protobase_live.protocol.live.codec import CODECS, JsonCodec, MsgpackCodec
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    MAX_REASON_BYTES,
    MESSAGE_TOO_BIG,
    UNAUTHORIZED,
    LiveLimits,
)
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.server_messages import Changes, Difference, Ended, Error, Result, Welcome
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.stream_messages import More, Subscribe, Watch
from protobase_live.protocol.live.violation import Violation

CODEC = MsgpackCodec()
LIMITS = LiveLimits(
    requests=2, subscriptions=1, credit=10, operations=2, answer_bytes=300, difference=9, seen=2
)


def change(number: int, size: int = 0) -> dict:
    return {
        "structure": "records",
        "kind": "insert",
        "key": str(number),
        "before": None,
        "after": "x" * size,
        "cursor": str(number),
        "author": None,
    }


def receive(session, message):
    return session.receive(encode(message, CODEC))


def sent(frame):
    return decode_server(frame, CODEC)


@pytest.fixture
def session():
    session = ServerSession(CODEC, LIMITS, "s1")
    receive(session, Hello())
    return session


def violation(session, message) -> Violation:
    with pytest.raises(Violation) as raised:
        receive(session, message)
    return raised.value


@pytest.mark.parametrize("level", ["", "x", "Local", "peers=-1", "peers=99999", "x" * 10_000])
def test_a_durability_that_is_none_closes(session, level):
    message = {"type": "commit", "id": 1, "writes": {}, "checks": [], "durability": level}
    with pytest.raises(Violation, match=r"commit\.durability: ") as raised:
        session.receive(CODEC.encode(message))
    assert (raised.value.code, len(str(raised.value)) < 200) == (BAD_MESSAGE, True)


def refusal(session, message) -> Exception:
    answer = receive(session, message)
    assert isinstance(answer, Error)
    assert answer.id == message.id
    return answer.failure.error()


def test_welcome_tells_the_limits(session):
    welcome = sent(session.welcome())
    assert isinstance(welcome, Welcome)
    assert (welcome.session, welcome.limits.requests, welcome.limits.credit) == ("s1", 2, 10)


def test_hello_comes_first_and_once():
    session = ServerSession(CODEC, LIMITS, "s1")
    assert violation(session, Ping(1)).code == BAD_MESSAGE
    assert receive(session, Hello("t", "me")) == Hello("t", "me")
    assert violation(session, Hello()).code == BAD_MESSAGE


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        (Hello(version=2), BAD_MESSAGE),
        (Hello(token="x" * 9000), UNAUTHORIZED),
        (Hello(client="x" * 201), BAD_MESSAGE),
    ],
)
def test_hello_is_checked(hello, code):
    assert violation(ServerSession(CODEC, LIMITS, "s1"), hello).code == code


def test_messages_are_limited_in_bytes_not_characters():
    session = ServerSession(JsonCodec(), LiveLimits(message_bytes=100), "s1")
    with pytest.raises(Violation) as raised:
        session.receive('{"type":"hello","version":1,"client":"' + "ü" * 40 + '"}')
    assert raised.value.code == MESSAGE_TOO_BIG


def test_the_reason_of_a_violation_fits_a_close_frame(session):
    with pytest.raises(Violation) as raised:
        session.receive(MsgpackCodec().encode({"type": "ping", "id": "ü" * 200}))
    assert raised.value.code == BAD_MESSAGE
    assert len(raised.value.reason.encode()) <= MAX_REASON_BYTES


def test_unknown_types_are_answered(session):
    answer = session.receive(MsgpackCodec().encode({"type": "dance", "id": 4}))
    assert isinstance(answer, Error)
    assert sent(session.refusal(answer)).id == 4


def test_requests_are_limited_until_they_are_answered(session):
    receive(session, Ping(1))
    receive(session, Ping(2))
    assert isinstance(refusal(session, Ping(3)), Overloaded)
    assert sent(session.result(1, "pong")) == Result(1, "pong")
    assert receive(session, Ping(3)) == Ping(3)
    session.error(2, RecordMissing("no"))
    assert session.waiting == 1


def test_an_id_in_use_closes(session):
    receive(session, Subscribe(1, "tasks", None, 5))
    assert violation(session, Ping(1)).code == BAD_MESSAGE
    session.result(1, {"cursor": "c"})
    assert violation(session, Ping(1)).code == BAD_MESSAGE
    session.unsubscribe(1)
    assert receive(session, Ping(1)) == Ping(1)


def test_commits_are_limited(session):
    ops = [Op(RECORDS, "delete", ("a",))] * 3
    assert isinstance(refusal(session, CommitRequest(1, {"tasks": ops})), LimitExceeded)


def test_streams_are_limited(session):
    receive(session, Subscribe(1, "tasks", None, 5))
    assert isinstance(refusal(session, Subscribe(2, "tasks", None, 5)), LimitExceeded)
    assert isinstance(sent(session.error(1, ValidationError("no cursor"))), Error)
    assert receive(session, Subscribe(2, "tasks", None, 5)) == Subscribe(2, "tasks", None, 5)


def test_views_count_as_streams_and_have_their_ids(session):
    watch = Watch(1, {"from": "tasks"}, None)
    assert receive(session, watch) == watch
    assert isinstance(refusal(session, Subscribe(2, "tasks", None, 5)), LimitExceeded)
    session.result(1)
    assert violation(session, Ping(1)).code == BAD_MESSAGE
    assert isinstance(refusal(session, Watch(2, {}, None)), LimitExceeded)
    session.unsubscribe(1)
    receive(session, watch)
    session.error(1, ValidationError("no query"))
    receive(session, watch)
    session.result(1)
    assert isinstance(sent(session.ended(1, LimitExceeded("x"))), Ended)
    assert receive(session, Ping(1)) == Ping(1)


def encoded(session, changes):
    return [session.encodings.of(each, lambda each=each: each) for each in changes]


def rows(session, changes):
    return [session.encodings.alone(each) for each in changes]


def test_a_difference_is_split_into_frames_within_the_limits():
    session = ServerSession(CODEC, LiveLimits(answer_bytes=300, batch=4, difference=9), "s1")
    small, large = [["delete", 0]] * 5, [["insert", 0, {"text": "x" * 90}]] * 4
    frames = list(session.difference(1, "c", True, rows(session, small + large), 9))
    assert all(len(frame) <= 300 for frame in frames)
    parts = [sent(frame) for frame in frames]
    assert [change for part in parts for change in part.changes] == small + large
    assert max(len(part.changes) for part in parts) == 4
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {(part.subscription, part.cursor, part.reset) for part in parts} == {(1, "c", True)}


def test_an_empty_difference_tells_its_cursor(session):
    (frame,) = session.difference(1, "c", False, [], 0)
    assert sent(frame) == Difference(1, "c", False, False, [])


def test_a_difference_beyond_the_limits_fails(session):
    with pytest.raises(LimitExceeded, match="answer_bytes"):
        list(session.difference(1, "c", True, rows(session, [["insert", 0, {"text": "x" * 400}]]), 1))
    with pytest.raises(LimitExceeded, match=r"\(difference\); watch fewer rows"):
        list(session.difference(1, "c", True, [], 10))


def test_a_difference_is_encoded_no_further_than_it_is_told():
    session, made = ServerSession(CODEC, LiveLimits(batch=4, difference=9), "s1"), []

    def encoded():
        for at in range(5):
            made.append(at)
            yield session.encodings.alone(["delete", at])

    with pytest.raises(LimitExceeded, match="more than"):
        next(session.difference(1, "c", True, encoded(), 10))
    assert made == []
    next(session.difference(1, "c", True, encoded(), 5))
    assert made == [0, 1, 2, 3]


@pytest.mark.parametrize("codec", CODECS.values())
@pytest.mark.parametrize("count", [0, 3, 4, 70])
def test_a_long_answer_is_made_in_portions(codec, count):
    session = ServerSession(codec, LiveLimits(batch=3), "s1")
    session.receive(encode(Hello(), codec))
    session.receive(encode(QueryRequest(1, {"from": "tasks"}), codec))
    rows = [{"n": n, "text": "ü]", "tags": {n}, "bytes": b"x"} for n in range(count)]
    *pauses, frame = session.answer(1, rows)
    assert pauses == [None] * (len(pauses) and (count + 2) // 3)
    assert bool(pauses) == (count > 3)
    assert decode_server(frame, codec) == Result(1, rows)
    assert session.waiting == 0


@pytest.mark.parametrize("codec", CODECS.values())
@pytest.mark.parametrize("size", [1, 90, 180])
def test_a_list_takes_as_many_frames_as_it_needs(codec, size):
    session = ServerSession(codec, LiveLimits(batch=3, answer_bytes=300), "s1")
    session.receive(encode(Hello(), codec))
    session.receive(encode(QueryRequest(1, {"from": "tasks"}), codec))
    rows = [{"n": n, "text": "x" * size} for n in range(50)]
    frames = [frame for frame in session.answer(1, rows) if frame is not None]
    assert all(len(frame) <= 300 for frame in frames)
    told = [decode_server(frame, codec) for frame in frames]
    assert [part.more for part in told] == [True] * (len(told) - 1) + [False]
    assert [row for part in told for row in part.value] == rows
    assert session.waiting == 0


@pytest.mark.parametrize("codec", CODECS.values())
def test_an_item_that_is_too_large_fails_its_answer(codec):
    session = ServerSession(codec, LiveLimits(batch=3, answer_bytes=300), "s1")
    session.receive(encode(Hello(), codec))
    session.receive(encode(QueryRequest(1, {"from": "tasks"}), codec))
    *_, frame = session.answer(1, [{"text": "x"}] * 10 + [{"text": "x" * 400}])
    assert "answer_bytes) for one item alone" in decode_server(frame, codec).failure.message
    assert session.waiting == 0
    session.receive(encode(QueryRequest(1, {"from": "tasks"}), codec))
    *_, frame = session.answer(1, [1, 2, 3, object()])
    assert decode_server(frame, codec).failure.code == "validation_error"


def test_credit_is_used_up_and_granted(session):
    receive(session, Subscribe(1, "tasks", None, 2))
    assert [sent(frame) for frame in session.changes(1, encoded(session, [change(1), change(2)]))] == [
        Changes(1, [change(1), change(2)])
    ]
    assert session.credit(1) == 0
    receive(session, More(1, 10))
    assert session.credit(1) == 10
    assert violation(session, More(1, 1)).code == BAD_MESSAGE
    receive(session, More(99, 10))
    assert isinstance(sent(session.ended(1, LimitExceeded("x"))), Ended)
    assert session.credit(1) is None


def test_a_credit_beyond_the_limit_closes(session):
    assert violation(session, Subscribe(1, "tasks", None, 11)).code == BAD_MESSAGE


def test_changes_are_split_into_frames_within_the_limit(session):
    receive(session, Subscribe(1, "tasks", None, 10))
    changes = [change(number, 100) for number in range(5)]
    frames = session.changes(1, encoded(session, changes))
    assert len(frames) > 1
    assert all(len(frame) <= LIMITS.answer_bytes for frame in frames)
    assert [one for frame in frames for one in sent(frame).changes] == changes


def test_a_change_that_is_too_large_is_told_without_its_values(session):
    receive(session, Subscribe(1, "tasks", None, 10))
    large = {**change(7, 120), "before": "y" * 120, "splice": [0, 120, "x" * 120]}
    larger = change(8, 400)
    frames = session.changes(1, encoded(session, [large, larger, change(9)]))
    assert all(len(frame) <= LIMITS.answer_bytes for frame in frames)
    told = [one for frame in frames for one in sent(frame).changes]
    assert [one["cursor"] for one in told] == ["7", "8", "9"]
    assert [(one["before"], one["after"], one.get("omitted")) for one in told] == [
        (None, "x" * 120, ["before"]),
        (None, None, ["before", "after"]),
        (None, "", None),
    ]


def test_of_a_long_text_whose_splice_is_too_large_nothing_is_told_that_is_not_so(session):
    receive(session, Subscribe(1, "tasks", None, 10))
    omitted = ["before", "after"]
    long = {**change(7), "before": None, "after": None, "omitted": omitted, "splice": [0, 0, "x" * 400]}
    [frame] = session.changes(1, encoded(session, [long]))
    [told] = sent(frame).changes
    assert (told["before"], told["after"], told["omitted"], "splice" in told) == (None, None, omitted, False)


def test_answers_beyond_the_limit_are_errors(session):
    receive(session, ReadRequest(1, "tasks", Read(RECORDS, "get", ("a",))))
    answer = sent(session.result(1, "x" * 400))
    assert isinstance(answer, Error)
    assert answer.failure.code == "limit_exceeded"
    assert session.waiting == 0


def test_what_was_seen_elsewhere_is_told_once_and_bounded(session):
    too_many = receive(session, Seen(1, {"a": ["1"], "b": ["2"]}, ["3"]))
    assert "at most 2 cursors (seen), not 3" in too_many.failure.message
    assert receive(session, Seen(2, {"a": ["1"]}, ["3"])) == Seen(2, {"a": ["1"]}, ["3"])
    session.result(2)
    again = receive(session, Seen(3, {}, []))
    assert (again.failure.code, again.failure.message) == ("validation_error", "seen comes once")
