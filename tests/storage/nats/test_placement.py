"""A client that goes where its collection is, over servers that share a stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

import protobase_live as pb
from tests.protobase_live.cli.command import run
from tests.support.nats_places import url_of
from tests.support.server_process import SERVE, ServerProcess

pytestmark = pytest.mark.usefixtures("on_one")

WAIT_SECONDS = 60


def advertised(place: Path, name: str, storage: str) -> ServerProcess:
    """A node that says where it is."""
    server = ServerProcess(place / name, storage=storage)
    server.command = (*SERVE, "--node-id", name, "--advertise", f"ws://127.0.0.1:{server.port}")
    return server


async def preferred(server: ServerProcess) -> str | None:
    """The address that a server tells of a collection."""

    def ask() -> str | None:
        with urlopen(f"http://127.0.0.1:{server.port}/api/v1/collections/tasks/node") as answer:
            return json.load(answer)["address"]

    return await asyncio.to_thread(ask)


async def agreed(servers: list[ServerProcess], among: list[ServerProcess]) -> ServerProcess:
    """The one that all tell, once it is one of those."""
    by_address = {f"ws://127.0.0.1:{each.port}": each for each in among}
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            told = {await preferred(each) for each in servers}
            if len(told) == 1 and (found := by_address.get(told.pop() or "")):
                return found


async def test_clients_meet_at_one_node_and_go_on_at_another(tmp_path: Path) -> None:
    storage = url_of(tmp_path)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(advertised(tmp_path, name, storage)) for name in ("n1", "n2")
        ]
        async with asyncio.timeout(WAIT_SECONDS):
            for each in servers:
                while True:
                    told = json.loads((await run("cluster", each.live, "--json", "--no-hashes")).out)
                    if any(node["address"] for node in told["nodes"]):
                        break
        first = await agreed(servers, servers)
        [other] = [each for each in servers if each is not first]
        url = await preferred(other)
        assert url is not None
        async with pb.connect(url) as db:
            await (await db.collection("tasks")).put({"n": 1}, key="a")
            assert await loaded(first) == 1
            assert await loaded(other) == 0
        assert await first.stop() == 0
        assert await agreed([other], [other]) is other
        async with pb.connect(other.live) as db:
            assert await (await db.collection("tasks")).get("a") == {"n": 1}


async def loaded(server: ServerProcess) -> int:
    """How many collections it has in memory."""
    return json.loads((await run("cluster", server.live, "--json", "--no-hashes")).out)["loaded"]


async def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    ended = await run("serve", "--storage", "memory:", "--listen", "127.0.0.1:0", "--advertise", "ws://n1")
    assert ended.code == 1
    assert ended.err.startswith("error: nodes on a stream find each other by advertise")
