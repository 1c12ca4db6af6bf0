"""Stock clients that may only read, and by themselves delete what is put back: that comes to an end."""

from __future__ import annotations

import asyncio
import logging

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from tests.support.editors import SCRIPT
from tests.support.eventually import until
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient

IN_A_ROW = 3

PARAGRAPH = {"type": "paragraph", "content": [{"type": "text", "text": "a"}]}

UNKNOWN = {"type": "mention", "attrs": {"id": "x"}}
"""Of which the schema of the editor does not know."""

PARAGRAPHS = "doc.getXmlFragment('prosemirror').toString().split('<paragraph>').length - 1"

FORMAT_TWICE = """
  const state = Y.encodeStateVector(doc)
  for (const _ of [0, 1]) {
    const other = new Y.Doc()
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    other.getText('t').format(0, 5, { bold: true })
    const update = Y.encodeStateAsUpdate(other, state)
    provider.ws.send(new Uint8Array([0, 2, update.length, ...update]))
  }
"""
"""Past the document of who sends it, which would tidy it."""


def identity(token: str | None) -> pb.Identity:
    return pb.Identity(token or "viewer", read_only=token != "writer")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1.7e9)


@pytest.fixture
async def db():
    async with pb.open("memory:") as db:
        yield db


@pytest.fixture
async def yjs(db: pb.Database, clock: ManualClock):
    limits = pb.ServerLimits(put_backs_in_a_row=IN_A_ROW)
    async with pb.Server(db, port=0, authenticate=identity, limits=limits, clock=clock) as server:
        yield f"ws://127.0.0.1:{server.port}/yjs"


@pytest.fixture
async def paused(caplog: pytest.LogCaptureFixture):
    """Wait until there was the pause of this number."""
    caplog.set_level(logging.INFO, "protobase_live")

    def pauses() -> int:
        return sum(getattr(record, "event", None) == "writing_paused" for record in caplog.records)

    async def wait(number: int) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await until(lambda: pauses() >= number)
        assert pauses() == number

    return wait


async def commits(db: pb.Database) -> int:
    return sum((await db.state_hash("page")).vector.values())


@pytest.mark.parametrize("viewers", [1, 5])
async def test_a_node_that_editors_lack(db, yjs, clock, paused, viewers: int):
    page = (await db.collection("page")).xml_fragment("prosemirror")
    await page.write({"type": "doc", "content": [PARAGRAPH, UNKNOWN]})
    async with NodeClients(SCRIPT) as node:
        options = {"editor": "prosemirror", "seed": 1}
        clients = [await (await node.open(yjs, "page", **options)).synced() for _ in range(viewers)]
        await paused(1)
        assert await commits(db) == 1 + IN_A_ROW + 1
        await page.write({"type": "doc", "content": [PARAGRAPH, UNKNOWN, PARAGRAPH]})
        for client in clients:
            await client.until(f"{PARAGRAPHS} === 2")
        before = await commits(db)
        await clock.advance(1)
        await paused(2)
        assert await commits(db) == before + 1, "of all that waited"
        await clock.advance(1.9)
        assert await commits(db) == before + 1
        assert (
            await page.value() == '<paragraph>a</paragraph><mention id="x"></mention><paragraph>a</paragraph>'
        )


@pytest.mark.parametrize("viewers", [1, 5])
async def test_formats_that_yjs_tidies(db, yjs, paused, viewers: int):
    """Two have made the same word bold at once: each document of Yjs lets go of one format by itself."""

    async def join(node: NodeClients, token: str) -> YjsClient:
        return await (await node.open(yjs, "page", params={"token": token})).synced()

    async with NodeClients() as node:
        writer = await join(node, "writer")
        await writer.run("doc.getText('t').insert(0, 'hello world')")
        clients = [await join(node, f"viewer {number}") for number in range(viewers)]
        text = (await db.collection("page")).text("t")
        for client in clients:
            await client.until("doc.getText('t').length === 11")
        before = await commits(db)
        await writer.run(FORMAT_TWICE)
        await paused(1)
        assert await commits(db) <= before + 2 + IN_A_ROW + 1
        await text.insert(11, "!")
        for client in clients:
            await client.until("doc.getText('t').length === 12")
            delta = await client.get("doc.getText('t').toDelta()")
            assert delta == [{"insert": "hello", "attributes": {"bold": True}}, {"insert": " world!"}]
        assert await text.value() == "hello world!"
