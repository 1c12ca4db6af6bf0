from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.errors import LimitExceeded, ProtocolError
from protobase_live.protocol.hocuspocus.documents import Asked, Documents, Left, Said, UndecidedLimits
from protobase_live.protocol.yjs.varint import prefixed

LIMITS = UndecidedLimits(bytes=1_000, messages=10, documents=3)
AUTH = b"\x02\x00\x06secret"
STEP1 = b"\x00\x00\x01\x00"
AWARENESS = b"\x01\x01\x00"
UPDATE = b"\x00\x02\x02\x00\x00"
GOOD = b"\x02\x00\x04good"
CLOSE = b"\x07"


def frame(key: str, message: bytes) -> bytes:
    return prefixed(key.encode()) + message


def documents() -> Documents:
    return Documents(LIMITS, most_silent=3)


def opened(key: str) -> Documents:
    found = documents()
    assert found.receive(frame(key, AUTH)) == Asked(key.encode(), "secret")
    assert list(found.accept(key.encode())) == []
    return found


def test_what_comes_before_the_decision_is_kept_in_order():
    found = documents()
    assert found.receive(frame("notes", AWARENESS)) is None
    assert found.receive(frame("notes", AUTH)) == Asked(b"notes", "secret")
    assert found.receive(frame("notes", STEP1)) is None
    assert list(found.accept(b"notes")) == [Said(b"notes", AWARENESS), Said(b"notes", STEP1)]
    assert found.receive(frame("notes", AWARENESS)) == Said(b"notes", AWARENESS)


def test_sessions_of_a_document_are_documents():
    found = opened("notes\0one")
    assert found.receive(frame("notes\0two", AUTH)) == Asked(b"notes\0two", "secret")
    assert found.receive(frame("notes\0one", STEP1)) == Said(b"notes\0one", STEP1)


def test_who_begins_with_step_1_has_no_token():
    found = documents()
    assert found.receive(frame("notes", STEP1)) == Asked(b"notes", None)
    assert list(found.accept(b"notes")) == [Said(b"notes", STEP1)]


def test_a_document_that_was_refused_is_silent_until_it_is_asked_for_again():
    found = documents()
    found.receive(frame("notes", AUTH))
    found.receive(frame("notes", STEP1))
    assert list(found.refuse(b"notes")) == []
    for message in (STEP1, AWARENESS):
        assert found.receive(frame("notes", message)) is None
    assert found.receive(frame("notes", AUTH)) == Asked(b"notes", "secret")
    assert list(found.accept(b"notes")) == []


def test_the_last_words_about_a_document_that_was_left_are_nobody_s():
    found = opened("notes")
    assert found.receive(frame("notes", CLOSE)) == Left(b"notes")
    assert found.receive(frame("notes", AWARENESS)) is None
    assert found.receive(frame("notes", CLOSE)) is None
    assert found.receive(frame("notes", STEP1)) == Asked(b"notes", None)
    assert list(found.accept(b"notes")) == [Said(b"notes", STEP1)]


def test_a_token_that_is_said_again_is_decided_again():
    found = opened("notes")
    assert found.receive(frame("notes", AUTH)) == Asked(b"notes", "secret")
    assert list(found.accept(b"notes")) == []


def test_an_open_document_is_heard_while_its_token_is_looked_at_again():
    found = opened("notes")
    found.receive(frame("notes", AUTH))
    assert found.receive(frame("notes", UPDATE)) == Said(b"notes", UPDATE)
    assert found.receive(frame("notes", CLOSE)) == Left(b"notes")
    assert found.receive(frame("notes", UPDATE)) is None


def test_a_token_among_what_was_kept_is_decided_next():
    found = documents()
    for message in (AUTH, AWARENESS, GOOD, STEP1):
        found.receive(frame("notes", message))
    heard = list(found.accept(b"notes"))
    assert heard == [Said(b"notes", AWARENESS), Asked(b"notes", "good"), Said(b"notes", STEP1)]
    assert list(found.accept(b"notes")) == []


def test_a_newer_token_is_asked_about_when_the_older_one_is_refused():
    found = documents()
    for message in (AUTH, STEP1, GOOD, AWARENESS):
        found.receive(frame("notes", message))
    assert list(found.refuse(b"notes")) == [Asked(b"notes", "good")]
    assert list(found.accept(b"notes")) == [Said(b"notes", STEP1), Said(b"notes", AWARENESS)]
    assert list(found.refuse(b"notes")) == []
    assert found.receive(frame("notes", AWARENESS)) is None


def test_of_several_newer_tokens_of_an_open_document_the_last_one_counts():
    found = opened("notes")
    for message in (AUTH, AUTH, GOOD):
        found.receive(frame("notes", message))
    assert found.is_renewed(b"notes")
    assert list(found.refuse(b"notes")) == [Asked(b"notes", "good")]
    assert found.receive(frame("notes", UPDATE)) == Said(b"notes", UPDATE)
    assert list(found.refuse(b"notes")) == []
    assert found.receive(frame("notes", UPDATE)) is None


def test_who_cannot_be_decided_for_now_may_come_with_another_token():
    found = documents()
    found.receive(frame("notes", AUTH))
    assert list(found.postpone(b"notes")) == []
    assert found.receive(frame("notes", UPDATE)) is None
    assert found.receive(frame("notes", GOOD)) == Asked(b"notes", "good")
    found.receive(frame("notes", AUTH))
    assert list(found.postpone(b"notes")) == [Asked(b"notes", "secret")]
    assert list(found.accept(b"notes")) == [Said(b"notes", UPDATE)]
    found.receive(frame("notes", AUTH))
    assert list(found.postpone(b"notes")) == []
    assert found.receive(frame("notes", GOOD)) == Asked(b"notes", "good")


