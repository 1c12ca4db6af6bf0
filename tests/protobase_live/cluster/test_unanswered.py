"""What was sent and not answered yet is counted, and let go of in its order."""

from __future__ import annotations

from protobase_live.cluster.unanswered import Sent, Unanswered, earliest
from protobase_live.collection.former import FIRST


def test_an_answer_holds_for_all_before() -> None:
    unanswered = Unanswered()
    first, second, third = Sent(10, 1.0, {}), Sent(20, 2.0, {}), Sent(30, 3.0, {"c": (FIRST, {})})
    assert [unanswered.add(each) for each in (first, second, third)] == [1, 2, 3]
    assert unanswered.bytes == 60
    assert list(unanswered.answered(2)) == [first, second]
    assert (unanswered.bytes, unanswered.since) == (30, {"c": 3.0})


def test_what_was_answered_once_is_not_counted_again() -> None:
    unanswered = Unanswered()
    unanswered.add(Sent(10, 1.0, {}))
    assert len(list(unanswered.answered(1))) == 1
    assert list(unanswered.answered(1)) == []
    assert (unanswered.bytes, unanswered.since) == (0, {})


def test_of_what_is_told_twice_the_earliest_counts() -> None:
    assert earliest({"a": 2.0, "b": 1.0}, {}, {"a": 1.5, "c": 3.0}) == {"a": 1.5, "b": 1.0, "c": 3.0}
