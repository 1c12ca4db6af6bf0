"""The feed goes on for a while when nobody reads it."""

from __future__ import annotations

from protobase_actors import ManualClock
from protobase_live.changes.feed import Feed
from protobase_live.changes.streams import Streams
from tests.protobase_live.changes.test_feed import entry


def made(clock: ManualClock, watched: list[bool]) -> Streams:
    return Streams(clock, Feed(100, 1_000), seconds=10, tell=watched.append)


async def test_it_ends_some_time_after_the_last_reader() -> None:
    clock, watched, calls = ManualClock(), list[bool](), 0
    streams = made(clock, watched)
    assert streams.add("a")
    assert not streams.add("b")
    streams.remove("a")
    streams.remove("nobody")
    await clock.advance(20)
    streams.remove("b")
    assert len(streams) == 0
    await clock.advance(9)
    assert not streams.add("c")
    streams.remove("c")
    await clock.advance(9)
    streams.show(lambda: entry(1))
    assert streams.feed.end == 1
    await clock.advance(1)
    assert watched == [True, False]

    def not_asked():
        nonlocal calls
        calls += 1
        return entry(2)

    streams.show(not_asked)
    assert calls == 0
    assert streams.feed.peek(0) is None
    assert streams.add("d")
    assert watched == [True, False, True]


async def test_nothing_comes_after_the_end() -> None:
    clock, watched = ManualClock(), list[bool]()
    streams = made(clock, watched)
    streams.add("a")
    streams.remove("a")
    streams.close()
    await clock.advance(20)
    assert watched == [True]
    assert await streams.feed.get(0) is None
