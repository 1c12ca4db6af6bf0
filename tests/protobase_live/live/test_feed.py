"""A feed holds the newest changes, and what was read from the log for one stream is there for all."""

from __future__ import annotations

from protobase_live.change import Change
from protobase_live.cursor import Cursor
from protobase_live.live.feed import Entry, Feed
from protobase_storage import Commit


def entry(sequence: int, changes: int = 1) -> Entry:
    change = Change("tasks", "records", "insert", "k", None, {}, str(sequence))
    before = {"node": sequence - 1} if sequence > 1 else {}
    commit = Commit("node", sequence, "tasks", b"", (), 0.0)
    return Entry(commit, (change,) * changes, before, {"node": sequence})


def filled(*sequences: int, capacity: int = 100) -> Feed:
    feed = Feed(capacity)
    for sequence in sequences:
        feed.push(entry(sequence))
    return feed


def at(sequence: int, skip: int = 0) -> Cursor:
    return Cursor({"node": sequence} if sequence else {}, skip)


def test_a_position_is_found_where_it_goes_on() -> None:
    feed = filled(1, 2, 3)
    assert [feed.find(at(n), feed.end) for n in (0, 1, 2)] == [0, 1, 2]
    assert feed.find(at(1, skip=1), feed.end) == 1
    assert feed.find(at(3), feed.end) is None
    assert feed.find(at(2), 2) is None
    assert feed.find(Cursor({"other": 1}), feed.end) is None


def test_only_the_newest_are_held() -> None:
    feed = filled(1, 2, 3, 4, capacity=4)
    assert feed.find(at(1), feed.end) is None
    assert feed.find(at(2), feed.end) == 2
    feed.push(entry(5, changes=9))
    assert feed.peek(4) is not None
    assert feed.peek(3) is None


def test_where_more_is_told_nobody_resumes_before() -> None:
    feed = filled(1, 2)
    feed.renew()
    feed.push(entry(3))
    assert feed.find(at(1), feed.end) is None
    assert feed.find(at(2), feed.end) == 2
    assert feed.peek(0) is not None  # who reads already goes on


def test_what_was_recalled_is_found() -> None:
    feed = Feed(100)
    gap = feed.gap(0, {"node": 3})
    feed.push(entry(4))
    feed.recall(gap, [entry(2), entry(3)])
    assert [feed.find(at(n), feed.end) for n in (0, 1, 2, 3)] == [None, -2, -1, 0]
    again = feed.gap(1, {"node": 4})
    assert again.first == -2
    assert again.vector == {"node": 1}
    feed.recall(again, [entry(1)])
    assert feed.find(at(0), feed.end) == -3


def test_what_was_recalled_takes_the_place_of_what_told_less() -> None:
    feed = filled(1, 2)
    feed.renew()
    gap = feed.gap(2, {"node": 2})
    feed.push(entry(3))
    feed.recall(gap, [entry(1, changes=2), entry(2, changes=2)])
    assert feed.find(at(0), feed.end) == 0
    found = feed.peek(0)
    assert found is not None
    assert len(found.changes) == 2


def test_only_what_fits_is_recalled() -> None:
    feed = filled(4, capacity=6)
    feed.recall(feed.gap(0, {"node": 3}), [entry(1), entry(2), entry(3)])
    feed.recall(feed.gap(1, {"node": 4}), [entry(1), entry(2), entry(3)])
    assert feed.find(at(0), feed.end) is None
    assert feed.find(at(1), feed.end) == -2


def test_a_gap_that_is_none_any_more_is_not_filled() -> None:
    feed = Feed(4)
    told, forgotten, moved = Feed(4), Feed(4), feed
    for each, change in ((told, Feed.renew), (forgotten, Feed.clear)):
        gap = each.gap(0, {"node": 1})
        change(each)
        each.recall(gap, [entry(1)])
        assert each.find(at(0), 10) is None
    gap = moved.gap(0, {"node": 1})
    for sequence in (2, 3, 4):
        moved.push(entry(sequence))
    moved.recall(gap, [entry(1)])
    assert moved.find(at(0), 10) is None
    assert moved.find(at(2), 10) == 1
