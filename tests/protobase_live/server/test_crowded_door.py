"""Limits for each address and identity, and of those that come and say nothing, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live import Identity
from protobase_live.database.database import Database
from protobase_live.protocol.live.client_messages import Hello
from protobase_live.protocol.live.codec import JsonCodec, MsgpackCodec
from protobase_live.protocol.live.messages import encode
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.protobase_live.server.test_http_stack import connected
from tests.support.asgi_client import Exchange, call
from tests.support.eventually import until
from tests.support.hocuspocus import STEP1

LIVE = [Subprotocol(MsgpackCodec.subprotocol)]
FORWARDED = "X-Forwarded-For"


@asynccontextmanager
async def serving(server: dict[str, Any] | None = None, **limits: Any) -> AsyncIterator[Server]:
    async with (
        Database(MemoryStorage()) as database,
        Server(database, port=0, limits=ServerLimits(**limits), **(server or {})) as served,
    ):
        yield served


def yjs(server: Server, query: str = "", **headers: str) -> Any:
    return connect(f"ws://127.0.0.1:{server.port}/yjs/room{query}", additional_headers=headers)


async def test_an_address_has_so_many_connections() -> None:
    async with serving(address_connections=2) as server:
        async with yjs(server), yjs(server):
            with pytest.raises(InvalidStatus, match="503") as refused:
                await yjs(server)
            assert b"(address_connections); a proxy" in refused.value.response.body
        async with yjs(server), connected(server) as client:
            figures = (await client.ask("GET", "/metrics"))[1]
            assert 'protobase_limits_total{limit="address_connections"} 1' in figures
            assert 'protobase_refusals_total{status="503"} 1' in figures


async def test_connections_for_requests_count_too_and_are_given_back() -> None:
    async with serving(address_connections=1) as server:
        for _ in range(3):
            async with connected(server) as client:
                assert (await client.ask("GET", "/api/v1/openapi.json"))[0] == 200
                with pytest.raises(InvalidStatus, match="503"):
                    await yjs(server)
                client.writer.close()
                await client.writer.wait_closed()
            await until(lambda: not len(server._arrivals._places))  # the server has noticed


async def test_behind_a_proxy_each_client_counts_for_itself() -> None:
    trusting = {"trusted_proxies": ["127.0.0.0/8"]}
    async with (
        serving(trusting, address_connections=1) as server,
        yjs(server, **{FORWARDED: "192.0.2.7"}),
        yjs(server, **{FORWARDED: "192.0.2.8"}),
    ):
        with pytest.raises(InvalidStatus, match="503"):
            await yjs(server, **{FORWARDED: "198.51.100.1, 192.0.2.7"})


async def test_without_trust_nobody_forwards() -> None:
    async with serving(address_connections=1) as server, yjs(server, **{FORWARDED: "192.0.2.7"}):
        with pytest.raises(InvalidStatus, match="503"):
            await yjs(server, **{FORWARDED: "192.0.2.8"})


async def test_an_identity_has_so_many_connections_over_all_doors() -> None:
    known = {"authenticate": lambda token: token}
    async with serving(known, identity_connections=1) as server, yjs(server, "?token=ann"):
        async with yjs(server, "?token=ann") as second:
            await _is_told_to_come_back(second)
        async with connect(f"ws://127.0.0.1:{server.port}/live", subprotocols=LIVE) as third:
            await third.send(encode(Hello(token="ann"), MsgpackCodec()))
            await _is_told_to_come_back(third)
        async with connect(f"ws://127.0.0.1:{server.port}/hocuspocus") as fourth:
            await fourth.send(prefixed(b"room") + b"\x02\x00" + prefixed(b"ann"))
            await _is_told_to_come_back(fourth)
        async with yjs(server, "?token=bob") as other:
            assert await other.recv()


async def _is_told_to_come_back(connection: ClientConnection, limit: str = "identity_connections") -> None:
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()
    assert connection.close_code == 1013
    assert f"({limit})" in (connection.close_reason or "")


async def test_an_identity_uses_so_many_collections_over_all_doors() -> None:
    known = {"authenticate": lambda token: token or "nobody"}
    async with serving(known, identity_collections=1) as server:
        address = f"ws://127.0.0.1:{server.port}"
        async with yjs(server, "?token=ann") as mine:
            assert await mine.recv()
            async with connect(f"{address}/yjs/other?token=ann") as second:
                await _is_told_to_come_back(second, "identity_collections")
            async with connect(f"{address}/hocuspocus") as third:
                await third.send(prefixed(b"other") + b"\x02\x00" + prefixed(b"ann"))
                refused = await third.recv()
                assert isinstance(refused, bytes)
                assert refused.startswith(prefixed(b"other") + b"\x02\x01")
                assert b"4429 this client uses 1 collections already (identity_collections)" in refused
            async with pb.connect(f"{address}/live", token="ann") as db:
                await (await db.collection("room")).insert({}, key="k")
                other = await db.collection("other")
                with pytest.raises(pb.Overloaded, match="identity_collections"):
                    await other.get("k")
                with pytest.raises(pb.Overloaded, match="identity_collections"):
                    async with other.changes():
                        pass
                with pytest.raises(pb.Overloaded, match="identity_collections"):
                    await db.query(pb.Query("other"))
            async with connected(server) as client:
                path = "/api/v1/collections/other/records/k?token=ann"
                status, body = await client.ask("GET", path)
                assert (status, "identity_collections" in body) == (503, True)
                query = '{"query": "other"}'
                status, body = await client.ask("POST", "/api/v1/query?token=ann", query)
                assert (status, "identity_collections" in body) == (503, True)
        async with connect(f"{address}/yjs/other?token=bob") as other_client:
            assert await other_client.recv()


async def test_who_says_nothing_gives_way_to_others() -> None:
    """Thousands of half-open connections keep nobody out; a request that is never finished is one of them."""
    async with serving(silent_connections=3) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
        silent[0][1].write(
            b"GET /yjs/room HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nX: " + b"x" * 100
        )
        await silent[0][1].drain()
        async with yjs(server) as client:
            assert await client.recv()
            assert await silent[0][0].read() == b""


async def test_an_address_has_so_many_requests_and_streams() -> None:
    async with serving(address_requests=1, address_streams=1) as server:
        async with connected(server) as slow, connected(server) as other:
            slow.send(
                "PUT /api/v1/collections/c/records/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
            )
            await until(lambda: server._behind.rest._requests == 1)
            status, body = await other.ask("GET", "/api/v1/collections/c/records/k")
            assert (status, "address_requests" in body) == (503, True)
        async with connected(server) as first, connected(server) as second:
            stream = "GET /api/v1/collections/c/changes HTTP/1.1\r\nHost: localhost\r\n\r\n"
            first.send(stream)
            await first.reader.readuntil(b"\r\n\r\n")
            second.send(stream)
            status, body = await second.answer()
            assert (status, "address_streams" in body) == (503, True)


async def test_what_a_client_said_before_it_was_let_in_is_held_no_more_when_it_is_taken() -> None:
    """Else who says nothing more would be the first one that gives way."""
    known = asyncio.Event()

    async def authenticate(token: str | None) -> str:
        await known.wait()
        return "ann"

    async with serving({"authenticate": authenticate}) as server, yjs(server) as client:
        await client.send(STEP1)
        await until(lambda: server._traffic.unfinished.total == len(STEP1))
        known.set()
        await client.recv()
        assert server._traffic.unfinished.total == 0


async def test_a_stream_of_events_uses_its_collection_for_as_long_as_it_goes_on() -> None:
    clock = ManualClock()
    async with Database(MemoryStorage()) as database:
        limits = ServerLimits(identity_collections=1, identity_collection_seconds=60)
        app = pb.asgi(database, authenticate=Identity, limits=limits, clock=clock)
        ann = {"authorization": "Bearer ann"}
        stream = Exchange(app, "GET", "/api/v1/collections/a/changes", **ann)
        assert b"event: open" in await stream.part()
        await clock.advance(1000)
        assert (await call(app, "GET", "/api/v1/collections/b/records", **ann)).error == "Overloaded"
        stream.leave()
        await stream.task
        await clock.advance(1000)
        assert (await call(app, "GET", "/api/v1/collections/b/records", **ann)).status == 200


async def test_in_another_application_streams_of_the_live_door_are_connections_of_their_address() -> None:
    async with Database(MemoryStorage()) as database:
        served = pb.asgi(database, limits=ServerLimits(address_connections=1))

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await served({**scope, "client": ("192.0.2.7", 1234)}, receive, send)

        path = f"/live/events?subprotocol={JsonCodec.subprotocol}"
        for _ in range(2):
            stream = Exchange(app, "GET", path)
            assert b"event: open" in await stream.part()
            refused = await call(app, "GET", path)
            assert (refused.status, refused.error) == (503, "Overloaded")
            assert (await call(app, "POST", "/live/events")).status == 404
            stream.leave()
            await stream.task
        counted = served._doors._counters
        assert (counted.refusals["503"], counted.limits["address_connections"]) == (2, 2)
