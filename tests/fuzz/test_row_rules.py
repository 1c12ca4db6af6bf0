"""Nobody is ever sent what rules hide from him, through any door; and what they show him he is sent exactly.

Each value that is written is a marker of its own, and all that the server says to an identity goes through a
proxy that keeps it. A marker may be in there once it was in a cell that the identity could read; what an
identity sees, counts included, is compared with a model that knows nothing of how rules are carried out.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import protobase_live as pb
from protobase_live import F
from protobase_live.collection.limits import Limits
from protobase_live.permissions.grant import ReadScope
from tests.support.query_cases import cases
from tests.support.query_data import Data, Dice, Row
from tests.support.query_oracle import answer, equal
from tests.support.recording_proxy import RecordingProxy
from tests.support.sights import seen

NAMES = ("ann", "bob")
KEYS = ("k0", "k1", "k2", "k3")
FIELDS = ("owner", "level", "title", "body")
COLLECTIONS = ("tasks", "users")
MARKER = re.compile(rb"M\d{4}x")
SMALL = Limits(log_commits=4, retained_commits=2, feed_changes=3)
"""So small that a reader who was cut off is served from the log, or told to begin again."""

ROWS: tuple[Any, ...] = (F.owner == pb.identity.sub, F.level <= 1, F.owner != "ann", F._key > "k1", None)
SHOWN: tuple[Any, ...] = (None, ("owner", "title"), ("level", "body"), ("title",))

QUERIES = (
    pb.Query("tasks"),
    pb.Query("tasks").count(),
    pb.Query("tasks").group_by("owner", n=pb.count(), top=pb.max("title"), all=pb.collect("body")),
    pb.Query("tasks").join("users", on={"owner": "owner"}, as_="user", how="left"),
    pb.Query("users").join("tasks", on={"_key": "_key"}, as_="task"),
    pb.Query("tasks").where(F.body.is_none()).order_by("-title").limit(2),
    pb.Query("tasks").order_by("level", "body").offset(1),
    pb.Query("tasks").union(pb.Query("users")).select("title", "level"),
    pb.Query("tasks").traverse("next", 2),
    pb.Query("tasks").select("owner").distinct(),
)

Rule = tuple[str, Any, Any]
"""A collection, which rows of it may be read, and which fields."""

SOON = pb.ClientLimits(backoff_seconds=0.001, max_backoff_seconds=0.01)


def policy(rules: Mapping[str, list[Rule]]) -> pb.Policy:
    """What each identity may read and write: only that."""
    found = [
        pb.Rule(collection, {"sub": name}, "read write presence", where=rows, fields=fields)
        for name, own in rules.items()
        for collection, rows, fields in own
    ]
    covered = [pb.Rule(name, {"sub": "root"}, "read write admin") for name in COLLECTIONS]
    return pb.Policy([*found, *covered])


def scopes(name: str, rules: list[Rule]) -> dict[str, list[ReadScope]]:
    """The same, for the model; said with the identity's name."""
    mine = {id(ROWS[0]): F.owner == name}
    return {
        collection: [
            ReadScope(True, None if fields is None else frozenset(fields), None, mine.get(id(rows), rows))
            for each, rows, fields in rules
            if each == collection
        ]
        for collection in COLLECTIONS
    }


class Model:
    """The records, and which markers each identity could ever read."""

    def __init__(self, rules: Mapping[str, list[Rule]]) -> None:
        self.data: Data = {name: {} for name in COLLECTIONS}
        self.scopes = {name: scopes(name, own) for name, own in rules.items()}
        self.readable: dict[str, set[bytes]] = {name: set() for name in rules}
        self._markers = 0

    def row(self, dice: Dice) -> Row:
        """A new row, of markers and of what rules are about."""
        found: Row = {"owner": dice.pick([*NAMES, "cid"]), "level": dice.below(4), "next": dice.pick(KEYS)}
        return found | {name: self.marker() for name in ("title", "body")}

    def marker(self) -> str:
        """A value that was never used."""
        self._markers += 1
        return f"M{self._markers:04}x"

    def set(self, collection: str, key: str, row: Row | None) -> None:
        """A commit."""
        if row is None:
            self.data[collection].pop(key, None)
        else:
            self.data[collection][key] = row
        for name in self.readable:
            self.readable[name].update(MARKER.findall(repr(self.seen(name)).encode()))

    def seen(self, name: str) -> Data:
        """What an identity may read now."""
        return seen(self.scopes[name], self.data)


class Reader:
    """One identity, with everything that it has open."""

    def __init__(self, name: str, model: Model, proxy: RecordingProxy, db: pb.RemoteDatabase) -> None:
        self.name = name
        self.model = model
        self.proxy = proxy
        self.db = db
        self.told: dict[str, Row] = {}
        self.heard: dict[str, Row] = {}
        self.live: pb.Live | None = None

    async def listen(self) -> None:
        """A change stream of the live door."""
        async with (await self.db.collection("tasks")).changes() as changes:
            self.opened.set()
            async for change in changes:
                take(self.told, change.kind, change.key, change.after)

    async def hear(self) -> None:
        """Server-sent events; who comes back says how far it was."""
        last = ""
        while True:
            async for event in self.events(last):
                last = event["id"]
                if event["event"] == "change":
                    change = json.loads(event["data"])
                    take(self.heard, change["kind"], change["key"], change["after"])
                else:
                    self.hearing.set()
            await asyncio.sleep(0)

    opened: asyncio.Event
    hearing: asyncio.Event

    async def events(self, last: str) -> AsyncIterator[dict[str, str]]:
        """The events of one connection."""
        try:
            reader, writer = await self.ask("GET /api/v1/collections/tasks/changes", last)
        except OSError:
            return
        try:
            while line := await reader.readline():
                if line.startswith(b"id:"):
                    lines = [line, await reader.readline(), await reader.readline()]
                    found = dict(each.decode().strip().split(": ", 1) for each in lines)
                    if len(found) == 3:
                        yield found
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()

    async def ask(self, what: str, last: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask over HTTP."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.proxy.port, limit=2**20)
        head = f"{what} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.name}\r\n"
        head += f"connection: close\r\nlast-event-id: {last}\r\n\r\n" if last else "connection: close\r\n\r\n"
        writer.write(head.encode())
        return reader, writer

    async def get(self, path: str) -> Any:
        """What REST answers."""
        reader, writer = await self.ask(f"GET /api/v1/collections/tasks/{path}")
        body = (await reader.read()).split(b"\r\n\r\n", 1)[1]
        writer.close()
        text = body.decode()
        return json.loads(text[text.index("{") : text.rindex("}") + 1])

    async def check(self, query: pb.Query) -> None:
        """Everything that it asks is answered, and what it follows becomes, what the model says."""
        visible = self.model.seen(self.name)
        expected = answer(query, visible)
        assert equal(await self.db.query(query), expected)
        tasks = await self.db.collection("tasks")
        assert await tasks.count() == len(visible["tasks"])
        assert await tasks.items() == visible["tasks"]
        for key in KEYS:
            assert await tasks.get(key) == visible["tasks"].get(key)
        listed = (await self.get("records"))["records"]
        assert {each["key"]: each["fields"] for each in listed} == visible["tasks"]
        assert self.live is not None
        live = self.live
        await soon(lambda: equal(live.rows, expected), lambda: f"live: {live.rows}, not {expected}")
        for told in (self.told, self.heard):
            await soon(lambda told=told: told == visible["tasks"], lambda told=told: f"{told}, not {visible}")
        self.check_recorded()

    def check_recorded(self) -> None:
        """Nothing that it was ever sent has what it could not read."""
        found = set(MARKER.findall(bytes(self.proxy.recorded.passed)))
        assert found <= self.model.readable[self.name], f"{self.name} was sent what is hidden"


def take(rows: dict[str, Row], kind: str, key: Any, after: Any) -> None:
    """Carry out a change."""
    if kind == "reset":
        rows.clear()
    elif kind == "delete":
        del rows[key]  # it was told before
    else:
        assert (kind == "insert") == (key not in rows)
        rows[key] = after


async def soon(done: Callable[[], bool], said: Callable[[], str]) -> None:
    """Wait for it; there is a clock in tests that fail alone."""
    try:
        async with asyncio.timeout(20):
            while not done():  # noqa: ASYNC110 - copies of several kinds, which wake nobody
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(said()) from None


async def authenticate(token: str | None) -> pb.Identity:
    return pb.Identity(token)


@asynccontextmanager
async def reading(name: str, model: Model, port: int, query: pb.Query) -> AsyncIterator[Reader]:
    """An identity that follows everything."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(RecordingProxy(port))
        url = f"ws://127.0.0.1:{proxy.port}/live"
        db = await stack.enter_async_context(pb.connect(url, token=name, limits=SOON))
        reader = Reader(name, model, proxy, db)
        reader.opened, reader.hearing = asyncio.Event(), asyncio.Event()
        tasks = [asyncio.ensure_future(each()) for each in (reader.listen, reader.hear)]
        reader.live = await stack.enter_async_context(db.live(query))
        following = asyncio.ensure_future(follow(reader.live))
        await asyncio.gather(reader.opened.wait(), reader.hearing.wait())
        try:
            yield reader
        finally:
            for task in (*tasks, following):
                task.cancel()
            ended = await asyncio.gather(*tasks, following, return_exceptions=True)
        for error in ended:
            if not isinstance(error, asyncio.CancelledError):
                raise AssertionError(f"ended: {error!r}")


async def follow(live: pb.Live) -> None:
    async for _ in live:
        pass


@cases(12)
@given(st.data())
def test_nobody_is_sent_what_is_hidden_and_everybody_what_is_not(data: st.DataObject) -> None:
    asyncio.run(run(Dice(data.draw)))


async def run(dice: Dice) -> None:
    rules = {
        name: [
            (collection, dice.pick(ROWS), dice.pick(SHOWN))
            for collection in COLLECTIONS
            for _ in range(1 + dice.below(2))
        ]
        for name in NAMES
    }
    query, model = dice.pick(QUERIES), Model(rules)
    async with (
        pb.open("memory:", limits=SMALL) as db,
        pb.Server(db, port=0, authenticate=authenticate, policy=policy(rules)) as server,
        AsyncExitStack() as stack,
    ):
        readers = [
            await stack.enter_async_context(reading(name, model, server.port, query)) for name in NAMES
        ]
        for _ in range(3 + dice.below(8)):
            await step(dice, db, model, readers)
        for reader in readers:
            await reader.check(query)


async def step(dice: Dice, db: pb.Database, model: Model, readers: list[Reader]) -> None:
    """Something happens."""
    reader, collection, key = dice.pick(readers), dice.pick(COLLECTIONS), dice.pick(KEYS)
    match dice.below(8):
        case 0:
            reader.proxy.cut()
            reader.proxy.heal()
            await reader.db.query(
                pb.Query("tasks")
            )  # it is back: of a write that is cut off nothing is known
        case 1:
            await trespass(reader, model, collection, key)
        case 2:
            model.set(collection, key, None)
            await (await db.collection(collection)).delete(key)
        case _:
            row = model.row(dice)
            model.set(collection, key, row)
            await (await db.collection(collection)).put(row, key=key)


async def trespass(reader: Reader, model: Model, collection: str, key: str) -> None:
    """An identity writes; whether that is taken says what it may read, and nothing of what is hidden."""
    visible = model.seen(reader.name)[collection].get(key)
    target, title = await reader.db.collection(collection), model.marker()
    row = model.data[collection].get(key)
    try:
        await target.update(key, title=title)
    except pb.RecordMissing as error:
        told, expected = str(error), f"{collection}: there is no record {key!r}"
        assert visible is None
    except pb.Forbidden:
        told = expected = ""
        assert "title" not in (visible or {})
    else:
        told = expected = ""
        assert row is not None
        assert "title" in (visible or {})
        model.set(collection, key, {**row, "title": title})
    assert told == expected
