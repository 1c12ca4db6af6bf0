"""The feed: recent commits' changes, held once and read by position."""

from __future__ import annotations

import asyncio

from protobase_live.changes.entry import Entry
from protobase_live.changes.feed import Feed
from protobase_live.document import Difference
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor, Half
from protobase_storage import Commit, Part

BYTES = 1_000


def commit(sequence: int, parts: tuple[Part, ...] = (), origin: str = "node") -> Commit:
    return Commit(origin, sequence, "tasks", b"", parts, 0.0)


def entry(sequence: int, changes: int = 1) -> Entry:
    difference = Difference("records", "k", None, {})
    before = {"node": sequence - 1} if sequence > 1 else {}
    return Entry(commit(sequence), (difference,) * changes, before, {"node": sequence})


async def sequences(feed: Feed, *indexes: int) -> list[int | None]:
    found = [await feed.get(index) for index in indexes]
    return [each.commit.sequence if each else None for each in found]


async def test_every_reader_has_a_position_of_its_own() -> None:
    feed = Feed(100, BYTES)
    for sequence in (1, 2, 3):
        feed.push(entry(sequence))
    assert feed.end == 3
    assert await sequences(feed, 0, 1, 2, 0) == [1, 2, 3, 1]


async def test_what_comes_next_is_waited_for_by_all() -> None:
    feed = Feed(100, BYTES)
    feed.push(entry(1))
    readers = [asyncio.ensure_future(feed.get(1)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(reader.done() for reader in readers)
    feed.push(entry(2))
    assert [found.commit.sequence for found in await asyncio.gather(*readers) if found] == [2, 2, 2]


async def test_a_reader_that_gives_up_leaves_the_others_waiting() -> None:
    feed = Feed(100, BYTES)
    gone, stays = (asyncio.ensure_future(feed.get(0)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    feed.push(entry(1))
    found = await stays
    assert found is not None
    assert found.commit.sequence == 1


async def test_the_oldest_make_room_for_the_newest() -> None:
    feed = Feed(10, BYTES)  # an entry counts as its changes and one more
    for sequence in range(1, 8):
        feed.push(entry(sequence))
    assert await sequences(feed, 0, 1, 2, 6) == [None, None, 3, 7]
    assert feed.peek(1) is None
    held = feed.peek(2)
    assert held is not None
    assert held.commit.sequence == 3
    assert feed.peek(7) is None


async def test_the_newest_is_held_however_large_it_is() -> None:
    feed = Feed(10, BYTES)
    feed.push(entry(1))
    feed.push(entry(2, changes=50))
    assert await sequences(feed, 0, 1) == [None, 2]
    feed.push(entry(3))
    assert await sequences(feed, 1, 2) == [None, 3]


async def test_what_is_cleared_is_gone_and_positions_go_on() -> None:
    feed = Feed(10, BYTES)
    for sequence in (1, 2):
        feed.push(entry(sequence))
    feed.clear()
    assert feed.end == 2
    assert await sequences(feed, 0, 1) == [None, None]
    for sequence in range(3, 8):
        feed.push(entry(sequence))
    assert await sequences(feed, 2, 6) == [3, 7], "what was cleared takes no room"


async def test_closing_tells_whoever_waits_and_whoever_comes() -> None:
    feed = Feed(10, BYTES)
    feed.push(entry(1))
    waiting = asyncio.ensure_future(feed.get(1))
    await asyncio.sleep(0)
    feed.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert waiting.done()
    assert waiting.result() is None
    assert await sequences(feed, 0, 1) == [None, None]


def sized(sequence: int, update: bytes, after: object, key: str | None = None) -> Entry:
    change = Change("tasks", "s", "update", key, None, after, str(sequence))
    return Entry(Commit("node", sequence, "tasks", update, (), 0.0), (change,), {}, {"node": sequence})


def held(feed: Feed) -> list[int]:
    found = (feed.peek(index) for index in range(feed.end))
    return [entry.commit.sequence for entry in found if entry is not None]


def test_bytes_are_bounded() -> None:
    feed = Feed(100, BYTES)
    for sequence in range(1, 6):
        feed.push(sized(sequence, b"u" * 400, "x", key="k"))
    assert held(feed) == [4, 5]


def test_a_text_counts_as_a_whole() -> None:
    """Each keystroke makes it anew, and its update says little about that."""
    feed = Feed(100, BYTES)
    for sequence in range(1, 6):
        feed.push(sized(sequence, b"u", "x" * 100))
    assert held(feed) == [4, 5]


def test_the_newest_is_held_however_many_bytes_it_has() -> None:
    feed = Feed(100, BYTES)
    for sequence in range(1, 4):
        feed.push(sized(sequence, b"u" * 5 * BYTES, "x"))
    assert held(feed) == [3]
    feed.push(sized(4, b"u", "x"))
    assert held(feed) == [4]


# what was recalled


def filled(*sequences: int, capacity: int = 100) -> Feed:
    feed = Feed(capacity, BYTES)
    for sequence in sequences:
        feed.push(entry(sequence))
    return feed


def at(sequence: int, skip: int = 0, origin: str = "node") -> Cursor:
    half = Half(origin, sequence + 1, skip) if skip else None
    return Cursor({"node": sequence} if sequence else {}, half)


def test_a_position_is_found_where_it_goes_on() -> None:
    feed = filled(1, 2, 3)
    assert [feed.find(at(n), feed.end) for n in (0, 1, 2)] == [0, 1, 2]
    assert feed.find(at(1, skip=1), feed.end) == 1
    assert feed.find(at(1, skip=1, origin="another history"), feed.end) is None
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
    feed = Feed(100, BYTES)
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
    assert found.size == 3


def test_only_what_fits_is_recalled() -> None:
    feed = filled(4, capacity=6)
    feed.recall(feed.gap(0, {"node": 3}), [entry(1), entry(2), entry(3)])
    feed.recall(feed.gap(1, {"node": 4}), [entry(1), entry(2), entry(3)])
    assert feed.find(at(0), feed.end) is None
    assert feed.find(at(1), feed.end) == -2


def test_a_gap_that_is_none_any_more_is_not_filled() -> None:
    feed = Feed(4, BYTES)
    told, forgotten, moved = Feed(4, BYTES), Feed(4, BYTES), feed
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
