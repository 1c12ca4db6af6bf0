"""What pages are told as it happens."""

import asyncio
import json
from contextlib import asynccontextmanager

from protobase_actors import ManualClock
from protobase_live.cli.demo.events import MAX_PAGES, STATE_SECONDS, UNREAD_EVENTS, Events
from protobase_live.protocol.server_events import EventReader

COMMIT = {"sequence": 1}


class Page:
    """Somebody who listens."""

    def __init__(self, events: Events) -> None:
        self._gone, self.reads = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self._reader = EventReader(1 << 20)
        self.heard: list[tuple[str, object]] = []
        self.ended = False
        self.task = asyncio.ensure_future(events.stream(self._receive, self._send))

    def leave(self) -> None:
        self._gone.set()

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.heard += [(kind, json.loads(data)) for kind, data in self._reader.feed(message["body"])]
            self.ended = not message.get("more_body", False)


@asynccontextmanager
async def running(state):
    clock = ManualClock()
    events = Events(clock)
    task = asyncio.ensure_future(events.run(lambda: dict(state)))
    await clock.settle()
    try:
        yield events, clock
    finally:
        task.cancel()
        events.close()
        await clock.settle()


async def test_a_page_is_told_how_all_is_and_when_that_becomes_different():
    state = {"users": 0}
    async with running(state) as (events, clock):
        page = Page(events)
        await clock.settle()
        assert page.heard == [("state", {"users": 0})]
        events.change()  # nothing is other than it was
        await clock.settle()
        assert len(page.heard) == 1
        state["users"] = 1
        events.change()
        await clock.settle()
        assert page.heard[1:] == [("state", {"users": 1})]
        state["users"] = 2  # nobody says so
        await clock.advance(STATE_SECONDS / 2)
        assert page.heard[2:] == [("state", {"users": 2})]


async def test_a_page_is_told_every_second_if_all_stays_as_it_is():
    async with running({"users": 0}) as (events, clock):
        page = Page(events)
        await clock.advance(3.5 * STATE_SECONDS)
        assert len(page.heard) == 1 + 3


async def test_every_page_is_told_of_commits_until_it_leaves():
    async with running({}) as (events, clock):
        one, two = Page(events), Page(events)
        await clock.settle()
        events.tell_commit(COMMIT)
        await clock.settle()
        assert one.heard[1:] == two.heard[1:] == [("commit", COMMIT)]
        assert len(events) == 2
        one.leave()
        await clock.settle()
        assert (len(events), one.task.done()) == (1, True)


async def test_a_page_that_does_not_read_is_dropped_and_the_others_are_not():
    async with running({}) as (events, clock):
        slow, quick = Page(events), Page(events)
        await clock.settle()
        slow.reads.clear()
        for _ in range(UNREAD_EVENTS + 2):
            events.tell_commit(COMMIT)
            await clock.settle()
        assert len(events) == 1
        slow.reads.set()
        await clock.settle()
        assert slow.ended
        assert len(slow.heard) < 5
        assert len(quick.heard) == 1 + UNREAD_EVENTS + 2
        assert not quick.ended


async def test_only_so_many_pages_are_told():
    async with running({}) as (events, clock):
        pages = [Page(events) for _ in range(MAX_PAGES)]
        await clock.settle()
        assert events.full
        pages[0].leave()
        await clock.settle()
        assert not events.full


async def test_all_streams_end_with_the_demo():
    async with running({}) as (events, clock):
        pages = [Page(events) for _ in range(3)]
        await clock.settle()
        events.close()
        await clock.settle()
        assert all(page.ended and page.task.done() for page in pages)
