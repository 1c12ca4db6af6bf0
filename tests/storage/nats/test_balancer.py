"""`examples/stream/nginx.conf`: nginx in front of two nodes on a stream has those meet who edit the same."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from pycrdt import Doc

import protobase_live as pb
from tests.support.balancer import balanced
from tests.support.nats_places import stream_of
from tests.support.nats_servers import NatsServer
from tests.support.raw import join
from tests.support.server_process import ServerProcess

ROOMS = [f"boards/{n}" for n in range(6)]


async def in_memory(node: ServerProcess) -> int:
    """How many collections a node has open."""
    async with pb.connect(node.live) as db:
        return (await db.cluster_status()).loaded


async def test_editors_of_one_collection_meet_at_one_node(tmp_path: Path, on_one: NatsServer) -> None:
    storage = f"nats://{on_one.host}/{stream_of(tmp_path)}"
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(ServerProcess(tmp_path, storage=storage)) for _ in range(2)]
        host = await stack.enter_async_context(balanced(tmp_path, nodes))
        editors = [await join(f"ws://{host}/yjs", room, Doc()) for room in ROOMS for _ in range(3)]
        assert sum([await in_memory(node) for node in nodes]) == len(ROOMS)
        for editor in editors:
            await editor.close()


async def test_they_meet_at_another_one_when_that_is_gone(tmp_path: Path, on_one: NatsServer) -> None:
    storage = f"nats://{on_one.host}/{stream_of(tmp_path)}"
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(ServerProcess(tmp_path, storage=storage)) for _ in range(2)]
        host = await stack.enter_async_context(balanced(tmp_path, nodes))
        await nodes[0].kill()
        editors = [await join(f"ws://{host}/yjs", room, Doc()) for room in ROOMS]
        assert await in_memory(nodes[1]) == len(ROOMS)
        async with pb.connect(f"ws://{host}/live") as db:
            await (await db.collection(ROOMS[0])).put({"title": "a"}, key="a")
        async with pb.connect(f"http://{host}/live") as db:
            board = await db.collection(ROOMS[0])
            assert await board.get("a") == {"title": "a"}
        for editor in editors:
            await editor.close()
