"""The server's own collections: no client comes in, lists leave them out, and backups have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.protocol.live.client_messages import CommitRequest, Hello, Join, QueryRequest, ReadRequest
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.collection_messages import DropRequest, EraseRequest
from protobase_live.protocol.live.limits import BAD_NAME
from protobase_live.protocol.live.messages import decode_server, encode
from protobase_live.protocol.live.server_messages import Error
from protobase_live.protocol.live.stream_messages import Subscribe, Watch
from protobase_live.server.rest.commits import KEYS
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.support.hocuspocus import AUTH, Client
from tests.support.raw import close_code, dial

OWN = f"{KEYS}5"
QUERY = {"from": OWN, "steps": []}
INSERT, COUNT = Op(RECORDS, "insert", ("x", {}, {})), Read(RECORDS, "count")
SUBPROTOCOL = "protobase-live.v1.json"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """With a collection of a user's, and one of its own."""
    async with Database(MemoryStorage()) as database:
        await database.commit({"tasks": [INSERT], OWN: [INSERT]})
        async with Server(database, port=0) as server:
            yield server


def socket_of(server: Server) -> str:
    return server.url.replace("http", "ws")


@pytest.mark.parametrize(
    "request_",
    [
        ReadRequest(1, OWN, COUNT),
        CommitRequest(1, {OWN: [INSERT]}),
        CommitRequest(1, {"tasks": [INSERT]}, [Check(OWN, COUNT, b"12345678")]),
        QueryRequest(1, QUERY),
        Watch(1, QUERY, None),
        Subscribe(1, OWN, None, 1),
        Join(1, OWN),
        DropRequest(1, OWN),
        EraseRequest(1, OWN, "t1"),
    ],
    ids=lambda request: request.type,
)
async def test_the_live_door_refuses(server: Server, request_) -> None:
    codec = CODECS[SUBPROTOCOL]
    async with connect(f"{socket_of(server)}/live", subprotocols=[SUBPROTOCOL]) as connection:
        for message in (Hello(), request_):
            await connection.send(encode(message, codec))
        await connection.recv()  # the welcome
        answer = decode_server(await connection.recv(), codec)
    assert isinstance(answer, Error)
    assert answer.failure.code in ("invalid_name", "validation_error"), (
        "what is wrong with a query is the latter"
    )
    assert "is reserved" in answer.failure.message


async def test_the_yjs_doors_refuse(server: Server) -> None:
    async with asyncio.timeout(10):  # who is let in is never closed
        assert await close_code(await dial(f"{socket_of(server)}/yjs", OWN)) == BAD_NAME
    async with connect(f"{socket_of(server)}/hocuspocus") as connection:
        client = Client(connection)
        await client.say(OWN, AUTH)
        assert b"is reserved" in (await client.hear())[1]


async def test_users_of_the_library_are_refused(server: Server) -> None:
    async with pb.open("memory:") as embedded, pb.connect(f"{socket_of(server)}/live") as remote:
        for database in (embedded, remote):
            with pytest.raises(pb.InvalidName, match="reserved"):
                await database.collection(OWN)
            with pytest.raises(pb.InvalidName, match="reserved"):
                await database.query(pb.Query(OWN))


async def test_lists_and_backups(server: Server) -> None:
    async with pb.connect(f"{socket_of(server)}/live") as remote, pb.open("memory:") as other:
        assert [each.name for each in await remote.collections()] == ["tasks"]
        assert [each.name for each in await remote.collections("p")] == []
        assert [each.name for each in await remote.collections("protobase:")] == [OWN]
        await other.restore(OWN, await remote.backup(OWN))
        assert [each.name for each in await other.collections(KEYS)] == [OWN]


async def test_other_nodes_take_them() -> None:
    async with Database(MemoryStorage()) as one, Database(MemoryStorage()) as other:
        await one.commit({OWN: [INSERT]})
        await other.replicate({OWN: (await one.storage.load(OWN)).commits})
        assert await other.read(OWN, COUNT) == 1
