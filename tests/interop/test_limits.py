"""What one client does wrong is its own affair."""

from __future__ import annotations

import asyncio

from pycrdt import Doc, Map, Text
from websockets.asyncio.client import ClientConnection

from protobase_live.collection.limits import DEFAULT_LIMITS
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS
from tests.support import raw
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients


def a_text(content: str) -> bytes:
    """An update that writes ``content`` to the text ``body``."""
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, content)
    return doc.get_update()


GOOD = a_text("good")
MALFORMED = {
    "empty": b"",
    "no sync step": b"\x00",
    "cut off": yjs.encode_update(GOOD)[:-3],
    "left over": yjs.encode_update(GOOD) + b"\x00",
    "no update": yjs.encode_update(b"\xff" * 40),
    "cut-off update": yjs.encode_update(GOOD[:-4]),
    "bad state vector": yjs.encode_step1(b"\xff\xff\xff"),
    "endless number": b"\x80" * 40,
}


async def test_malformed_frame_closes_its_sender_alone(server: ServerProcess, node: NodeClients):
    found = {what: await _code_among_others(server, node, what, frame) for what, frame in MALFORMED.items()}
    assert found == dict.fromkeys(MALFORMED, 4400)


async def _code_among_others(server: ServerProcess, node: NodeClients, room: str, frame: bytes) -> int | None:
    """The close code of a client that sends ``frame`` while others write."""
    ann, bob = [await (await node.open(server.yjs, room)).synced() for _ in range(2)]
    bad = await raw.join(server.yjs, room, Doc())
    await asyncio.gather(
        ann.run("for (let i = 0; i < 50; i++) doc.getText('body').insert(i, 'x')"),
        bad.send(frame),
        bob.run("for (let i = 0; i < 50; i++) doc.getMap('records').set('k' + i, i)"),
    )
    code = await raw.close_code(bad)
    for client in (ann, bob):
        await client.until("doc.getText('body').length === 50 && doc.getMap('records').size === 50")
        assert await client.get("closes") == [], f"another client noticed: {room}"
    fresh = await (await node.open(server.yjs, room)).synced()
    assert await fresh.get("[doc.getText('body').length, doc.getMap('records').size]") == [50, 50]
    return code


async def test_what_came_before_the_malformed_frame_is_kept(server: ServerProcess, node: NodeClients):
    bad = await raw.join(server.yjs, "notes", Doc())
    await bad.send(yjs.encode_update(GOOD))
    await bad.send(MALFORMED["cut-off update"])
    assert await raw.close_code(bad) == 4400
    ann = await node.open(server.yjs, "notes")
    await ann.until_equal("doc.getText('body').toString()", "good")


ODD = [
    b"\x64whatever",
    b"\x00\x09\x00",  # a sync step that nobody knows
    b"\x01\x03\xff\xff\xff",  # awareness that is none
    b"\x03\x01\x00",  # query awareness with a payload
    "a text message of another product",
]


async def test_what_is_not_understood_is_ignored(server: ServerProcess):
    connection = await raw.join(server.yjs, "notes", Doc())
    for message in ODD:
        await connection.send(message)
    await connection.send(yjs.encode_step1(Doc().get_state()))
    assert isinstance(await raw.receive(connection), yjs.SyncStep2)
    await connection.close()


async def test_message_that_is_too_big_closes_for_good(server: ServerProcess, node: NodeClients):
    ann = await (await node.open(server.yjs, "notes")).synced()
    bad = await (await node.open(server.yjs, "notes")).synced()
    size = DEFAULT_LIMITS.document_bytes + 1024
    await bad.run("doc.getMap('images').set('paste', new Uint8Array(args.size))", size=size)
    await bad.until("closes.length")
    assert await bad.get("[closes, provider.shouldConnect]") == [[4413], False]
    await ann.run("doc.getText('body').insert(0, 'still here')")
    fresh = await node.open(server.yjs, "notes")
    await fresh.until_equal("doc.getText('body').toString()", "still here")


async def test_a_large_difference_made_offline_is_taken(server: ServerProcess, node: NodeClients):
    ann = await node.open(server.yjs, "notes", connect=False)
    await ann.run("for (let i = 0; i < 40; i++) doc.getArray('a').push(['x'.repeat(1 << 20)])")
    await ann.run("provider.connect()")
    await ann.synced()
    fresh = await node.open(server.yjs, "notes")
    await fresh.until("doc.getArray('a').length === 40")
    assert await ann.get("closes") == []


async def test_last_words_of_stock_clients_are_kept(server: ServerProcess, node: NodeClients):
    """An edit and the end of the provider right behind it reach the server in one read, often."""
    for number in range(30):
        ann = await (await node.open(server.yjs, "notes")).synced()
        await ann.run("doc.getMap('records').set('k' + args.n, args.n); provider.destroy()", n=number)
    fresh = await node.open(server.yjs, "notes")
    await fresh.until("doc.getMap('records').size === 30")


async def test_presence_that_cannot_be_passed_on_leaves_the_document_alone(
    server: ServerProcess, node: NodeClients
):
    ann, bob = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    await ann.run("awareness.setLocalState({big: 'x'.repeat(20000)})")
    await ann.run("awareness.setLocalState({half: '\\ud83d'})")
    await ann.run("doc.getText('body').insert(0, 'an edit')")
    await bob.until_equal("doc.getText('body').toString()", "an edit")
    await bob.until_equal(f"awareness.getStates().get({ann.id})", {"half": "\ufffd"})
    assert await ann.get("closes") == []


async def test_client_that_does_not_read_catches_up_with_one_difference(
    server: ServerProcess, node: NodeClients
):
    slow_doc: Doc = Doc()
    slow = await raw.join(server.yjs, "notes", slow_doc)
    reading, writing = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    slow.transport.pause_reading()
    rounds, size = 40, DEFAULT_SERVER_LIMITS.backlog_bytes // 4  # ten times what the server keeps for it
    for number in range(rounds):
        await writing.run(
            "doc.getMap('records').set('big', args.number + ':' + 'x'.repeat(args.size))",
            number=number, size=size,
        )  # fmt: skip
        await reading.until(f"doc.getMap('records').get('big')?.startsWith('{number}:')")
    slow.transport.resume_reading()
    received = await _read_until(slow, slow_doc, f"{rounds - 1}:")
    assert received < rounds - 1, "the rest came as one difference"
    await writing.run("doc.getMap('records').set('big', 'small')")
    received = await _read_until(slow, slow_doc, "small")
    assert received <= 2, "and then as it happens, behind the last part of the difference"
    await slow.close()


async def _read_until(connection: ClientConnection, doc: Doc, prefix: str) -> int:
    """Apply what comes until the value begins with ``prefix``; the number of updates it took."""
    records = doc.get("records", type=Map)
    for received in range(1, 1000):
        raw.apply(doc, await raw.receive(connection))
        if str(records.get("big")).startswith(prefix):
            return received
    raise AssertionError("too many updates")
