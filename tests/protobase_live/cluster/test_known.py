"""What is known of the other node follows what it says, also of what was sent and not taken."""

from __future__ import annotations

from protobase_live.cluster.known import Known
from protobase_live.collection.former import FIRST, History

NEXT = FIRST.next("x")


def test_what_was_not_taken_is_not_there() -> None:
    known = Known()
    known.is_durable({"a": 1})
    known.go_on({"a": 3})
    known.fail()
    assert known.vector == {"a": 1}


def test_a_deletion_that_was_not_taken_has_not_happened() -> None:
    known = Known()
    known.begin_again(FIRST, {"a": 1})
    known.replace(NEXT)
    known.go_on({"a": 2})
    known.fail()
    assert known.history == FIRST


def test_a_deletion_that_was_heard_of_stays() -> None:
    known = Known()
    known.replace(NEXT)
    known.is_durable({"a": 2})
    known.go_on({"a": 3})
    known.fail()
    assert known.history == History(1, "x")
    assert known.vector == {"a": 2}
