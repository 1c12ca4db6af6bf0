"""Which way a client takes to a server, with the things in between that there are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

import protobase_live as pb
from protobase_actors import ManualClock, SystemClock
from protobase_live.client.address import live_url
from protobase_live.client.http_transport import open_http
from protobase_live.client.transport import Transport
from protobase_live.client.ways import Ways
from protobase_live.server.server import Server
from tests.protobase_live.live_wire import End, pipe
from tests.support.http_proxy import HttpProxy, answer

HASTY = pb.ClientLimits(connect_seconds=0.2)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with pb.open("memory:") as database, Server(database, port=0) as server:
        yield server


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[HttpProxy]:
    async with HttpProxy(server.port) as proxy:
        yield proxy


@asynccontextmanager
async def connected(
    proxy: HttpProxy, path: str = "/live", **options: Any
) -> AsyncIterator[pb.RemoteDatabase]:
    """A client behind the proxy, which has written a record and read it."""
    async with asyncio.timeout(30), pb.connect(f"http://127.0.0.1:{proxy.port}{path}", **options) as db:
        tasks = await db.collection("tasks")
        await tasks.put({"n": 1}, key="t1")
        assert await tasks.get("t1") == {"n": 1}
        yield db


@pytest.mark.parametrize("way", ["auto", "websocket", "http"])
@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
async def test_a_name_that_no_host_can_have(way, host) -> None:
    with pytest.raises(pb.Unavailable, match=f"there is no host '{host}'"):
        await pb.connect(f"ws://{host}:1", transport=way)


REFUSALS = {
    "forbidden": answer("403 Forbidden"),
    "not found": answer("404 Not Found"),
    "upgrade required": answer("426 Upgrade Required"),
    "not implemented": answer("501 Not Implemented"),
    "bad gateway": answer("502 Bad Gateway"),
    "a page": answer("200 OK", "<html>"),
    "no HTTP": "what?\r\n\r\n",
    "no answer": "",
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_what_refuses_websockets_is_gone_around(proxy: HttpProxy, refusal: str) -> None:
    proxy.upgrades = REFUSALS[refusal]
    async with connected(proxy):
        assert proxy.count("GET", upgrade=True) == 1
        assert proxy.count("GET") == 1


async def test_what_does_not_answer_is_gone_around(proxy: HttpProxy) -> None:
    proxy.upgrades = None
    async with connected(proxy, limits=pb.ClientLimits(upgrade_seconds=0.05)):
        assert proxy.count("GET") == 1


async def test_what_is_slow_is_waited_for() -> None:
    """HTTP is tried beside it, and given up when the WebSocket is there first."""
    began, may_open, http_ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Ways):
        async def _websocket(self, url: str) -> Transport:
            await may_open.wait()
            return pipe()[0]

        async def _http(self, url: str) -> Transport:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                http_ended.set()
            raise AssertionError

    clock = ManualClock()
    dialing = asyncio.ensure_future(
        Slow("auto", "", clock, pb.ClientLimits(), lambda url: 4.0).dial("ws://a")
    )
    await clock.advance(1.9)
    assert not began.is_set()
    await clock.advance(0.1)
    assert began.is_set()
    may_open.set()
    assert isinstance(await dialing, End)
    assert http_ended.is_set()
    again = asyncio.ensure_future(Slow("auto", "", clock, pb.ClientLimits(), lambda url: 4.0).dial("ws://a"))
    assert isinstance(await again, End)


@pytest.mark.parametrize("rounds", range(8))
async def test_giving_up_closes_all_that_was_or_will_be_opened_whenever_that_is(rounds: int) -> None:
    began, may_open = asyncio.Event(), asyncio.Event()
    ends: list[End] = []

    def opened() -> End:
        ends.append(pipe()[0])
        return ends[-1]

    class Slow(Ways):
        async def _websocket(self, url: str) -> Transport:
            await may_open.wait()
            return opened()

        async def _http(self, url: str) -> Transport:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                for _ in range(3):
                    await asyncio.sleep(0)
            return opened()

    clock = ManualClock()
    ways = Slow("auto", "", clock, pb.ClientLimits(), lambda url: 4.0)
    dialing = asyncio.ensure_future(ways.dial("ws://a"))
    await clock.advance(2.0)
    assert began.is_set()
    may_open.set()
    for _ in range(rounds):
        await asyncio.sleep(0)
    dialing.cancel()
    await asyncio.wait([dialing])
    await clock.settle()
    kept = [] if dialing.cancelled() else [dialing.result()]
    assert [end for end in ends if not end.closed] == kept


async def test_without_anything_in_between_it_is_a_websocket(proxy: HttpProxy) -> None:
    async with connected(proxy):
        assert [each.is_upgrade for each in proxy.requests] == [True]


@pytest.mark.parametrize(("way", "upgrades"), [("websocket", 1), ("http", 0)])
async def test_a_way_that_is_chosen(proxy: HttpProxy, way: str, upgrades: int) -> None:
    async with connected(proxy, transport=way):
        assert proxy.count("GET", upgrade=True) == upgrades
    proxy.upgrades = answer("403 Forbidden")
    if way == "websocket":
        with pytest.raises(pb.Unauthorized, match="answers HTTP 403"):
            async with connected(proxy, transport=way):
                pass
        assert proxy.count("GET") == 0


async def test_another_way_is_none() -> None:
    with pytest.raises(pb.ValidationError, match="'carrier pigeon' is none of auto, websocket, http"):
        await pb.connect("http://127.0.0.1:1", transport="carrier pigeon")  # type: ignore[arg-type]


async def test_the_way_is_remembered_for_a_time(proxy: HttpProxy) -> None:
    proxy.upgrades = answer("403 Forbidden")
    clock = Leaping()
    async with connected(proxy, clock=clock) as db:
        tasks = await db.collection("tasks")
        proxy.cut()
        assert await tasks.get("t1") == {"n": 1}
        assert (proxy.count("GET", upgrade=True), proxy.count("GET")) == (1, 2)
        clock.leap(600)
        proxy.upgrades = "pass"
        proxy.cut()
        assert await tasks.get("t1") == {"n": 1}
        assert (proxy.count("GET", upgrade=True), proxy.count("GET")) == (2, 2)


async def test_a_way_that_fails_is_forgotten(proxy: HttpProxy) -> None:
    proxy.upgrades = answer("403 Forbidden")
    async with connected(proxy) as db:
        tasks = await db.collection("tasks")
        proxy.upgrades, real = "pass", proxy.path
        proxy.path = lambda path: path.replace("/events", "/nowhere")
        proxy.cut()
        assert await tasks.get("t1") == {"n": 1}
        proxy.path = real
        assert (proxy.count("GET", upgrade=True), proxy.count("GET")) == (2, 2)


async def test_a_server_that_refuses_is_not_asked_over_http(proxy: HttpProxy) -> None:
    with pytest.raises(pb.ProtocolError, match="answers HTTP 404 and opens no connection"):
        async with connected(proxy, "/nowhere"):
            pass
    assert proxy.count("GET") == 0


@pytest.mark.parametrize("transport", ["auto", "http"])
async def test_a_token_that_is_not_accepted(transport: str) -> None:
    def refuse(token: str | None) -> str:
        raise pb.Unauthorized("another one")

    async with (
        pb.open("memory:") as database,
        Server(database, port=0, authenticate=refuse) as server,
        HttpProxy(server.port) as proxy,
    ):
        with pytest.raises(pb.Unauthorized, match="another one"):
            async with connected(proxy, transport=transport):
                pass
        assert len([each for each in proxy.requests if each.method == "GET"]) == 1


async def test_where_there_is_no_live_door_the_first_refusal_is_told(proxy: HttpProxy) -> None:
    proxy.upgrades = answer("403 Forbidden")
    with pytest.raises(pb.ProtocolError, match="answers HTTP 404"):
        async with connected(proxy, "/nowhere"):
            pass


async def test_where_nothing_listens_nothing_else_is_tried() -> None:
    with pytest.raises(pb.Unavailable, match="nothing listens at"):
        async with pb.connect("http://127.0.0.1:1/live"):
            pass


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_prefix_that_is_stripped(proxy: HttpProxy, transport: str) -> None:
    proxy.path = lambda path: path.removeprefix("/some/prefix")
    async with connected(proxy, "/some/prefix/live", transport=transport):
        assert all(each.path.startswith("/live") for each in proxy.requests)


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_another_name_for_the_door_and_a_query(proxy: HttpProxy, transport: str) -> None:
    proxy.path = lambda path: path.replace("/rt", "/live", 1)
    async with connected(proxy, "/rt?tenant=7", transport=transport):
        assert all("?tenant=7" in each.path for each in proxy.requests if each.method == "GET")


async def test_idle_connections_that_are_closed(proxy: HttpProxy) -> None:
    proxy.closes_idle = True
    async with connected(proxy, transport="http") as db:
        tasks = await db.collection("tasks")
        for n in range(5):
            await tasks.update("t1", n=n)
        assert await tasks.get("t1") == {"n": 4}
        assert proxy.count("GET") == 1, "the stream goes on"


async def test_a_request_whose_answer_is_lost_is_sent_again_and_taken_once(proxy: HttpProxy) -> None:
    async with connected(proxy, transport="http") as db:
        votes = await (await db.collection("tasks")).counter("votes")
        posts = proxy.count("POST")
        proxy.answers = ""
        await votes.add(1)
        await votes.add(1)
        assert await votes.value() == 2
        assert (proxy.count("GET"), proxy.count("POST") > posts + 3) == (1, True)


@pytest.mark.parametrize("status", ["502 Bad Gateway", "413 Request Entity Too Large"])
async def test_a_request_that_is_refused_ends_the_connection(proxy: HttpProxy, status: str) -> None:
    lost: asyncio.Queue[str | None] = asyncio.Queue()
    soon = pb.ClientLimits(close_seconds=0.05)
    async with connected(proxy, transport="http", on_connection=lost.put_nowait, limits=soon) as db:
        tasks = await db.collection("tasks")
        proxy.answers = answer(status)
        assert await tasks.get("t1") == {"n": 1}
        assert f"/live/events answers HTTP {status[:3]} to what was sent" in (await lost.get() or "")
        assert await lost.get() is None


async def test_why_the_server_closes_is_heard_behind_its_answer_to_a_request(server: Server) -> None:
    url = live_url(server.url)
    transport = await open_http(url, "protobase-live.v1.msgpack", SystemClock(), pb.ClientLimits())
    await transport.send(b"x" * 150_000)  # more than may come before `hello`
    with pytest.raises(ConnectionClosed) as closed:
        await transport.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4413
    await transport.close()


async def test_user_and_password_are_for_what_is_in_between(server: Server, proxy: HttpProxy) -> None:
    async with pb.connect(f"http://ann:p%20w@127.0.0.1:{proxy.port}/live", transport="http") as db:
        assert await db.collections() == []
    assert {each.headers["authorization"] for each in proxy.requests} == {"Basic YW5uOnAgdw=="}


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_the_proxy_that_the_environment_names(
    proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ws_proxy", f"http://ann:secret@127.0.0.1:{proxy.port}")
    async with pb.connect("http://db.example.com/live", transport=transport) as db:
        assert await db.collections() == []
    assert {(each.method, each.path) for each in proxy.requests} == {("CONNECT", "db.example.com:80")}
    proxy.tunnels = False
    monkeypatch.setattr(proxy, "requests", [])
    with pytest.raises(pb.Unavailable, match="403"):
        await pb.connect("http://db.example.com/live", transport=transport, limits=HASTY)


def test_a_client_that_needs_no_http_does_not_load_it() -> None:
    program = "import sys, protobase_live as pb; pb.connect('ws://a'); sys.exit('h11' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


class Leaping(SystemClock):
    """The computer's clock, which the test sets ahead."""

    ahead = 0.0

    def leap(self, seconds: float) -> None:
        self.ahead += seconds

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead
