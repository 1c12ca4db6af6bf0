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
    found.silence(b"notes")
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
    assert found.receive(frame("notes", STEP1)) is None
    assert list(found.accept(b"notes")) == [Said(b"notes", STEP1)]


def test_a_token_among_what_was_kept_is_decided_before_what_follows_it():
    found = documents()
    for message in (AUTH, AWARENESS, AUTH, STEP1):
        found.receive(frame("notes", message))
    assert list(found.accept(b"notes")) == [Said(b"notes", AWARENESS), Asked(b"notes", "secret")]
    assert list(found.accept(b"notes")) == [Said(b"notes", STEP1)]


def test_what_is_kept_is_bounded():
    for messages, limit in (
        ([frame("notes", b"\x01" + bytes(400))] * 3, "undecided_bytes"),
        ([frame("notes", AWARENESS)] * 11, "undecided_messages"),
        ([frame(f"notes{n}", AWARENESS) for n in range(4)], "undecided_documents"),
        ([frame(f"notes{n}", AUTH) for n in range(4)], "undecided_documents"),
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
