"""Attackers over HTTP: requests of all kinds, and the live door for who has no WebSockets."""

from __future__ import annotations

import asyncio
from random import Random

from tests.support.frame_attacks import PATIENCE_SECONDS, VISIT_FRAMES, Attack, Socket
from tests.support.frame_mutations import Mutator
from tests.support.recorded_sessions import ROOM, Session
from tests.support.socket_frames import upgrade


class Requests(Attack):
    """Requests over HTTP, whole, changed and cut; also those that ask for a WebSocket connection."""

    door = "http"

    def __init__(self, port: int, random: Random) -> None:
        super().__init__(port, random)
        self._mutator = Mutator(random, REQUESTS)

    async def visit(self, socket: Socket) -> None:
        said = [self._request() for _ in range(self.random.randint(1, 12))]
        self.sent += len(said)
        await socket.send(b"".join(said))
        socket.end()
        await socket.rest()

    def _request(self) -> bytes:
        request = self.random.choice(REQUESTS)
        for room, here in ((ROOM, self.room), (_in_path(ROOM), _in_path(self.room))):
            request = request.replace(room.encode(), here.encode())
        head, _, body = request.partition(b"\r\n\r\n")
        if body and self.random.random() < 0.6:
            body = self._mutator.change(body)
            head = head.replace(b"LENGTH", str(len(body)).encode())
        request = head.replace(b"LENGTH", str(len(body)).encode()) + b"\r\n\r\n" + body
        return self._mutator.change(request) if self.random.random() < 0.3 else request


class LiveOverHttp(Attack):
    """The live door over HTTP: a stream, and requests with what a client said, changed at random."""

    door = "live-http"

    def __init__(self, port: int, random: Random, session: Session) -> None:
        super().__init__(port, random)
        self._session = session
        self._mutator = Mutator(random, session.messages)

    async def visit(self, socket: Socket) -> None:
        path = f"/live/events?subprotocol={self._session.subprotocol}"
        await socket.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            id = await socket.found(b'"connection": "', b'"')
        other = await Socket.open(self.port)
        try:
            await self._post(other, id)
        finally:
            other.close()

    async def _post(self, socket: Socket, id: bytes) -> None:
        number = self.random.randint(1, 3)
        said = b"".join(self._request(id, each) for each in range(1, 1 + number))
        await socket.send(said)
        socket.end()
        await socket.rest()

    def _request(self, id: bytes, number: int) -> bytes:
        messages = [self._session.messages[0]] if number == 1 else []
        messages += self._mutator.order(self._session.messages[1:], self.random.randint(1, VISIT_FRAMES // 3))
        self.sent += len(messages)
        if self.random.random() < 0.7:
            change = self._mutator.change
            messages = [change(each) if self.random.random() < 0.3 else each for each in messages]
        body = b"\n".join(each.replace(ROOM.encode(), self.room.encode()) for each in messages)
        if self.random.random() < 0.1:
            number = self.random.choice((0, 2, 10**15))
        head = (
            b"POST /live/events HTTP/1.1\r\nHost: 127.0.0.1\r\nprotobase-connection: %b\r\n"
            b"protobase-sequence: %d\r\nContent-Length: %d\r\n\r\n" % (id, number, len(body))
        )
        return head + body


def _rest(method: str, path: str, body: str = "", *headers: str) -> bytes:
    typed = ("Content-Type: application/json", "Content-Length: LENGTH") if body else ()
    lines = (f"{method} /api/v1/{path} HTTP/1.1", "Host: 127.0.0.1", *typed, *headers)
    return "\r\n".join((*lines, "", body)).encode()


def _in_path(room: str) -> str:
    return room.replace("/", "%2F")


_PLACE = f"collections/{_in_path(ROOM)}"
REQUESTS: tuple[bytes, ...] = (
    _rest("GET", "openapi.json"),
    _rest("GET", "collections?prefix=arena&limit=3"),
    _rest("POST", f"{_PLACE}/records", '{"key":"r1","fields":{"title":"é","n":1}}', "Idempotency-Key: a"),
    _rest("PUT", f"{_PLACE}/records/r1", '{"fields":{"title":"é","n":2}}', "If-None-Match: *"),
    _rest("PATCH", f"{_PLACE}/records/r1", '{"fields":{"n":3,"tags":[1,null,{"a":"b"}]}}'),
    _rest("GET", f"{_PLACE}/records/r1"),
    _rest("GET", f"{_PLACE}/records?limit=2"),
    _rest("DELETE", f"{_PLACE}/records/r1"),
    _rest("PUT", f"{_PLACE}/texts/note", '{"text":"a text"}'),
    _rest("POST", f"{_PLACE}/texts/note/splice", '{"index":1,"delete":2,"insert":"é🦊"}'),
    _rest("POST", f"{_PLACE}/fragments/doc/append", '{"type":"doc","content":[{"type":"paragraph"}]}'),
    _rest("GET", f"{_PLACE}/fragments/doc?form=html"),
    _rest("GET", f"{_PLACE}/changes"),
    _rest("POST", "query", f'{{"query":"`{ROOM}` where n > 1 order by n limit 3"}}'),
    _rest(
        "POST",
        "transactions",
        f'{{"writes":{{"{ROOM}":[["counter",["votes"],"add",[1]],["records",["records"],"delete",["r1"]]]}}}}',
    ),
    _rest("GET", "inspection"),
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS /live/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n",
    b"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\n{}\r\n0\r\n\r\n",
    upgrade(f"/yjs/{ROOM}"),
    upgrade("/hocuspocus", "Origin: http://evil.example"),
    upgrade("/live", "Sec-WebSocket-Protocol: protobase-live.v1.json"),
    upgrade("/peer", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
    upgrade("/nothing", "X-Forwarded-For: 1.2.3.4, ::1"),
)
"""Requests as clients send them; LENGTH stands for that of the body."""
