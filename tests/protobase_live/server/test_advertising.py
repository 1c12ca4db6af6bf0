"""Servers on one stream say where clients find them, and which of them a collection is best opened at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

import protobase_live as pb
from protobase_live.cluster.placement import preferred
from protobase_live.database.database import Database
from protobase_live.model.node_status import MemberStatus
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from tests.protobase_live.server.test_server import get
from tests.support.eventually import until

ADDRESSES = {name: f"wss://{name}.example.com" for name in ("n1", "n2", "n3")}
EVERYONE = [MemberStatus(*each) for each in ADDRESSES.items()]
COLLECTIONS = [f"boards/{number}" for number in range(40)]


@pytest.fixture
async def databases() -> AsyncIterator[dict[str, Database]]:
    """Three on one stream, by their names."""
    servers = StreamServers()
    async with AsyncExitStack() as stack:
        found: dict[str, Database] = {}
        for name in ADDRESSES:
            storage = await NatsStorage.on(SimulatedStream(servers), "s")
            found[name] = await stack.enter_async_context(Database(storage, node_id=name))
        yield found


def known(database: Database) -> set[str]:
    """The addresses that it knows."""
    members = database.replication.members
    assert members is not None
    return {each.address for each in members.everyone} - {""}


async def test_all_say_the_same_and_who_goes_leaves_the_rest_as_it_is(databases: dict[str, Database]) -> None:
    async with AsyncExitStack() as stack:
        servers = {
            name: await stack.enter_async_context(pb.Server(each, port=0, advertise=ADDRESSES[name]))
            for name, each in databases.items()
        }
        for each in databases.values():
            await until(lambda each=each: known(each) == set(ADDRESSES.values()))
        found = {name: preferred(name, EVERYONE) for name in COLLECTIONS}
        assert set(found.values()) == set(EVERYONE)
        for each in databases.values():
            assert {name: each.preferred_node(name) for name in COLLECTIONS} == found
        for server in servers.values():
            status, body = await get(server, "/api/v1/collections/boards%2F7/node")
            chosen = found["boards/7"]
            assert chosen is not None
            assert (status, json.loads(body)) == (200, {"node": chosen.node, "address": chosen.address})
        await servers["n2"].close()
        assert known(databases["n2"]) == {ADDRESSES["n1"], ADDRESSES["n3"]}
        await until(lambda: known(databases["n1"]) == {ADDRESSES["n1"], ADDRESSES["n3"]})
        for name in COLLECTIONS:
            now = databases["n1"].preferred_node(name)
            assert now == found[name] or found[name] == EVERYONE[1]
            assert now != EVERYONE[1]


async def test_who_has_no_address_serves_and_is_preferred_by_nobody(databases: dict[str, Database]) -> None:
    one, other = databases["n1"], databases["n2"]
    async with pb.Server(one, port=0), pb.Server(other, port=0, advertise=ADDRESSES["n2"]):
        await until(lambda: known(one) == {ADDRESSES["n2"]})
        assert {one.preferred_node(name) for name in COLLECTIONS} == {EVERYONE[1]}
        status = await one.cluster_status()
        assert EVERYONE[1] in status.nodes
    async with pb.Server(other, port=0, advertise=ADDRESSES["n2"]):
        await until(lambda: known(one) == {ADDRESSES["n2"]})


async def test_what_cannot_be_advertised_is_refused(databases: dict[str, Database]) -> None:
    with pytest.raises(pb.ValidationError, match="no address of a node"):
        pb.Server(databases["n1"], port=0, advertise="n1")
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match="nodes on a stream"):
            pb.Server(db, port=0, advertise=ADDRESSES["n1"])
        assert db.preferred_node("tasks") is None
        with pytest.raises(pb.InvalidName):
            db.preferred_node("")
