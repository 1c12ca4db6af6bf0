"""Sessions of real clients at each door, as they were on the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import protobase_live as pb
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.messages import decode_client, encode
from tests.support.recording_proxy import RecordingProxy, RecordingWay
from tests.support.server_nodes import nobody_lacks_anything
from tests.support.server_process import SERVE, ServerProcess
from tests.support.socket_frames import BINARY, TEXT, messages_in
from tests.support.yjs_node import NodeClients

ROOM = "arena/0000"
"""The collection of the sessions; whoever puts another name of this length into them is in that one."""


@dataclass(frozen=True, slots=True)
class Session:
    """What one client said."""

    path: str
    subprotocol: str | None
    opcode: int
    messages: tuple[bytes, ...]


async def record(server: ServerProcess, node: NodeClients, folder: Path, secret: Path) -> dict[str, Session]:
    """Sessions by their door. ``node`` has the providers of Hocuspocus and y-websocket; ``folder`` is for
    another node of the cluster, which knows the ``secret``."""
    async with _recorder(server) as proxy:
        await _edit(node, f"ws://127.0.0.1:{proxy.port}/yjs", "yw31")
        yjs = _session(proxy, BINARY)
    async with _recorder(server) as proxy:
        await _edit(node, f"ws://127.0.0.1:{proxy.port}/hocuspocus", "hp4")
        hocuspocus = _session(proxy, BINARY)
    async with _recorder(server) as proxy:
        await _use(f"ws://127.0.0.1:{proxy.port}/live")
        live = _session(proxy, BINARY)
    async with _recorder(server) as proxy:
        options = ("--node-id", "recorded", "--peer", f"ws://127.0.0.1:{proxy.port}/peer")
        command = (*SERVE, *options, "--cluster-secret-file", str(secret))
        async with ServerProcess(folder, command) as other:
            await _replicate(other)
        peer = _session(proxy, BINARY)
    return {"yjs": yjs, "hocuspocus": hocuspocus, "live": live, "json": _as_json(live), "peer": peer}


@asynccontextmanager
async def _recorder(server: ServerProcess) -> AsyncGenerator[RecordingProxy]:
    proxy = RecordingProxy(server.port)
    proxy.forth = RecordingWay()
    async with proxy:
        yield proxy


def _session(proxy: RecordingProxy, opcode: int) -> Session:
    assert isinstance(proxy.forth, RecordingWay)
    head, _, frames = bytes(proxy.forth.passed).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    messages = tuple(payload for of, payload in messages_in(frames) if of == opcode)
    assert messages
    return Session(first.split(" ")[1], headers.get("sec-websocket-protocol"), opcode, messages)


async def _edit(node: NodeClients, url: str, provider: str) -> None:
    """Two kinds of content, a presence, and an edit of what is there."""
    client = await node.open(url, ROOM, provider=provider)
    await client.until("provider.synced ?? provider.isSynced")
    await client.run("provider.awareness.setLocalState({ user: { name: 'Ann' }, cursor: { at: 3 } })")
    await client.run(
        "doc.getText('text').insert(0, 'é🦊 typed'); doc.getArray('list').push([1, { a: [true, null] }]);"
        "doc.getMap('records').set('r1', new Y.Map([['title', 'one'], ['n', 1]]))"
    )
    await client.run("doc.getText('text').delete(1, 2); doc.getText('text').format(0, 3, { bold: true })")
    await client.run("const xml = doc.getXmlFragment('xml'); xml.insert(0, [new Y.XmlElement('p')])")
    await client.run("provider.awareness.setLocalState(null)")
    await client.until("true")
    await client.run("provider.destroy(); if (socket !== provider) socket.destroy()")


async def _use(url: str) -> None:
    """Most of what a program does."""
    async with pb.connect(url) as db:
        collection = await db.collection(ROOM)
        rows = db.live(pb.Query(ROOM).where(pb.F.n > 0))
        async with collection.presence({"name": "Ann"}), rows, collection.changes() as changes:
            key = await collection.insert({"title": "é🦊", "n": 1, "tags": ["a", {"b": None}]})
            await collection.update(key, n=2)
            await collection.text("note").append("a text")
            await collection.counter("votes").add(3)
            await collection.list("queue").append({"x": 1.5})
            await db.query(pb.Query(ROOM).where(pb.F.n > 1).order_by(pb.F.n).limit(3))
            async with db.transaction() as transaction:
                held = transaction.collection(ROOM)
                row = await held.get(key)
                assert row is not None
                await held.insert({"title": "two", "n": row["n"] + 1}, key="k2")
            await collection.delete("k2")
            await anext(aiter(changes))
        await collection.items()
        await db.collections()
        await db.state_hash(ROOM)
        await db.restore(ROOM, await db.backup(ROOM))


async def _replicate(node: ServerProcess) -> None:
    async with pb.connect(node.live) as db:
        collection = await db.collection(ROOM)
        for n in range(3):
            await collection.insert({"n": n, "title": "of a node"})
        await nobody_lacks_anything(db, 1)


def _as_json(live: Session) -> Session:
    """The same in the other form that the live door takes."""
    binary, text = CODECS.values()
    frames = [encode(decode_client(each, binary), text) for each in live.messages]
    messages = tuple(frame.encode() if isinstance(frame, str) else frame for frame in frames)
    return Session(live.path, text.subprotocol, TEXT, messages)
