"""The recent changes of a collection, and what bounds them."""

from __future__ import annotations

from protobase_live.change import Change
from protobase_live.live.feed import Entry, Feed
from protobase_storage import Commit


def entry(sequence: int, update: bytes, *after: object, key: str | None = None) -> Entry:
    changes = tuple(Change("tasks", "s", "update", key, None, value, str(sequence)) for value in after)
    return Entry(Commit("here", sequence, "tasks", update, (), 0.0), changes, {"here": sequence})


def held(feed: Feed) -> list[int]:
    found = (feed.peek(index) for index in range(feed.end))
    return [entry.commit.sequence for entry in found if entry is not None]


def test_the_number_of_changes_is_bounded() -> None:
    feed = Feed(6, 1_000)
    for sequence in range(1, 5):
        feed.push(entry(sequence, b"u", 1, 2))
    assert held(feed) == [3, 4]


def test_their_bytes_are_bounded() -> None:
    feed = Feed(100, 1_000)
    for sequence in range(1, 6):
        feed.push(entry(sequence, b"u" * 400, "x", key="k"))
    assert held(feed) == [4, 5]


def test_a_text_counts_as_a_whole() -> None:
    """Each keystroke makes it anew, and its update says little about that."""
    feed = Feed(100, 1_000)
    for sequence in range(1, 6):
        feed.push(entry(sequence, b"u", "x" * 100))
    assert held(feed) == [4, 5]


def test_the_newest_is_held_whatever_its_size() -> None:
    feed = Feed(100, 1_000)
    for sequence in range(1, 4):
        feed.push(entry(sequence, b"u" * 5_000, "x"))
    assert held(feed) == [3]
    feed.push(entry(4, b"u", "x"))
    assert held(feed) == [4]
