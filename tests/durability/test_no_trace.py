"""A transaction that raises was never there: not in the document, the log, a stream or a frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pycrdt import Doc
from websockets.asyncio.client import ClientConnection

import protobase_live as pb
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.model.values import digest
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE
from protobase_storage import FileStorage, Loaded
from tests.support import raw
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

COLLECTIONS = ("tasks", "audit")


class Mistake(Exception):
    """Of the program, in the middle of a transaction."""


async def raises_in_the_block(db: Any) -> None:
    async with db.transaction() as tx:
        tx["tasks"].insert({"title": "no"}, key="no")
        tx["audit"].insert({"what": "no"})
        tx["tasks"].text("body").insert(0, "no")
        raise Mistake


async def raises_in_transact(db: Any) -> None:
    def fn(tx: Any) -> None:
        tx["tasks"].delete("t1")
        raise Mistake

    await db.transact(fn)


async def value_that_cannot_be_stored(db: Any) -> None:
    async with db.transaction() as tx:
        tx["tasks"].insert({"title": "no"}, key="no")
        tx["tasks"].insert({"title": object()}, key="nono")


async def key_taken(db: Any) -> None:
    async with db.transaction() as tx:
        tx["tasks"].insert({"title": "no"}, key="no")
        tx["tasks"].insert({"title": "no"}, key="t1")


async def key_taken_in_the_other_collection(db: Any) -> None:
    async with db.transaction() as tx:
        tx["audit"].insert({"what": "no"}, key="no")
        tx["tasks"].delete("t1")
        tx["audit"].insert({"what": "no"}, key="a1")


async def record_missing(db: Any) -> None:
    async with db.transaction() as tx:
        tx["tasks"].text("body").insert(0, "no")
        tx["tasks"].update("absent", title="no")


async def index_out_of_range(db: Any) -> None:
    async with db.transaction() as tx:
        tx["audit"].insert({"what": "no"}, key="no")
        tx["tasks"].text("body").insert(1_000, "no")


async def conflict(db: Any) -> None:
    """It read another state than there is."""
    read = Read(RECORDS, "get", ("t1",))
    writes = {"tasks": [Op(RECORDS, "delete", ("t1",))], "audit": [Op(RECORDS, "delete", ("a1",))]}
    await db.commit(writes, [Check("tasks", read, digest({"title": "Other"}))])


FAILURES: list[tuple[Callable[[Any], Awaitable[None]], type[Exception]]] = [
    (raises_in_the_block, Mistake),
    (raises_in_transact, Mistake),
    (value_that_cannot_be_stored, pb.ValidationError),
    (key_taken, pb.RecordExists),
    (key_taken_in_the_other_collection, pb.RecordExists),
    (record_missing, pb.RecordMissing),
    (index_out_of_range, pb.ValidationError),
    (conflict, pb.Conflict),
]


@pytest.mark.parametrize(("fail", "error"), FAILURES, ids=[fail.__name__ for fail, _ in FAILURES])
async def test_no_trace(
    server: ServerProcess, node: NodeClients, fail: Callable[[Any], Awaitable[None]], error: type[Exception]
):
    async with pb.connect(server.live) as db:
        await (await db.collection("tasks")).insert({"title": "Write"}, key="t1")
        await (await db.collection("audit")).insert({"what": "added"}, key="a1")
    stored = await _stored(server)
    clients = [await (await node.open(server.yjs, name)).synced() for name in COLLECTIONS]
    states = [await client.state() for client in clients]
    docs: list[Doc] = [Doc() for _ in COLLECTIONS]
    bare = [await raw.join(server.yjs, name, doc) for name, doc in zip(COLLECTIONS, docs, strict=True)]
    async with pb.connect(server.live) as db:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            cursor = changes.cursor
            with pytest.raises(error):
                await fail(db)
            for connection, doc in zip(bare, docs, strict=True):
                await connection.send(yjs.encode_step1(doc.get_state()))
                assert await _about_the_document(connection) == yjs.SyncStep2(EMPTY_UPDATE)
                await connection.close()
            assert await _stored(server) == stored
            await clients[0].until("provider.synced && closes.length")
            assert [await client.state() for client in clients] == states
            await tasks.insert({"title": "next"}, key="next")
            assert (await anext(changes)).key == "next"
        async with tasks.changes(since=cursor) as changes:
            assert (await anext(changes)).key == "next"


async def _about_the_document(connection: ClientConnection) -> yjs.Message | None:
    """The next message that is not about presence, which comes when it likes."""
    while isinstance(message := await raw.receive(connection), yjs.AwarenessUpdate):
        pass
    return message


async def _stored(server: ServerProcess) -> list[Loaded]:
    """What the storage holds, read while the server is stopped."""
    assert await server.stop() == 0
    storage = await FileStorage.open(server.folder)
    loaded = [await storage.load(name) for name in COLLECTIONS]
    await storage.close()
    await server.start()
    return loaded