def test_who_leaves_before_the_decision_leaves_behind_what_was_written():
    found = documents()
    for message in (AUTH, STEP1, UPDATE, CLOSE):
        assert not isinstance(found.receive(frame("notes", message)), Left)
    assert found.is_left(b"notes")
    assert found.has_words(b"notes")
    heard = [Said(b"notes", STEP1), Said(b"notes", UPDATE), Left(b"notes")]
    assert list(found.accept(b"notes")) == heard
    assert found.receive(frame("notes", AWARENESS)) is None


def test_who_comes_back_behind_what_was_written_is_decided_for_itself():
    for answer in ("accept", "refuse"):
        found = documents()
        for message in (AUTH, UPDATE, CLOSE, GOOD, STEP1):
            found.receive(frame("notes", message))
        heard = list(getattr(found, answer)(b"notes"))
        before = [Said(b"notes", UPDATE), Left(b"notes")] if answer == "accept" else []
        assert heard == [*before, Asked(b"notes", "good")]
        assert list(found.accept(b"notes")) == [Said(b"notes", STEP1)]


def test_who_leaves_without_having_written_leaves_at_once():
    found = documents()
    found.receive(frame("notes", AUTH))
    found.receive(frame("notes", STEP1))
    assert not found.has_words(b"notes")
    assert found.receive(frame("notes", CLOSE)) == Left(b"notes")


def test_more_documents_than_may_be_undecided_wait_in_their_order():
    found = documents()
    for n in range(5):
        found.receive(frame(f"notes{n}", AUTH))
    assert found.full
    assert found.receive(frame("notes0", CLOSE)) is None, "what came before comes first"
    list(found.accept(b"notes0"))
    assert list(found.go_on()) == [Asked(b"notes3", "secret")]
    list(found.refuse(b"notes1"))
    assert list(found.go_on()) == [Asked(b"notes4", "secret"), Left(b"notes0")]
    assert not found.full


def test_newer_tokens_of_open_documents_take_no_places():
    found = documents()
    for n in range(5):
        found.receive(frame(f"notes{n}", AUTH))
        list(found.accept(f"notes{n}".encode()))
    for n in range(5):
        assert found.receive(frame(f"notes{n}", AUTH)) == Asked(f"notes{n}".encode(), "secret")
    assert found.receive(frame("another", AUTH)) == Asked(b"another", "secret")


def test_what_was_never_here_is_not_remembered():
    found = documents()
    found.receive(frame("notes", AUTH))
    found.silence(b"notes")
    for n in range(5):
        assert found.receive(frame(f"never{n}", CLOSE)) is None
    assert found.receive(frame("notes", STEP1)) is None, "it is remembered to have been refused"


def test_what_is_kept_is_bounded():
    for messages, limit in (
        ([frame("notes", b"\x01" + bytes(400))] * 3, "undecided_bytes"),
        ([frame("notes", AWARENESS)] * 11, "undecided_messages"),
        ([frame(f"notes{n}", AWARENESS) for n in range(4)], "undecided_documents"),
        ([frame("notes", b"\x02\x00" + prefixed(bytes(1_001)))], "undecided_bytes"),
        ([frame(f"notes{n}", b"\x02\x00" + prefixed(bytes(400))) for n in range(5)], "undecided_bytes"),
    ):
        found = documents()
        for message in messages[:-1]:
            found.receive(message)
        with pytest.raises(LimitExceeded, match=limit):
            found.receive(messages[-1])


def test_what_was_decided_makes_room():
    found = documents()
    for n in range(50):
        found.receive(frame(f"notes{n}", b"\x01" + bytes(400)))
        found.receive(frame(f"notes{n}", AUTH))
        if n % 3 == 0:
            list(found.accept(f"notes{n}".encode()))
        elif n % 3 == 1:
            found.silence(f"notes{n}".encode())
        else:
            found.receive(frame(f"notes{n}", CLOSE))


@pytest.mark.parametrize("message", [b"", b"\x05no", frame("notes", b"\x02\x00\x05no")])
def test_malformed_frames(message: bytes):
    with pytest.raises(ProtocolError):
        documents().receive(message)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["auth", "step 1", "other", "close"]))))
def test_what_is_said_comes_out_once_and_in_order(said: list[tuple[str, str]]):
    """If every document is let in at once; what is said about a document that is not open may be left out."""
    found, heard, expected = Documents(UndecidedLimits(100_000, 1_000, 10), 10), list[bytes](), list[bytes]()
    is_open: set[str] = set()

    def take(event: object) -> None:
        if isinstance(event, Asked):
            for each in list(found.accept(event.key)):
                take(each)
        elif isinstance(event, Said):
            heard.append(event.message)

    for n, (key, what) in enumerate(said):
        message = {"auth": AUTH, "step 1": STEP1, "other": b"\x05", "close": CLOSE}[what] + n.to_bytes(2)
        if what in ("auth", "step 1"):
            is_open.add(key)
        elif what == "close":
            is_open.discard(key)
        if what in ("step 1", "other") and key in is_open:
            expected.append(message)
        take(found.receive(frame(key, message)))
    assert len(set(heard)) == len(heard)
    assert [message for message in heard if message in expected] == expected
