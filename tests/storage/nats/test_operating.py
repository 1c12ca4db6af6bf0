"""Nodes on a stream, seen from outside: who is there, how the servers are, and how far a node is behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb
from tests.protobase_live.cli.command import run
from tests.protobase_live.server.test_server import get
from tests.support.figures import parsed
from tests.support.nats_places import stream_of, url_of
from tests.support.nats_servers import NatsServer

WAIT_SECONDS = 60.0
"""Longest wait for servers to notice what has become of one of them."""

LAG = 5
"""Seconds for which a node may be behind, on a busy machine."""

Told = dict[str, Any]


@asynccontextmanager
async def nodes(place: Path, *names: str) -> AsyncIterator[list[tuple[pb.Database, pb.Server]]]:
    """Nodes of these names on one stream."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        found = list[tuple[pb.Database, pb.Server]]()
        for name in names:
            db = await enter(pb.open(url_of(place), node_id=name))
            found.append((db, await enter(pb.Server(db, port=0))))
        yield found


def live(server: pb.Server) -> str:
    return server.url.replace("http", "ws") + "/live"


async def status(server: pb.Server, *options: object) -> tuple[int, Told]:
    """What `protobase-live cluster` says of a node."""
    ended = await run("cluster", live(server), "--json", "--lag", LAG, *options)
    assert ended.err == ""
    return ended.code, json.loads(ended.out)


async def status_with(server: pb.Server, fault: str) -> Told:
    """The same, once one of the faults begins so; with an empty one, once there is none."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            code, told = await status(server, "--no-hashes")
            assert code == int(bool(told["faults"]))
            if any(each.startswith(fault) for each in told["faults"]) if fault else not told["faults"]:
                return told


async def figures(server: pb.Server) -> dict[str, float]:
    """Those of a stream, without its name."""
    code, page = await get(server, "/metrics")
    assert code == 200
    told = {name: value for name, value in parsed(page).items() if name.startswith("protobase_stream_")}
    return {name.removeprefix("protobase_stream_").partition("{stream=")[0]: told[name] for name in told}


async def test_two_nodes_on_one_server(tmp_path: Path, on_one: NatsServer) -> None:
    async with nodes(tmp_path, "n1", "n2") as [(one, first), (_, second)]:
        await (await one.collection("tasks")).put({"n": 1}, key="a")
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                code, told = await status(first)
                if told["nodes"]:
                    break
        assert (code, told["well"], told["node"], told["configured"]) == (0, True, "n1", 2)
        assert told["nodes"] == [{"node": "n2", "address": ""}]
        stream = told["stream"]
        assert (stream["name"], stream["configured"], stream["majority"]) == (stream_of(tmp_path), 1, 1)
        assert (stream["server"], stream["servers"]) == (on_one.host, [on_one.host])
        assert [(each["name"], each["leads"], each["current"]) for each in stream["replicas"]] == [
            ("one", True, True)
        ]
        assert (stream["problem"], stream["max_bytes"], stream["unstored_bytes"]) == (None, None, 0)
        assert stream["messages"] > 0
        assert told["hashes"]["tasks"]["hash"] == (await one.state_hash("tasks")).hash
        shown = await run("cluster", "status", live(second), "--lag", "30")
        assert (shown.code, shown.err) == (0, "")
        assert f"stream {stream_of(tmp_path)}: " in shown.out
        assert "what is acknowledged is on 1 of 1 servers; " in shown.out
        assert f"connected to {on_one.host} of {on_one.host}; 0 reconnects\n" in shown.out
        assert [line.split() for line in shown.out.splitlines() if line.split()[:1] in (["one"], ["n1"])] == [
            ["one", "leader", "0", "0.00"],
            ["n1", "?"],
        ]


async def test_what_nodes_on_one_stream_show_is_the_same(tmp_path: Path, on_one: NatsServer) -> None:
    async with nodes(tmp_path, "n1", "n2") as [(one, first), (other, second)]:
        for db, name in ((one, "tasks"), (other, "tasks"), (other, "users")):
            await (await db.collection(name)).put({"by": db.node}, key=db.node)
        ended = await run("cluster", "verify", live(first), live(second), "--wait", "30")
        assert ended == (0, "2 collections on 2 nodes, 0 of them differ\n", "")


async def test_a_server_that_ends_and_comes_back(tmp_path: Path, on_one: NatsServer) -> None:
    async with nodes(tmp_path, "n1") as [(db, server)]:
        await (await db.collection("tasks")).put({"n": 1}, key="a")
        before = await figures(server)
        assert (before["connected"], before["answers"], before["reconnects_total"]) == (1, 1, 0)
        on_one.kill()
        told = await status_with(server, "not connected to any server of the stream")
        assert (told["well"], told["stream"]["server"], told["hashes"]) == (False, "", {})
        assert told["stream"]["messages"] == before["messages"], "the last that was told"
        gone = await figures(server)
        assert (gone["connected"], gone["answers"], gone["bytes"]) == (0, 0, before["bytes"])
        on_one.start()
        on_one.wait_until_ready()
        told = await status_with(server, "")
        assert (told["well"], told["stream"]["server"]) == (True, on_one.host)
        back = await figures(server)
        assert (back["connected"], back["answers"]) == (1, 1)
        assert back["reconnects_total"] >= 1


@pytest.mark.parametrize("leads", [False, True], ids=["follower", "leader"])
async def test_one_of_three_servers_is_gone_and_comes_back(
    tmp_path: Path, on_three: list[NatsServer], leads: bool
) -> None:
    async with nodes(tmp_path, "n1") as [(db, server)]:
        tasks = await db.collection("tasks")
        await tasks.put({"n": 1}, key="a")
        told = await status_with(server, "")
        assert sorted(each["name"] for each in told["stream"]["replicas"]) == ["a", "b", "c"]
        assert (told["stream"]["configured"], told["stream"]["majority"]) == (3, 2)
        stream = stream_of(tmp_path)
        gone = next(each for each in on_three if each.leads(stream) == leads)
        name = gone.folder.name
        gone.kill()
        told = await status_with(server, f"replica {name} ")
        assert told["well"] is False
        assert len(told["stream"]["replicas"]) == 3
        assert (await figures(server))["replicas_current"] == 2
        await tasks.put({"n": 2}, key="a")
        gone.start()
        gone.wait_until_ready()
        told = await status_with(server, "")
        assert told["well"] is True
        assert (await figures(server))["replicas_current"] == 3


async def test_a_lost_majority_is_said(tmp_path: Path, on_three: list[NatsServer]) -> None:
    async with nodes(tmp_path, "n1") as [(_, server)]:
        await status_with(server, "")
        stream = stream_of(tmp_path)
        gone = [each for each in on_three if not each.leads(stream)]
        for each in gone:
            each.kill()
        told = await status_with(server, "1 of 3 replicas are there, which is no majority")
        assert told["hashes"] == {}
        assert (await figures(server))["answers"] == 0
        for each in gone:
            each.start()
        for each in gone:
            each.wait_until_ready()
        await status_with(server, "")
