"""`pb.asgi` inside a FastAPI application, under three ASGI servers: Yjs clients, the Python client, REST."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_live.handles.presence import Presence
from tests.support.fastapi_editor import SERVERS, FastApiEditor
from tests.support.yjs_node import NodeClients


@pytest.mark.parametrize("server", SERVERS)
async def test_all_doors_under_a_prefix(server: str, tmp_path: Path, node: NodeClients) -> None:
    application = FastApiEditor(server, tmp_path)
    async with application.running() as app:
        session = await app.log_in("ann")
        first = await node.open(app.yjs(), "page", params={"token": session})
        second = await node.open(app.yjs(), "page", params={"token": session})
        await first.until("provider.synced")
        await first.run("doc.getText('text').insert(0, 'Hello'); awareness.setLocalState({name: 'ann'})")
        await second.until("doc.getText('text').toString() === 'Hello'")
        await second.until("[...awareness.getStates().values()].some(state => state.name === 'ann')")

        assert (await app.ask("POST", "/stamp", session=session))[0] == 200
        await first.until("doc.getText('text').toString().includes('ann was here')")

        async with pb.connect(app.live(), token=session) as db:
            page = await db.collection("page")
            async with page.changes() as changes:
                put = "/collab/api/v1/collections/page/records/a%2Fb"
                assert (await app.ask("PUT", put, {"n": 1}, session))[0] == 200
                change = await anext(changes)
                while change.key != "a/b":  # what the example counts is a record, too
                    change = await anext(changes)
                assert change.author == "ann"
            large = "x" * 300_000
            await page.put({"large": large}, key="large")
            await first.until("doc.getMap('records').get('large')?.get('large').length === 300000")
    async with application.running() as app, pb.connect(app.live(), token=await app.log_in("bob")) as db:
        page = await db.collection("page")
        assert sorted(await page.keys()) == ["a/b", "count", "large"]
        assert "ann was here" in await (await page.text("text")).value()


@pytest.mark.parametrize("server", SERVERS)
async def test_who_is_not_logged_in_is_refused(server: str, tmp_path: Path, node: NodeClients) -> None:
    async with FastApiEditor(server, tmp_path).running() as app:
        status, told = await app.ask("GET", "/collab/api/v1/collections")
        assert (status, json.loads(told)["error"]["message"]) == (401, "log in first")
        stranger = await node.open(app.yjs(), "page", params={"token": "no"})
        await stranger.until("closes.includes(4401)")
        with pytest.raises(pb.Unauthorized, match="log in first"):
            async with pb.connect(app.live(), token="no"):
                pass


@pytest.mark.parametrize("server", SERVERS)
async def test_two_prefixes_are_two_databases(server: str, tmp_path: Path) -> None:
    async with FastApiEditor(server, tmp_path).running() as app:
        record = "api/v1/collections/page/records/x"
        assert (await app.ask("PUT", f"/scratch/{record}", {}))[0] == 200
        assert (await app.ask("GET", f"/scratch/{record}"))[0] == 200
        assert (await app.ask("GET", f"/collab/{record}", session=await app.log_in("ann")))[0] == 404
        async with pb.connect(app.live("scratch")) as db:
            assert await (await db.collection("page")).keys() == ["x"]


@pytest.mark.parametrize("server", SERVERS)
async def test_the_live_door_over_http(server: str, tmp_path: Path) -> None:
    async with FastApiEditor(server, tmp_path).running() as app:
        live = f"{app.live()}?token={await app.log_in('ann')}"
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
    async with FastApiEditor(server, tmp_path).running() as app:
        reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
        writer.write(b"GET /scratch/api/v1/collections/page/changes HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"event: open")
        await app.ask("PUT", "/scratch/api/v1/collections/page/records/x", {"n": 1})
        told = await reader.readuntil(b'"after":{"n":1}')
        assert b"event: change" in told
        writer.close()
