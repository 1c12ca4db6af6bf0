"""Times of commits go up, and no clock that is wrong takes the others along for good."""

from __future__ import annotations

import logging
from math import inf, nan

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.commit_time import CommitTime
from protobase_storage import Commit, Loaded

NOW, HOUR = 1_000_000.0, 3_600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def time(clock) -> CommitTime:
    return CommitTime("tasks", clock, HOUR)


def test_a_clock_that_was_set_back_goes_on_from_where_it_was(time, clock) -> None:
    first = time.next()
    clock.set_wall_clock(-HOUR / 2)
    second, third = time.next(), time.next()
    assert NOW == first < second < third < NOW + 1
    clock.set_wall_clock(HOUR)
    assert time.next() == NOW + HOUR / 2


def test_a_commit_is_later_than_what_it_was_made_on(time) -> None:
    time.follow([NOW + HOUR])
    assert NOW + HOUR < time.next() < NOW + HOUR + 1


def test_what_lies_too_far_ahead_is_not_followed_and_told_once(time, clock, caplog) -> None:
    caplog.set_level(logging.WARNING)
    time.follow([NOW + 100, NOW + HOUR + 1, 10 * NOW, inf, nan])
    assert NOW + 100 < time.next() < NOW + 101
    (record,) = caplog.records
    assert record.getMessage() == (
        "a commit of collection 'tasks' is 3601 seconds ahead of this node's clock (clock_ahead_seconds): "
        "is one of them wrong?"
    )


def test_a_clock_that_was_far_ahead_leaves_nothing_in_what_is_loaded(time, clock) -> None:
    stored = [
        Commit("node/t", n, "tasks", b"", (), when) for n, when in ((1, NOW - 1), (2, NOW + 100 * HOUR))
    ]
    time.begin(Loaded(None, tuple(stored)))
    assert time.next() == NOW
