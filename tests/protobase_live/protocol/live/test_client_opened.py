"""What a client has opened is named where it subscribes, as long as the server has to be told."""

from __future__ import annotations

from protobase_live.model.operations import Read, Target
from protobase_live.protocol.live.client_messages import ReadRequest
from protobase_live.protocol.live.client_opened import ClientOpened

BODY, TAGS, LIKES = Target("text", ("body",)), Target("set", ("tags",)), Target("counter", ("likes",))


def opened(target: Target, method: str = "open") -> ReadRequest:
    return ReadRequest(1, "tasks", Read(target, method))


def test_what_was_opened_is_known_by_its_collection() -> None:
    known = ClientOpened()
    known.answered(opened(BODY), False)
    known.answered(opened(TAGS), False)
    assert (known.of("tasks"), known.of("notes")) == ([BODY, TAGS], [])


def test_what_is_written_by_now_is_told_anyway() -> None:
    known = ClientOpened()
    known.answered(opened(BODY), False)
    known.answered(opened(BODY), True)
    known.answered(opened(TAGS), True)
    assert known.of("tasks") == []


def test_reading_opens_nothing() -> None:
    known = ClientOpened()
    known.answered(opened(BODY, "value"), False)
    assert known.of("tasks") == []


def test_the_oldest_are_forgotten() -> None:
    known = ClientOpened(2)
    for target in (BODY, TAGS, BODY, LIKES):
        known.answered(opened(target), False)
    assert known.of("tasks") == [BODY, LIKES]
