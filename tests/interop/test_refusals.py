"""Yjs clients that edit at random, of which some may not: in the end all have the same, which is right.

Every value that is to be refused has a text of its own. Nobody is ever sent one, and none is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb
from tests.support.yjs_node import INTEROP, NodeClients, YjsClient

KINDS = ("writer", "writer", "offender", "offender", "limited", "reader")

ROUNDS = 6

NO_PAUSES = pb.ServerLimits(put_back_seconds=0)
"""Offenders offend all the time, and updates are to have come in when presence has (`all_heard`)."""


class Task(pb.Atom):
    title: str
    done: bool = False


POLICY = pb.Policy(
    [
        pb.Rule("tasks", actions="read presence"),
        pb.Rule("tasks", {"sub": "writer"}, "write"),
        pb.Rule("tasks", {"sub": "offender"}, "write"),
        pb.Rule("tasks", {"sub": "limited"}, "write", fields=["title"]),
        pb.Rule("tasks", {"sub": "limited"}, "write", where_new="done = true", fields=["done"]),
    ]
)


@pytest.fixture
async def node() -> AsyncIterator[NodeClients]:
    async with NodeClients(INTEROP / "refusals.mjs") as node:
        yield node


async def all_heard(clients: list[YjsClient], number: int) -> None:
    """What each has sent until now was handed to the collection: presence goes the same way."""
    ids = [client.id for client in clients]
    for client in clients:
        await client.run("awareness.setLocalState({ number: args.number })", number=number)
    for client in clients:
        await client.until(
            "args.ids.every(id => awareness.getStates().get(id)?.number === args.number)",
            ids=ids,
            number=number,
        )


@pytest.mark.parametrize("seed", range(4))
async def test_everybody_ends_with_what_is_right(node: NodeClients, tmp_path: Path, seed: int) -> None:
    random, url = Random(seed), f"file:{tmp_path / 'data'}"
    async with (
        pb.open(url, schemas={"tasks": Task}) as db,
        pb.Server(db, port=0, authenticate=pb.Identity, policy=POLICY, limits=NO_PAUSES) as server,
    ):
        yjs = f"ws://127.0.0.1:{server.port}/yjs"

        async def join(kind: str) -> YjsClient:
            return await (await node.open(yjs, "tasks", params={"token": kind})).synced()

        clients = [await join(kind) for kind in KINDS]
        for number in range(ROUNDS):
            away = [client for client in clients if random.random() < 0.3]
            for client in away:
                await client.run("provider.disconnect()")
            order = list(zip(clients, KINDS, strict=True)) * 3
            random.shuffle(order)
            for at, (client, kind) in enumerate(order):
                own = f"{number}-{at}-{client.id}-"
                await client.run(
                    "edit(args.seed, args.steps, args.kind, args.own)",
                    seed=random.getrandbits(31), steps=random.randint(1, 6), kind=kind, own=own,
                )  # fmt: skip
            for client in away:
                await client.run("provider.connect()")
            for client in away:
                await client.synced()
            await all_heard(clients, number)
        fresh = await join("writer")
        expected = await fresh.get("state()")
        for client in clients:
            await client.until_equal("state()", expected)
        for client in [*clients, fresh]:
            assert await client.get("received('BAD')") == 0
            assert await client.get("frames.length") > 0
        assert "BAD" not in str(expected)
        tasks = await db.collection("tasks", Task)
        assert {key: vars(task) for key, task in (await tasks.items()).items()}.keys() == expected[
            "records"
        ].keys(), "every record is a task"
        assert await tasks.misfits() == {}
        metrics = await asyncio.to_thread(page, f"http://127.0.0.1:{server.port}/metrics")
        assert 'protobase_refused_updates_total{door="yjs"}' in metrics
    for file in (tmp_path / "data").iterdir():
        assert b"BAD" not in file.read_bytes(), file
    async with pb.open(url, schemas={"tasks": Task}) as db:
        rows = await (await db.collection("tasks")).items()
        assert rows == expected["records"]


async def test_what_was_set_in_something_and_deleted_with_it_is_put_back(
    node: NodeClients, tmp_path: Path
) -> None:
    """Clients with an undo manager send what they set in what they delete: one that may only read, and one
    that was away, of whose edits another does not fit."""
    url = f"file:{tmp_path / 'data'}"
    right = [{"r": {"title": "precious", "done": False}}, '<heading level="2">Title</heading>']
    see = "[doc.getMap('records').toJSON(), doc.getXmlFragment('page').toString()]"
    async with (
        pb.open(url, schemas={"tasks": Task}) as db,
        pb.Server(db, port=0, authenticate=pb.Identity, policy=POLICY) as server,
    ):
        yjs = f"ws://127.0.0.1:{server.port}/yjs"

        async def join(kind: str) -> YjsClient:
            client = await (await node.open(yjs, "tasks", params={"token": kind})).synced()
            await client.run(
                "doc.undo = new Y.UndoManager([doc.getMap('records'), doc.getXmlFragment('page')])"
            )
            return client

        writer = await join("writer")
        await writer.run("""
            doc.getMap('records').set('r', new Y.Map([['title', 'precious'], ['done', false]]))
            const heading = new Y.XmlElement('heading')
            heading.setAttribute('level', '2')
            heading.insert(0, [new Y.XmlText('Title')])
            doc.getXmlFragment('page').insert(0, [heading])""")
        reader, away = await join("reader"), await join("writer")
        clients = [writer, reader, away]
        for client in clients:
            await client.until_equal(see, right)
        await reader.run("""doc.transact(() => {
            doc.getMap('records').get('r').set('title', 'BAD')
            doc.getMap('records').delete('r')
            doc.getXmlFragment('page').get(0).setAttribute('level', 'BAD')
            doc.getXmlFragment('page').delete(0, 1) })""")
        await all_heard(clients, 1)
        for client in clients:
            await client.until_equal(see, right)
        await away.run("provider.disconnect()")
        await away.run("""
            doc.getMap('records').get('r').set('title', 'x')
            doc.getMap('records').delete('r')
            doc.getXmlFragment('page').get(0).setAttribute('level', '3')
            doc.getXmlFragment('page').delete(0, 1)
            doc.getMap('records').set('bad', new Y.Map([['title', 5]]))
            provider.connect()""")
        await away.synced()
        await all_heard(clients, 2)
        late = await join("writer")
        for client in [*clients, late]:
            await client.until_equal(see, right)
            assert await client.get("received('BAD')") == 0
        tasks = await db.collection("tasks")
        assert [await tasks.items(), await tasks.xml_fragment("page").value()] == right
    async with pb.open(url) as db:
        tasks = await db.collection("tasks")
        assert [await tasks.items(), await tasks.xml_fragment("page").value()] == right


def page(url: str) -> str:
    from urllib.request import urlopen

    with urlopen(url) as answer:
        return answer.read().decode()
