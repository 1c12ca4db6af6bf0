"""Servers that have an owner for some collections: over real sockets, with files, and to be set up right."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

import protobase_live as pb
from protobase_live.database.database import Database

SECRET = b"a secret of sixteen bytes or more"
LIMITS = pb.ClusterLimits(lease_seconds=0.3, beat_seconds=0.05, redial_seconds=0.02)


async def node(stack: AsyncExitStack, url: str, name: str, peers: list[str]) -> tuple[Database, pb.Server]:
    """A node that is linked with those that are there already."""
    how = {"node_id": name, "cluster_limits": LIMITS, "owner": "orders*"}
    db = await stack.enter_async_context(pb.open(url, **how))
    db.replication.configured = 3
    server = pb.Server(db, port=0, peers=peers, cluster_secret=SECRET)
    return db, await stack.enter_async_context(server)


async def test_three_nodes_and_their_clients(tmp_path) -> None:
    async with AsyncExitStack() as stack:
        peers: list[str] = []
        servers: list[pb.Server] = []
        for name in ("n1", "n2", "n3"):
            _, server = await node(stack, f"file:{tmp_path / name}", name, peers)
            servers.append(server)
            peers = [*peers, f"ws://127.0.0.1:{server.port}/peer"]

        async def count(tx) -> None:
            row = await tx["orders"].get("n")
            await tx["orders"].put({"n": 1 + (row["n"] if row else 0)}, key="n")

        clients = [
            await stack.enter_async_context(pb.connect(f"ws://127.0.0.1:{server.port}/live"))
            for server in servers
        ]
        await asyncio.gather(*(client.transact(count) for client in clients for _ in range(3)))
        for client in clients:
            await client.transact(count)
        assert await (await clients[2].collection("orders")).get("n") == {"n": 12}
        marks = [await client.collection("orders/marks") for client in clients]
        inserts = (each.insert({}, key="k") for each in marks)
        found = await asyncio.gather(*inserts, return_exceptions=True)
        assert sum(isinstance(each, pb.RecordExists) for each in found) == 2
        assert [each.name for each in await clients[0].collections()] == ["orders", "orders/marks"]


async def test_what_a_node_has_promised_is_no_collection(tmp_path) -> None:
    url = f"file:{tmp_path / 'data'}"
    async with AsyncExitStack() as stack:
        db, _ = await node(stack, url, "n1", [])
        db.replication.configured = 1
        await (await db.collection("orders")).put({}, key="k")
        assert [each.name for each in await db.collections()] == ["orders"]
        assert len(await db.storage.list()) == 2


async def test_an_owner_needs_a_secret() -> None:
    async with pb.open("memory:", owner=["orders*"]) as db:
        with pytest.raises(pb.ValidationError, match="cluster-secret-file"):
            pb.Server(db)
        with pytest.raises(pb.NoOwner, match="has not started"):
            await (await db.collection("orders")).put({}, key="k")
        await (await db.collection("tasks")).put({}, key="k")
