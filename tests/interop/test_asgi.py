"""`pb.asgi` inside a FastAPI application, under three ASGI servers: Yjs clients, the Python client, REST."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live.handles.presence import Presence
from tests.support.yjs_node import NodeClients

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "fastapi_app:app", "--fd", "{fd}", "--lifespan", "on"],
    "hypercorn": ["-m", "hypercorn", "fastapi_app:app", "--bind", "fd://{fd}"],
    "granian": ["-m", "granian", "--interface", "asgi", "fastapi_app:app", "--port", "{port}"],
}
"""The two that can are given a socket that listens."""

ANN = "ann-7f3a"


class Application:
    """The example, served by one of them."""

    def __init__(self, server: str, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Application]:
        """Ends with SIGTERM, and asserts that it has ended in order."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            hands_over = "{fd}" in " ".join(SERVERS[self._server])
            if hands_over:
                listening.listen()
            else:
                listening.close()
            process = await self._start(listening.fileno() if hands_over else -1)
        try:
            await self._until_ready(process)
            yield self
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() in (0, -signal.SIGTERM)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _start(self, fd: int) -> asyncio.subprocess.Process:
        command = [each.format(fd=fd, port=self.port) for each in SERVERS[self._server]]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=EXAMPLES,
            env={**os.environ, "STORAGE": f"file:{self._folder}"},
            pass_fds=[fd] if fd >= 0 else [],
        )

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(60):
            while process.returncode is None:
                try:
                    if (await self.ask("GET", "/collab/api/v1/openapi.json"))[0] == 200:
                        return
                except (ConnectionError, IndexError):
                    await asyncio.sleep(0.05)  # it does not listen yet, and says nothing when it does
        raise AssertionError("it ended before it was ready")

    async def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, str]:
        """The status and the body of the answer to one request."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: session={token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.encode() + data)
        answer, _, told = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return int(answer.split()[1]), told

    def yjs(self, prefix: str = "collab") -> str:
        """What a y-websocket provider is given."""
        return f"ws://127.0.0.1:{self.port}/{prefix}/yjs"

    def live(self, prefix: str = "collab") -> str:
        """What ``pb.connect`` is given."""
        return f"ws://127.0.0.1:{self.port}/{prefix}/live"


@pytest.mark.parametrize("server", SERVERS)
async def test_all_doors_under_a_prefix(server: str, tmp_path: Path, node: NodeClients) -> None:
    application = Application(server, tmp_path)
    async with application.running() as app:
        first = await node.open(app.yjs(), "page", params={"token": ANN})
        second = await node.open(app.yjs(), "page", params={"token": ANN})
        await first.until("provider.synced")
        await first.run("doc.getText('text').insert(0, 'Hello'); awareness.setLocalState({name: 'ann'})")
        await second.until("doc.getText('text').toString() === 'Hello'")
        await second.until("[...awareness.getStates().values()].some(state => state.name === 'ann')")

        status, told = await app.ask("POST", "/stamp", token=ANN)
        assert (status, "ann was here" in told) == (200, True)
        await first.until("doc.getText('text').toString().includes('ann was here')")

        async with pb.connect(app.live(), token=ANN) as db:
            page = await db.collection("page")
            async with page.changes() as changes:
                put = "/collab/api/v1/collections/page/records/a%2Fb"
                assert (await app.ask("PUT", put, {"n": 1}, ANN))[0] == 200
                change = await anext(changes)
                assert (change.key, change.author) == ("a/b", "ann")
            large = "x" * 300_000
            await page.put({"large": large}, key="large")
            await first.until("doc.getMap('records').get('large')?.get('large').length === 300000")
    async with application.running() as app, pb.connect(app.live(), token=ANN) as db:
        page = await db.collection("page")
        assert sorted(await page.keys()) == ["a/b", "large"]
        assert "ann was here" in await (await page.text("text")).value()


@pytest.mark.parametrize("server", SERVERS)
async def test_who_is_not_logged_in_is_refused(server: str, tmp_path: Path, node: NodeClients) -> None:
    async with Application(server, tmp_path).running() as app:
        status, told = await app.ask("GET", "/collab/api/v1/collections")
        assert (status, json.loads(told)["error"]["message"]) == (401, "log in first: /login/ann")
        stranger = await node.open(app.yjs(), "page", params={"token": "no"})
        await stranger.until("closes.includes(4401)")
        with pytest.raises(pb.Unauthorized, match="log in first"):
            async with pb.connect(app.live(), token="no"):
                pass


@pytest.mark.parametrize("server", SERVERS)
async def test_two_prefixes_are_two_databases(server: str, tmp_path: Path) -> None:
    async with Application(server, tmp_path).running() as app:
        record = "api/v1/collections/page/records/x"
        assert (await app.ask("PUT", f"/scratch/{record}", {}))[0] == 200
        assert (await app.ask("GET", f"/scratch/{record}"))[0] == 200
        assert (await app.ask("GET", f"/collab/{record}", token=ANN))[0] == 404
        async with pb.connect(app.live("scratch")) as db:
            assert await (await db.collection("page")).keys() == ["x"]


@pytest.mark.parametrize("server", SERVERS)
async def test_the_live_door_over_http(server: str, tmp_path: Path) -> None:
    async with Application(server, tmp_path).running() as app:
        live = f"{app.live()}?token={ANN}"
        async with (
            pb.connect(live, transport="http") as db,
            pb.connect(app.live("scratch"), transport="http") as other,
        ):
            page = await db.collection("page")
            async with page.changes() as changes, page.presence({"name": "ann"}) as people:
                await page.put({"large": "x" * 300_000}, key="a")
                change = await anext(changes)
                assert (change.key, change.author) == ("a", "ann")
                assert len((await page.get("a"))["large"]) == 300_000
                async with (
                    pb.connect(live, transport="http") as second,
                    (await second.collection("page")).presence({"name": "bob"}),
                ):
                    await _until(people, {"ann", "bob"})
                await _until(people, {"ann"})  # the end of a stream is the end of its session
            assert await (await other.collection("page")).keys() == []


async def _until(people: Presence, names: set[str]) -> None:
    async with asyncio.timeout(30):
        while {state["name"] for state in people.states.values()} != names:
            await anext(aiter(people))


@pytest.mark.parametrize("server", SERVERS)
async def test_events(server: str, tmp_path: Path) -> None:
    async with Application(server, tmp_path).running() as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(b"GET /scratch/api/v1/collections/page/changes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"event: open")
        await app.ask("PUT", "/scratch/api/v1/collections/page/records/x", {"n": 1})
        told = await reader.readuntil(b'"after":{"n":1}')
        assert b"event: change" in told
        writer.close()
