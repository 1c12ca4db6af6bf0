"""The doors as an ASGI application, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pycrdt import Doc, Map, Text

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.application_token import Token
from protobase_live.server.asgi import Asgi
from protobase_live.server.asgi_types import Message, Scope
from tests.support.asgi_client import Exchange, call, scope_of
from tests.support.hocuspocus import AUTH, READ_ONLY, READ_WRITE, STEP1

LIVE = "protobase-live.v1.json"


@pytest.fixture
async def database() -> AsyncIterator[pb.Database]:
    async with pb.open("memory:") as database:
        yield database


class Socket:
    """A WebSocket as an ASGI server brings it to an application."""

    def __init__(self, app: Asgi, path: str, protocols: tuple[str, ...] = (), **headers: str) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.room = asyncio.Event()
        """Cleared: the client does not read."""
        self.room.set()
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "websocket.connect"})
        scope = scope_of("GET", path, {"host": "app.example.com", **headers}, "/collab")
        scope |= {"type": "websocket", "subprotocols": list(protocols), "client": ("10.0.0.1", 1)}
        self.task = asyncio.ensure_future(app(scope, self._received.get, self._send))

    async def _send(self, message: Message) -> None:
        await self.room.wait()
        self.sent.put_nowait(message)

    def send(self, data: bytes | str) -> None:
        kind = "text" if isinstance(data, str) else "bytes"
        self._received.put_nowait({"type": "websocket.receive", kind: data})

    def leave(self) -> None:
        self._received.put_nowait({"type": "websocket.disconnect", "code": 1001})

    @property
    def unread(self) -> int:
        """How much of what the client has sent the application has not asked for."""
        return self._received.qsize()

    async def until(self, kind: str) -> Message:
        """The next message of a kind; what comes before it is passed over."""
        while (message := await self.sent.get())["type"] != kind:
            pass
        return message

    async def soon(self) -> list[Message]:
        """What is sent within some turns of the loop."""
        for _ in range(100):
            await asyncio.sleep(0)
        return [self.sent.get_nowait() for _ in range(self.sent.qsize())]

    async def until_said(self, beginning: bytes) -> None:
        """Until a message that begins so."""
        while not (await self.until("websocket.send"))["bytes"].startswith(beginning):
            pass

    async def until_yjs(self, *kind: type[Any]) -> Any:
        """The next Yjs message of one of these kinds."""
        while True:
            message = yjs.decode((await self.until("websocket.send"))["bytes"])
            if isinstance(message, kind):
                return message


async def edited(text: str) -> bytes:
    doc = Doc()
    doc["text"] = Text(text)
    return yjs.encode_update(doc.get_update())


async def sessions(app: Asgi) -> dict[str, int]:
    """How many there are, by door."""
    return (await call(app, "GET", "/api/v1/inspection")).json["sessions"]


async def test_yjs_clients_of_one_collection(database) -> None:
    app = pb.asgi(database, inspector=True)
    first, second = (Socket(app, "/yjs/boards%2F42", ("a token", "b")) for _ in range(2))
    assert (await first.until("websocket.accept"))["subprotocol"] == "a token"
    for each in (first, second):
        await each.until_yjs(yjs.SyncStep1)
        each.send(b"\x00\x00\x01\x00")
        await each.until_yjs(yjs.SyncStep2)
    first.send(await edited("hello"))
    await second.until_yjs(yjs.Update)
    assert await (await (await database.collection("boards/42")).text("text")).value() == "hello"
    assert await sessions(app) == {"yjs": 2}
    for each in (first, second):
        each.leave()
        await each.task
    assert await sessions(app) == {"yjs": 0}


@pytest.mark.parametrize("path", ["", "/", "/yjs", "/live/more", "/nowhere"])
async def test_there_is_no_door_at_other_paths(database, path: str) -> None:
    stranger = Socket(pb.asgi(database), path)
    assert (await stranger.until("websocket.close"))["code"] == 4404
    await stranger.task


async def test_the_live_protocol(database) -> None:
    client = Socket(pb.asgi(database), "/live", ("other", LIVE))
    assert (await client.until("websocket.accept"))["subprotocol"] == LIVE
    client.send('{"type": "hello", "version": 1}')
    assert '"type":"welcome"' in (await client.until("websocket.send"))["text"]
    client.send('{"type": "ping", "id": 1}')
    assert '"type":"result"' in (await client.until("websocket.send"))["text"]
    client.leave()
    await client.task


async def test_hocuspocus_clients_beside_those_of_y_websocket(database) -> None:
    """Several documents over one socket; what is written is shown to all, and said to be stored."""
    app = pb.asgi(database)
    first, second, third = (Socket(app, "/hocuspocus") for _ in range(3))
    for each in (first, second):
        for name in ("boards/42", "notes"):
            await open_document(each, name)
    await open_document(third, "notes\0a session of its own")
    stock = Socket(app, "/yjs/notes")
    stock.send(STEP1)
    await stock.until_yjs(yjs.SyncStep2)
    update = await edited("hello")
    first.send(keyed("notes", update))
    await first.until_said(keyed("notes", hocuspocus.encode_sync_status()))
    await second.until_said(keyed("notes", update))
    await third.until_said(keyed("notes\0a session of its own", update))
    assert yjs.encode_update((await stock.until_yjs(yjs.Update)).update) == update
    assert await (await (await database.collection("notes")).text("text")).value() == "hello"
    for each in (first, second, third, stock):
        each.leave()
        await each.task


async def open_document(socket: Socket, name: str) -> None:
    socket.send(keyed(name, AUTH))
    socket.send(keyed(name, STEP1))
    await socket.until_said(keyed(name, READ_WRITE))
    await socket.until_said(keyed(name, b"\x00\x01"))


def keyed(name: str, message: bytes) -> bytes:
    return prefixed(name.encode()) + message


async def test_who_a_hocuspocus_client_is_says_the_application(database) -> None:
    def who(token: str | None) -> pb.Identity:
        if token != "ann's":
            raise pb.Unauthorized("log in first")
        return pb.Identity("ann", read_only=True)

    app = pb.asgi(
        database, authenticate=who, token=lambda scope: dict(scope["headers"]).get(b"cookie", b"").decode()
    )
    stranger, ann = Socket(app, "/hocuspocus"), Socket(app, "/hocuspocus", cookie="ann's")
    for each in (stranger, ann):
        each.send(keyed("notes", b"\x02\x00\x05ann's"))
    await stranger.until_said(keyed("notes", hocuspocus.encode_permission_denied("log in first")))
    await ann.until_said(keyed("notes", READ_ONLY))


@pytest.mark.parametrize("path", ["/yjs/notes", "/hocuspocus"])
async def test_a_client_that_was_behind_by_less_than_usual_goes_on(database, path: str) -> None:
    """``backlog_bytes`` may be fewer than what a client is behind with otherwise."""
    client = Socket(pb.asgi(database, limits=pb.ServerLimits(backlog_bytes=10)), path)
    name = "" if path == "/yjs/notes" else "notes"
    wrap = (lambda message: message) if not name else (lambda message: keyed(name, message))
    if name:
        await open_document(client, name)
    else:
        await client.until_yjs(yjs.SyncStep1)
    client.room.clear()
    notes = await database.collection("notes")
    for n in range(3):
        await notes.put({"n": "x" * 100}, key=str(n))
    client.send(wrap(STEP1))
    assert await client.soon() == []
    client.room.set()
    await client.until_said(wrap(b"\x00\x01"))
    client.leave()
    await client.task


async def test_the_application_says_who_it_is(database) -> None:
    def who(token: str | None) -> str:
        if token != "ann's":
            raise pb.Unauthorized("log in first")
        return "ann"

    def cookie(scope: Scope) -> str:
        return dict(scope["headers"]).get(b"cookie", b"").decode()

    app = pb.asgi(database, authenticate=who, token=cookie)
    stranger = Socket(app, "/yjs/notes?token=ann's")
    assert (await stranger.until("websocket.close"))["code"] == 4401
    refused = Socket(app, "/live", (LIVE,))
    refused.send('{"type": "hello", "version": 1, "token": "a guess"}')
    assert (await refused.until("websocket.close"))["code"] == 4401
    assert (await call(app, "GET", "/api/v1/collections", authorization="Bearer ann's")).status == 401
    ann = Socket(app, "/yjs/notes", cookie="ann's")
    async with database.changes("notes") as changes:
        await (await database.collection("notes")).text("text")
        ann.send(await edited("hello"))
        assert (await anext(changes)).author == "ann"
    assert (await call(app, "GET", "/api/v1/collections", cookie="ann's")).status == 200
    live = Socket(app, "/live", (LIVE,), cookie="ann's")
    live.send('{"type": "hello", "version": 1}')
    assert '"type":"welcome"' in (await live.until("websocket.send"))["text"]


def raising(error: Exception) -> Token:
    """A `token=` of an application that has no good end."""

    def token(scope: Scope) -> str | None:
        raise error

    return token


@pytest.mark.parametrize(
    ("error", "code", "status", "says"),
    [
        (pb.Unauthorized("log in first"), 4401, 401, "log in first"),
        (pb.Unavailable("the sessions are down"), 1013, 503, "the sessions are down"),
        (KeyError("session"), 4401, 401, "who this client is could not be found out"),
    ],
)
async def test_a_token_that_the_application_cannot_tell_refuses(database, error, code, status, says) -> None:
    """At every door as where `authenticate` raises it."""
    app = pb.asgi(database, token=raising(error))
    live, stock = Socket(app, "/live", (LIVE,)), Socket(app, "/yjs/notes")
    for client in (live, stock):
        closed = await client.until("websocket.close")
        assert (closed["code"], closed["reason"]) == (code, says)
        await client.task
    for path in ("/api/v1/collections", f"/live/events?subprotocol={LIVE}"):
        refused = await call(app, "GET", path)
        assert (refused.status, refused.json["error"]["message"]) == (status, says)


async def test_documents_are_refused_one_by_one_by_a_token_that_cannot_be_told(database) -> None:
    app = pb.asgi(database, token=raising(pb.Unauthorized("log in first")))
    client = Socket(app, "/hocuspocus")
    for name in ("notes", "plans"):
        client.send(keyed(name, AUTH))
        await client.until_said(keyed(name, hocuspocus.encode_permission_denied("log in first")))


async def test_who_has_no_token_is_held_when_it_comes_back(database) -> None:
    """Old stock clients come back ten times a second."""
    clock = ManualClock()
    app = pb.asgi(database, token=raising(pb.Unauthorized("log in first")), clock=clock)
    await Socket(app, "/yjs/notes").until("websocket.close")
    again = Socket(app, "/yjs/notes")
    await again.until("websocket.accept")
    assert await again.soon() == []
    await clock.advance(pb.ServerLimits().refusal_seconds)
    assert (await again.until("websocket.close"))["code"] == 4401


async def test_what_a_refused_client_begins_with_is_read_before_it_is_closed(database) -> None:
    """Servers that close with something unread lose the code, and the client comes back for ever."""
    refused = Socket(pb.asgi(database), "/yjs/notes", origin="https://evil.example")
    for _ in range(3):
        refused.send(yjs.encode_step1(b"\0"))
    assert (await refused.until("websocket.close"))["code"] == 4403
    assert refused.unread == 0


async def test_pages_of_other_hosts_are_refused(database) -> None:
    evil, own = "https://evil.example", "https://app.example.com"
    app = pb.asgi(database)
    for path, protocols in (("/yjs/notes", ()), ("/live", (LIVE,))):
        refused = Socket(app, path, protocols, origin=evil)
        assert (await refused.until("websocket.close"))["code"] == 4403
        await Socket(app, path, protocols, origin=own).until("websocket.accept")
    assert (await call(app, "GET", "/api/v1/collections", origin=evil)).status == 403
    allowing = pb.asgi(database, origins=[evil])
    assert (await call(allowing, "GET", "/api/v1/collections", origin=evil)).status == 200


async def test_the_description_says_where_it_is_mounted_as_addresses_are_written(database) -> None:
    exchange = Exchange(pb.asgi(database), "GET", "/api/v1/openapi.json", root="/@käse/a b/{team}")
    told = (await exchange.response()).json
    assert told["servers"] == [{"url": "/@k%C3%A4se/a%20b/%7Bteam%7D/api/v1"}]


async def test_what_is_no_door(database) -> None:
    app = pb.asgi(database)
    assert (await call(app, "GET", "/nothing")).status == 404
    assert (await Socket(app, "/yjs").until("websocket.close"))["code"] == 4404


@pytest.mark.parametrize("path", ["/live", "/yjs/tasks", "/hocuspocus"])
async def test_a_request_to_a_door_for_websockets(database, path) -> None:
    told = await call(pb.asgi(database), "GET", path)
    assert (told.status, told.headers["upgrade"]) == (426, "websocket")
    assert told.body == f"{path} is a door for WebSockets\n".encode()


async def test_one_connection_too_many(database) -> None:
    app = pb.asgi(database, limits=pb.ServerLimits(sessions=1))
    await Socket(app, "/yjs/notes").until("websocket.accept")
    assert (await Socket(app, "/yjs/notes").until("websocket.close"))["code"] == 1013


async def test_a_message_that_is_too_long(database) -> None:
    limits, live_limits = pb.ServerLimits(message_bytes=10), pb.LiveLimits(hello_bytes=10)
    app = pb.asgi(database, limits=limits, live_limits=live_limits)
    yjs_client, live = Socket(app, "/yjs/notes"), Socket(app, "/live", (LIVE,))
    yjs_client.send(b"x" * 11)
    live.send("x" * 11)
    for client, limit in ((yjs_client, "message_bytes"), (live, "hello_bytes")):
        closed = await client.until("websocket.close")
        assert (closed["code"], closed["reason"]) == (4413, f"a message has at most 10 bytes ({limit})")
    await live.task


async def test_a_client_that_does_not_read_costs_no_more_than_its_backlog(database) -> None:
    """It is sent what it missed when it reads again."""
    client = Socket(pb.asgi(database, limits=pb.ServerLimits(backlog_bytes=100_000)), "/yjs/notes")
    await client.until_yjs(yjs.SyncStep1)
    client.send(b"\x00\x00\x01\x00")
    await client.until_yjs(yjs.SyncStep2)
    client.room.clear()
    notes = await database.collection("notes")
    for n in range(20):
        await notes.put({"n": "x" * 20_000}, key=str(n))
    assert client.sent.empty()
    client.room.set()
    for _ in range(2_000):
        await asyncio.sleep(0)
    doc = Doc()
    while not client.sent.empty():
        message = yjs.decode(client.sent.get_nowait()["bytes"])
        if isinstance(message, yjs.Update | yjs.SyncStep2):
            doc.apply_update(message.update)
    assert len(doc.get("records", type=Map)) == 20
    client.leave()
    await client.task


async def test_clients_that_do_not_read_share_what_all_may_leave_unread(database) -> None:
    limits = pb.ServerLimits(backlog_bytes=1_000_000, all_backlog_bytes=200_000)
    app = pb.asgi(database, limits=limits)
    clients = [Socket(app, "/yjs/notes") for _ in range(2)]
    for client in clients:
        await client.until_yjs(yjs.SyncStep1)
        client.send(b"\x00\x00\x01\x00")
        await client.until_yjs(yjs.SyncStep2)
        client.room.clear()
    notes = await database.collection("notes")
    for n in range(30):
        await notes.put({"n": "x" * 20_000}, key=str(n))
    backlog = app._open()._traffic.backlog
    assert 200_000 <= backlog.total <= 200_000 + 2 * 100_000
    for client in clients:
        client.room.set()
    for client in clients:
        doc = Doc()
        while len(doc.get("records", type=Map)) < 30:
            message = yjs.decode((await client.until("websocket.send"))["bytes"])
            if isinstance(message, yjs.Update | yjs.SyncStep2):
                doc.apply_update(message.update)
        client.leave()
        await client.task
    assert backlog.total == 0


async def test_who_sends_too_fast_is_read_slowly(database) -> None:
    clock = ManualClock()
    limits = pb.ServerLimits(messages_per_second=1, messages_at_once=2)
    client = Socket(pb.asgi(database, limits=limits, clock=clock), "/yjs/notes")
    await client.until_yjs(yjs.SyncStep1)
    for _ in range(5):
        client.send(b"\x00\x00\x01\x00")
    for left in (2, 1, 0):
        for _ in range(100):
            await asyncio.sleep(0)
        assert client.unread == left
        await clock.advance(1.0)
    client.leave()
    await client.task


async def test_one_address_has_so_many_connections(database) -> None:
    app = pb.asgi(database, limits=pb.ServerLimits(address_connections=1))
    first = Socket(app, "/yjs/notes")
    await first.until("websocket.accept")
    second = Socket(app, "/yjs/notes")
    assert (await second.until("websocket.close"))["code"] == 1013
    first.leave()
    await first.task


async def test_clients_are_shown_that_their_connection_lives(database) -> None:
    clock = ManualClock()
    client = Socket(pb.asgi(database, clock=clock), "/yjs/notes")
    await client.until_yjs(yjs.SyncStep1)
    await clock.advance(20.0)
    assert (await client.until_yjs(yjs.AwarenessUpdate)).payload == b"\x00"


async def test_it_opens_and_closes_what_is_not_open() -> None:
    app = pb.asgi(pb.open("memory:"))
    with pytest.raises(pb.Closed, match="lifespan"):
        await call(app, "GET", "/api/v1/collections")
    async with app as database:
        assert app.database is database
        client = Socket(app, "/yjs/notes")
        await client.until("websocket.accept")
    assert (await client.until("websocket.close"))["code"] == 1001
    assert database.closed


async def test_a_database_that_is_open_stays_so(database) -> None:
    async with pb.asgi(database):
        pass
    assert not database.closed


async def test_alone_it_has_a_lifespan() -> None:
    app = pb.asgi(pb.open("memory:"))
    received: asyncio.Queue[Message] = asyncio.Queue()
    sent: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan"}, received.get, sent.put))
    received.put_nowait({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    database = app.database
    assert (await call(app, "GET", "/api/v1/collections")).status == 200
    received.put_nowait({"type": "lifespan.shutdown"})
    assert (await sent.get())["type"] == "lifespan.shutdown.complete"
    await running
    assert database.closed


async def test_a_database_that_cannot_be_opened_fails_the_start() -> None:
    app = pb.asgi(pb.open("file:/dev/null/none"))
    sent: asyncio.Queue[Message] = asyncio.Queue()
    received: asyncio.Queue[Message] = asyncio.Queue()
    received.put_nowait({"type": "lifespan.startup"})
    with pytest.raises(pb.StorageFailed):
        await app({"type": "lifespan"}, received.get, sent.put)
    assert (await sent.get())["type"] == "lifespan.startup.failed"


@pytest.mark.parametrize("error", [pb.StorageFailed("it is gone"), RuntimeError()])
async def test_a_database_that_cannot_be_closed_fails_the_end(error: Exception) -> None:
    """What a server hears of an exception alone, it takes for an application without a lifespan."""

    @asynccontextmanager
    async def failing() -> AsyncIterator[pb.Database]:
        async with pb.open("memory:") as database:
            yield database
        raise error

    sent: asyncio.Queue[Message] = asyncio.Queue()
    received: asyncio.Queue[Message] = asyncio.Queue()
    for asked in ("lifespan.startup", "lifespan.shutdown"):
        received.put_nowait({"type": asked})
    with pytest.raises(type(error)):
        await pb.asgi(failing())({"type": "lifespan"}, received.get, sent.put)
    assert sent.get_nowait() == {"type": "lifespan.startup.complete"}
    told = str(error) or "RuntimeError()"
    assert sent.get_nowait() == {"type": "lifespan.shutdown.failed", "message": told}
