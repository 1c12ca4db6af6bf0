"""The live door over HTTP, without a server."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Unauthorized
from protobase_live.model.change import Change
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.live.client_messages import CommitRequest, Hello, Ping, ReadRequest
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.over_http import frame_of, line_of
from protobase_live.protocol.live.server_messages import Bye, Changes, Result, Welcome
from protobase_live.protocol.live.stream_messages import Subscribe
from protobase_live.protocol.server_events import Event, EventReader
from protobase_live.server.authentication import Authentication
from protobase_live.server.counters import Counters
from protobase_live.server.http_live_door import HttpLiveDoor
from protobase_live.server.limits import ServerLimits
from protobase_live.server.live_door import LiveDoor
from protobase_live.server.origins import Origins
from tests.protobase_live.live_wire import FakeDatabase
from tests.support.asgi_client import Exchange, Response, call

MSGPACK, JSON = "protobase-live.v1.msgpack", "protobase-live.v1.json"
EVENTS = "/live/events"


class Place:
    """A database, and its door over HTTP."""

    def __init__(self, live_limits: LiveLimits | None = None, **limits: Any) -> None:
        self.clock = ManualClock()
        self.database = FakeDatabase(self.clock)
        self.counters = Counters()
        self.full: str | None = None
        self.tokens: list[str | None] = []
        live_limits = live_limits or LiveLimits()
        authentication = Authentication(self._authenticate, self.clock)
        self.live = LiveDoor(
            self.database, clock=self.clock, limits=live_limits, authentication=authentication
        )
        self._parts = Origins([], "127.0.0.1"), self.clock, ServerLimits(**limits), live_limits, self.counters
        self.door = HttpLiveDoor(self.live, *self._parts, self._admit)

    def known(self) -> HttpLiveDoor:
        """The same, inside an application that knows who its clients are."""

        def token(scope: Any) -> str | None:
            return dict(scope["headers"]).get(b"cookie", b"").decode() or None

        return HttpLiveDoor(self.live, *self._parts, self._admit, token)

    def _authenticate(self, token: str | None) -> str | None:
        self.tokens.append(token)
        if token == "wrong":
            raise Unauthorized("another one")
        return token

    async def _admit(self) -> str | None:
        return self.full


class Client:
    """One that has opened a stream."""

    def __init__(self, door: HttpLiveDoor, subprotocol: str = MSGPACK, room: int = 0, **headers: str) -> None:
        self.door, self.codec, self.headers = door, CODECS[subprotocol], headers
        self.stream = Exchange(door, "GET", f"{EVENTS}?subprotocol={subprotocol}", room=room, **headers)
        self.id, self.number = "", 0
        self._reader, self._events = EventReader(100_000_000), deque[Event]()

    async def event(self) -> Event:
        async with asyncio.timeout(10):
            while not self._events:
                self._events += self._reader.feed(await self.stream.part())
        return self._events.popleft()

    async def begin(self, token: str | None = None) -> Client:
        opened = await self.event()
        assert opened.kind == "open"
        self.id = json.loads(opened.data)["connection"]
        assert (await self.post(Hello(token=token))).status == 204
        assert isinstance(await self.recv(), Welcome)
        return self

    async def recv(self) -> Any:
        event = await self.event()
        assert event.kind == "message"
        return decode_server(frame_of(event.data, self.codec.subprotocol), self.codec)

    async def post(self, *messages: Any, **headers: str) -> Response:
        self.number += 1
        return await self.post_again(*messages, **headers)

    async def post_again(self, *messages: Any, **headers: str) -> Response:
        lines = [line_of(encode(message, self.codec)) for message in messages]
        return await self.post_bytes(b"\n".join(lines), self.number, **headers)

    async def post_bytes(self, body: bytes, number: int, **headers: str) -> Response:
        named = {"protobase_connection": self.id, "protobase_sequence": str(number)}
        return await call(self.door, "POST", EVENTS, body, **named | self.headers | headers)

    async def closed(self) -> tuple[int, str]:
        """The code and the reason, when the stream has ended."""
        while (event := await self.event()).kind != "close":
            pass
        await self.stream.task
        told = json.loads(event.data)
        return told["code"], told["reason"]

    async def leave(self) -> None:
        self.stream.leave()
        await self.stream.task


def read(id: int, value: Any = 1) -> ReadRequest:
    return ReadRequest(id, "tasks", Read(RECORDS, "echo", (value,)))


def commit(id: int) -> CommitRequest:
    return CommitRequest(id, {"tasks": [Op(RECORDS, "delete", (f"t{id}",))]}, (), None)


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.mark.parametrize("subprotocol", CODECS)
async def test_requests_and_answers(place: Place, subprotocol: str) -> None:
    client = await Client(place.door, subprotocol).begin("ann")
    await client.post(read(1, {"a": [1, b"x", "ä\n"]}), commit(2))
    answers = {answer.id: answer.value for answer in [await client.recv(), await client.recv()]}
    assert answers[1] == {"a": [1, b"x", "ä\n"]}
    assert answers[2]["cursors"] == {"tasks": "1"}
    assert place.database.authors == ["ann"]
    await client.leave()
    assert place.door.connections == []


async def test_the_head_keeps_what_is_between_from_keeping_it(place: Place) -> None:
    client = Client(place.door)
    start = await client.stream.sent.get()
    headers = dict(start["headers"])
    assert (start["status"], headers[b"content-type"]) == (200, b"text/event-stream")
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"]) == (b"no-store, no-transform", b"no")
    await client.leave()


async def test_a_request_that_comes_again_is_taken_once(place: Place) -> None:
    client = await Client(place.door).begin()
    for _ in range(3):
        client.number = 2
        assert (await client.post_again(commit(1))).status == 204
    assert isinstance(await client.recv(), Result)
    await client.post(Ping(2))
    assert (await client.recv()).id == 2
    assert len(place.database.log) == 1
    await client.leave()


async def held_up() -> tuple[Place, Client]:
    """A client with two commits under way and one that waits."""
    place = Place(LiveLimits(commit_bytes=1))
    place.database.commit_gate.clear()
    client = await Client(place.door).begin()
    await client.post(commit(1))
    await client.post(commit(2), commit(3))
    await settle()
    return place, client


async def test_one_that_comes_again_while_the_first_waits() -> None:
    place, client = await held_up()
    client.number += 1
    waiting = [asyncio.ensure_future(client.post_again(commit(4))) for _ in range(4)]
    await settle()
    refused = await client.post_again(commit(4))
    assert (refused.status, refused.error) == (503, "Overloaded")
    place.database.commit_gate.set()
    assert [(await each).status for each in waiting] == [204] * 4
    assert [(await client.recv()).id for _ in range(4)] == [1, 2, 3, 4]
    assert len(place.database.log) == 4
    await client.leave()


async def test_a_missing_request_is_noticed(place: Place) -> None:
    client = await Client(place.door).begin()
    client.number += 1
    missing = await client.post(commit(1))
    assert (missing.status, missing.json["error"]["message"]) == (409, "request 3 came, and 2 has not")
    client.number = 1
    assert (await client.post(commit(2))).status == 204
    await client.recv()
    assert len(place.database.log) == 1
    await client.leave()


async def test_a_foreign_id_is_refused(place: Place) -> None:
    """Also one that is known to somebody who is somebody else, of whatever the application knows him by."""
    ann = await Client(place.door, authorization="Bearer ann's").begin()
    known = await Client(place.known(), cookie="ann").begin("whatever")
    assert place.tokens[-1] == "ann"
    for client, other in (
        (ann, {"protobase_connection": "another"}),
        (ann, {"authorization": "Bearer bob's"}),
        (known, {"cookie": "bob"}),
        (known, {"cookie": ""}),
    ):
        refused = await client.post(commit(1), **other)
        client.number -= 1
        assert (refused.status, refused.error) == (404, "Closed")
    for client in (ann, known):
        await client.post(Ping(2))
        assert (await client.recv()).id == 2
        await client.leave()
        assert (await client.post(Ping(3))).status == 404
    assert place.database.log == []


async def test_ids_cannot_be_guessed(place: Place) -> None:
    clients = [await Client(place.door).begin() for _ in range(3)]
    assert len({client.id for client in clients}) == 3
    assert all(len(client.id) >= 43 for client in clients)
    for client in clients:
        await client.leave()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", EVENTS, {}, 400),
        ("GET", f"{EVENTS}?subprotocol=other", {}, 400),
        ("GET", f"{EVENTS}?subprotocol={JSON}", {"origin": "http://evil.example"}, 403),
        ("POST", EVENTS, {"origin": "http://evil.example"}, 403),
        ("POST", EVENTS, {}, 404),
        ("PUT", EVENTS, {}, 405),
        ("OPTIONS", EVENTS, {"origin": "http://localhost:3000"}, 204),
    ],
)
async def test_what_is_no_connection(place: Place, method, path, headers, status) -> None:
    answer = await call(place.door, method, path, **headers)
    assert answer.status == status
    assert answer.headers.get("access-control-allow-origin") == (
        "http://localhost:3000" if method == "OPTIONS" else None
    )


async def test_pages_that_may_are_told_so(place: Place) -> None:
    page = {"origin": "http://localhost:3000"}
    asked = await call(place.door, "OPTIONS", EVENTS, **page)
    assert "protobase-sequence" in asked.headers["access-control-allow-headers"]
    client = Client(place.door, **page)
    start = await client.stream.sent.get()
    assert dict(start["headers"])[b"access-control-allow-origin"] == b"http://localhost:3000"
    await client.begin()
    await client.leave()


@pytest.mark.parametrize("number", ["", "-1", "0", "x", "1" * 20])
async def test_requests_have_numbers(place: Place, number: str) -> None:
    client = await Client(place.door).begin()
    refused = await client.post(Ping(1), protobase_sequence=number)
    assert (refused.status, refused.error) == (400, "ValidationError")
    await client.leave()


async def test_no_room(place: Place) -> None:
    place.full = "at the limit"
    answer = await call(place.door, "GET", f"{EVENTS}?subprotocol={JSON}")
    assert (answer.status, answer.error, answer.headers["retry-after"]) == (503, "Unavailable", "1")
    assert place.counters.refusals["503"] == 1


async def test_the_live_door_is_full() -> None:
    place = Place(LiveLimits(connections=1))
    first = await Client(place.door).begin()
    assert (await Client(place.door).closed())[0] == 4429
    await first.leave()


async def test_a_token_that_is_not_accepted(place: Place) -> None:
    client = Client(place.door)
    client.id = json.loads((await client.event()).data)["connection"]
    await client.post(Hello(token="wrong"))
    assert await client.closed() == (4401, "another one")
    assert place.counters.closes["4401"] == 1


async def test_no_hello_in_time(place: Place) -> None:
    client = Client(place.door)
    await client.event()
    await place.clock.advance(10)
    assert await client.closed() == (4408, "no hello within 10 seconds")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"no base64", 400, 4400), (b"A" * 4_000, 413, 4413), (b"A" * 140, 413, 4413), (b"wQ==", 204, 4400)],
)
async def test_what_is_no_frame_ends_the_connection(body: bytes, status: int, code: int) -> None:
    place = Place(LiveLimits(message_bytes=100))
    client = await Client(place.door).begin()
    assert (await client.post_bytes(body, 2)).status == status
    assert (await client.closed())[0] == code
    assert (await client.post_bytes(b"", 3)).status == 404


async def test_who_sends_too_many_messages_is_served_later_and_none_is_lost() -> None:
    place = Place(messages_per_second=1, messages_at_once=2)
    client = await Client(place.door).begin()
    assert (await client.post(read(1), read(2), read(3))).status == 204
    later = asyncio.ensure_future(client.post(read(4)))
    assert [(await client.recv()).id for _ in range(3)] == [1, 2, 3]
    await place.clock.advance(1.9)
    assert not later.done()
    await place.clock.advance(0.1)
    assert (await later).status == 204
    assert (await client.recv()).id == 4
    assert place.counters.limits["messages_per_second"] == 2
    await client.leave()


async def test_before_hello_messages_are_short() -> None:
    place = Place(LiveLimits(hello_bytes=100))
    client = Client(place.door)
    client.id = json.loads((await client.event()).data)["connection"]
    assert (await client.post_bytes(b"A" * 2_000, 1)).status == 413
    code, reason = await client.closed()
    assert (code, reason.endswith("(hello_bytes)")) == (4413, True)


async def test_signs_of_life_as_long_as_the_client_gives_some(place: Place) -> None:
    client = await Client(place.door).begin()
    for _ in range(6):
        await place.clock.advance(15)
        assert await client.stream.part() == b":\n\n"
        assert (await client.post()).status == 204
    for _ in range(4):
        await place.clock.advance(15)
    assert await client.closed() == (4408, "no request within 60 seconds (post_seconds)")


async def test_who_does_not_read_is_sent_no_more(place: Place) -> None:
    """One frame is on its way; neither are changes pulled, nor requests read, and then he is cut off."""
    place = Place(LiveLimits(requests=2, batch=1))
    client = await Client(place.door, room=2).begin()
    await client.post(Subscribe(1, "tasks", None, 1024))
    await client.recv()
    for id in range(2, 20):
        place.database.log.append(change(id))
    place.database.news.set()
    await settle()
    assert place.database.pulled <= 4
    for id in range(2, 20):
        waiting = asyncio.ensure_future(client.post(read(id, "x" * 1_000)))
        await settle()
        if not waiting.done():
            break
    assert not waiting.done()
    assert place.database.reading == 0
    assert id < 10
    await place.clock.advance(60)
    assert (await waiting).status in (404, 503)
    await client.stream.task
    assert place.door.connections == []


async def test_requests_are_not_read_while_earlier_ones_wait() -> None:
    place, client = await held_up()
    late = asyncio.ensure_future(client.post(commit(4)))
    await settle()
    assert not late.done()
    await place.clock.advance(60)
    assert (await late).error == "Overloaded"
    assert (place.counters.refusals["503"], place.counters.limits["request_seconds"]) == (1, 1)
    place.database.commit_gate.set()
    assert [(await client.recv()).id for _ in range(3)] == [1, 2, 3]
    assert (await client.post_again(commit(4))).status == 204
    assert (await client.recv()).id == 4
    await client.leave()


async def test_the_server_says_bye(place: Place) -> None:
    client = await Client(place.door).begin()
    closing = asyncio.ensure_future(place.live.close())
    assert isinstance(await client.recv(), Bye)
    assert await client.closed() == (1001, "the server is stopping")
    await closing
    assert (await Client(place.door).closed())[0] == 1013


async def test_a_mistake_of_the_server_fails_alone(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    client, other = await Client(place.door).begin(), await Client(place.door).begin()
    place.database.failure = ZeroDivisionError()
    await client.post(commit(1))
    assert (await client.closed())[0] == 1011
    assert "a connection failed" in caplog.text
    await other.post(Ping(1))
    assert (await other.recv()).id == 1
    await other.leave()


async def test_changes_are_streamed(place: Place) -> None:
    client = await Client(place.door, JSON).begin()
    await client.post(Subscribe(1, "tasks", None, 10))
    await client.recv()
    await client.post(commit(2))
    told = [await client.recv(), await client.recv()]
    assert any(isinstance(each, Changes) for each in told)
    assert place.counters.connections["live-http"] == 1
    assert place.counters.sessions == {"live-http": 1}
    await client.leave()
    assert place.database.streams == 0
    assert place.counters.sessions == {"live-http": 0}


def change(id: int) -> Change:
    return Change("tasks", "records", "insert", f"t{id}", None, {"long": "x" * 1_000}, str(id), None)


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)
