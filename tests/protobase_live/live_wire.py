"""Connections in memory, and a database of one counter and a few rows, to test the live door and client."""

import asyncio
from collections import deque

from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from protobase_live.errors import Closed, ValidationError
from protobase_live.model.change import Change
from protobase_live.model.operations import Receipt
from protobase_live.presence.hub import PresenceHub
from protobase_live.query.explanation import Explanation
from protobase_live.query.result.diff import Diff, RowChange


class End:
    """One end of a connection in memory; `capacity` frames may be on their way before `send` waits."""

    def __init__(self, subprotocol, capacity):
        self.subprotocol = subprotocol
        self.address = None
        self.capacity = capacity
        self.peer = None
        self.inbox = deque()
        self.closed = None
        self.allowed = None
        self.unfinished = self.unsent = 0
        self.changed = asyncio.Event()

    def allow(self, message_bytes):
        self.allowed = message_bytes

    async def recv(self):
        await self._until(lambda: self.inbox or self.closed)
        if not self.inbox:
            raise ConnectionClosedError(self.closed, None)
        frame = self.inbox.popleft()
        self.peer.changed.set()
        return frame

    async def send(self, frame):
        if self.closed:
            raise ConnectionClosedError(self.closed, None)
        self.peer.inbox.append(frame)
        self.peer.changed.set()
        await self._until(lambda: self.closed or len(self.peer.inbox) <= self.capacity)
        if self.closed:
            raise ConnectionClosedError(self.closed, None)

    async def close(self, code=1000, reason=""):
        for end in (self, self.peer):
            end.closed = end.closed or Close(code, reason)
            end.changed.set()

    async def _until(self, ready):
        while not ready():
            self.changed.clear()
            await self.changed.wait()


def pipe(subprotocol="protobase-live.v1.msgpack", capacity=1000):
    """Both ends of a connection."""
    one, other = End(subprotocol, capacity), End(subprotocol, capacity)
    one.peer, other.peer = other, one
    return one, other


class FakeStream:
    def __init__(self, database, collection, since):
        self.database, self.collection = database, collection
        self.position = len(database.log) if since is None else self._parse(since)

    def _parse(self, since):
        if not since.isdecimal():
            raise ValidationError(f"not a cursor: {since!r}")
        return int(since)

    async def __aenter__(self):
        self.database.streams += 1
        return self

    async def __aexit__(self, *error):
        self.database.streams -= 1

    @property
    def cursor(self):
        return str(self.position)

    async def batch(self, limit):
        while self.position >= len(self.database.log):
            if self.database.failure:
                raise self.database.failure
            self.database.news.clear()
            await self.database.news.wait()
        taken = self.database.log[self.position : self.position + limit]
        self.position += len(taken)
        self.database.pulled += len(taken)
        return taken


class FakeWatcher:
    def __init__(self, views, since):
        self.views = views
        self.seen = None if since in (None, "forgotten") else self._parse(since)
        self.first = True
        views.watchers += 1

    def _parse(self, since):
        if not since.isdecimal():
            raise ValidationError(f"not a live query's cursor: {since!r}")
        return int(since)

    async def pull_in_steps(self):
        while not self.first and self.seen == len(self.views.rows):
            if self.views.failure:
                raise self.views.failure
            self.views.news.clear()
            await self.views.news.wait()
        reset, start = self.seen is None, self.seen or 0
        self.first, self.seen = False, len(self.views.rows)
        self.views.pulls += 1
        changes = [RowChange("insert", at, self.views.rows[at]) for at in range(start, self.seen)]
        return Diff((*self.views.script, *changes), reset, str(self.seen))

    def close(self):
        self.views.watchers -= 1


class FakeViews:
    """Every query gives all rows, which are only ever added to; cursors count them.

    ``script`` is put before the changes of each difference.
    """

    def __init__(self):
        self.rows = []
        self.script = ()
        self.failure = None
        self.watchers = self.pulls = self.shares = 0
        self.queries = []
        self.news = asyncio.Event()

    def add(self, *rows):
        self.rows.extend(rows)
        self.news.set()

    def fail(self, error):
        self.failure = error
        self.news.set()

    def share(self):
        self.shares += 1
        return self

    def part(self):
        return self

    async def query(self, query):
        self.queries.append(query)
        return self.rows

    async def explain(self, query):
        return Explanation("scan", query.collection, len(self.rows))

    async def watch(self, query, since=None):
        self.queries.append(query)
        if self.failure:
            raise self.failure
        return FakeWatcher(self, since)


class FakeDatabase:
    """Reads answer their first argument, commits are numbered; `gate` holds both up while it is clear."""

    def __init__(self, clock):
        self.presence_hub = PresenceHub(clock)
        self.views = FakeViews()
        self.log = []
        self.authors = []
        self.streams = self.pulled = 0
        self.failure = None
        self.news = asyncio.Event()
        self.read_gate, self.commit_gate = asyncio.Event(), asyncio.Event()
        self.arrive_gate, self.arrived = asyncio.Event(), []
        self.arrive_gate.set()
        self.read_gate.set()
        self.commit_gate.set()
        self.reading = 0

    async def read(self, collection, read, permit=None):
        self.reading += 1
        try:
            await self.read_gate.wait()
        finally:
            self.reading -= 1
        if isinstance(read.args[0], Exception):
            raise read.args[0]
        if read.method == "fail":
            raise self.failure
        return read.args[0]

    async def arrive(self, collection, cursor):
        await self.arrive_gate.wait()
        self.arrived.append((collection, cursor))
        if self.failure:
            raise self.failure

    async def commit(self, writes, checks=(), author=None, durability=None, permits=None):
        await self.commit_gate.wait()
        if self.failure:
            raise self.failure
        for collection, ops in writes.items():
            for op in ops:
                cursor = str(len(self.log) + 1)
                self.log.append(Change(collection, "records", "insert", op.args[0], None, {}, cursor, author))
        self.authors.append(author)
        self.news.set()
        return Receipt({name: str(len(self.log)) for name in writes})

    def changes(self, collection, since=None):
        if collection == "closed":
            raise Closed("the database is closed")
        return FakeStream(self, collection, since)
