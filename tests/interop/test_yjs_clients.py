"""Unmodified y-websocket clients among themselves, over the Yjs door."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from pycrdt import Doc, Text

from protobase_live.protocol.yjs import messages as yjs
from tests.support import raw
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

TEXT = "doc.getText('body').toString()"


async def test_text_and_nested_maps(server: ServerProcess, node: NodeClients):
    ann, bob = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    await ann.run("doc.getText('body').insert(0, 'Hello')")
    await bob.until_equal(TEXT, "Hello")
    await asyncio.gather(
        ann.run("doc.getText('body').insert(5, ' Bob')"),
        bob.run("doc.getText('body').insert(0, '> ')"),
    )
    await asyncio.gather(ann.until_equal(TEXT, "> Hello Bob"), bob.until_equal(TEXT, "> Hello Bob"))

    await ann.run(
        "const record = new Y.Map(); record.set('title', 'Write');"
        "record.set('tags', Y.Array.from(['a', 'b']));"
        "const deep = new Y.Map(); deep.set('x', 1); record.set('deep', deep);"
        "doc.getMap('records').set('t1', record)"
    )
    await bob.until("doc.getMap('records').get('t1')?.get('deep').get('x') === 1")
    await bob.run("doc.getMap('records').get('t1').get('deep').set('y', 'two')")
    await ann.until_equal(
        "doc.getMap('records')", {"t1": {"title": "Write", "tags": ["a", "b"], "deep": {"x": 1, "y": "two"}}}
    )


async def test_fields_set_at_once_both_win(server: ServerProcess, node: NodeClients):
    ann, bob = [await (await node.open(server.yjs, "tasks")).synced() for _ in range(2)]
    await ann.run("doc.getMap('records').set('t1', new Y.Map([['title', 'Write']]))")
    await bob.until("doc.getMap('records').has('t1')")
    await asyncio.gather(
        ann.run("doc.getMap('records').get('t1').set('owner', 'ann')"),
        bob.run("doc.getMap('records').get('t1').set('done', true)"),
    )
    both = {"t1": {"title": "Write", "owner": "ann", "done": True}}
    for client in (ann, bob):
        await client.until_equal("doc.getMap('records')", both)


async def test_late_joiner_gets_everything(server: ServerProcess, node: NodeClients):
    ann = await (await node.open(server.yjs, "notes")).synced()
    await ann.run(
        "for (let i = 0; i < 500; i++) { doc.getText('body').insert(i, String(i % 10));"
        "doc.getMap('records').set('k' + i, i) } awareness.setLocalState({name: 'ann'})"
    )
    everything = await ann.get("{text: doc.getText('body').toString(), records: doc.getMap('records')}")
    bob = await node.open(server.yjs, "notes")
    await bob.until_equal(
        "({text: doc.getText('body').toString(), records: doc.getMap('records').toJSON()})", everything
    )
    await bob.until_equal(f"awareness.getStates().get({ann.id}) ?? null", {"name": "ann"})
    assert await bob.state() == await ann.state()


async def test_names_of_any_spelling(server: ServerProcess, node: NodeClients):
    """A provider puts the room into the address as it is: an application encodes it, whole or by segments."""
    for name in ("tasks", "boards/42", "a/b/c d", "Städte/Köln €", "100%", "a+b&c=d?e#f", "🦊"):
        whole = await (await node.open(server.yjs, quote(name, safe=""))).synced()
        segments = await (await node.open(server.yjs, quote(name))).synced()
        other = await (await node.open(server.yjs, quote(name + "x"))).synced()
        await whole.run("doc.getText('body').insert(0, args.name)", name=name)
        await segments.until_equal(TEXT, name)
        assert await other.get(TEXT) == ""


async def test_name_as_the_provider_encodes_it(server: ServerProcess, node: NodeClients):
    plain = await (await node.open(server.yjs, "Städte/Köln a")).synced()
    encoded = await (await node.open(server.yjs, quote("Städte/Köln a", safe=""))).synced()
    await plain.run("doc.getText('body').insert(0, 'here')")
    await encoded.until_equal(TEXT, "here")


async def test_impossible_names_are_refused_for_good(server: ServerProcess, node: NodeClients):
    for room in ("a//b", "%ff", "a%00b", "x" * 513):
        client = await node.open(server.yjs, room)
        await client.until_equal("closes", [4404])
        assert await client.get("provider.shouldConnect") is False


async def test_awareness_comes_changes_and_goes(server: ServerProcess, node: NodeClients):
    ann, bob = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    others = f"awareness.getStates().get({ann.id}) ?? null"
    await ann.run("awareness.setLocalState({name: 'ann', cursor: 1})")
    await bob.until_equal(others, {"name": "ann", "cursor": 1})
    await ann.run("awareness.setLocalStateField('cursor', 2)")
    await bob.until_equal(others, {"name": "ann", "cursor": 2})
    await ann.run("provider.disconnect()")
    await bob.until_equal(others, None)
    await ann.run("awareness.setLocalState({name: 'ann', cursor: 3}); provider.connect()")
    await bob.until_equal(others, {"name": "ann", "cursor": 3})


RENEWAL_SECONDS = 15
"""After so long, stock clients say their state again by themselves."""


async def test_awareness_is_echoed_to_its_sender(server: ServerProcess):
    """Providers take 30 seconds without a message for a dead connection; pings are none."""
    connection = await raw.join(server.yjs, "notes", Doc())
    state = b'\x0e{"name":"ann"}'
    await connection.send(b"\x01\x12" + b"\x01\x05\x01" + state)  # one client, its id, its clock
    told = await raw.receive(connection), await raw.receive(connection)
    assert all(isinstance(message, yjs.AwarenessUpdate) for message in told)
    asked_again, echo = told  # stock clients answer the first with their state
    assert asked_again.payload.endswith(b"\x04null")
    assert state in echo.payload
    await connection.close()


async def test_all_see_each_other_at_once_after_a_restart_and_a_reconnect(
    server: ServerProcess, node: NodeClients
):
    """Stock clients forget the others' states, keep their clocks, and renew their own every 15 seconds."""
    clients = [await (await node.open(server.yjs, "notes")).synced() for _ in range(3)]
    states = {str(client.id): {"name": number} for number, client in enumerate(clients)}
    for number, client in enumerate(clients):
        await client.run("awareness.setLocalState({name: args.n})", n=number)

    async def all_see_all() -> None:
        for client in clients:
            await client.until_equal("Object.fromEntries(awareness.getStates())", states)

    await all_see_all()
    await server.restart()
    async with asyncio.timeout(RENEWAL_SECONDS - 5):
        await all_see_all()
        for client in clients:
            await client.run("provider.disconnect(); provider.connect()")
            await client.synced()
        await all_see_all()


async def test_awareness_of_a_client_that_crashes_is_removed(server: ServerProcess, node: NodeClients):
    bob = await (await node.open(server.yjs, "notes")).synced()
    async with NodeClients() as crashing:
        ann = await (await crashing.open(server.yjs, "notes")).synced()
        await ann.run("awareness.setLocalState({name: 'ann'})")
        await bob.until(f"awareness.getStates().has({ann.id})")
        await crashing.kill()
        await bob.until(f"!awareness.getStates().has({ann.id})")


async def test_query_awareness_is_answered(server: ServerProcess, node: NodeClients):
    ann = await (await node.open(server.yjs, "notes")).synced()
    await ann.run("awareness.setLocalState({name: 'ann'})")
    bob = await (await node.open(server.yjs, "notes")).synced()
    await bob.until(f"awareness.getStates().has({ann.id})")
    await bob.run(
        f"awareness.states.delete({ann.id}); awareness.meta.delete({ann.id});"
        "provider.ws.send(new Uint8Array([3]))"
    )
    await bob.until_equal(f"awareness.getStates().get({ann.id}) ?? null", {"name": "ann"})


async def test_offline_edits_merge(server: ServerProcess, node: NodeClients):
    ann, bob = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    await ann.run("doc.getText('body').insert(0, 'one two')")
    await bob.until_equal(TEXT, "one two")
    await bob.run("provider.disconnect(); doc.getText('body').insert(7, ' three')")
    await ann.run("doc.getText('body').insert(0, 'zero ')")
    assert await bob.get(TEXT) == "one two three"
    assert await ann.get(TEXT) == "zero one two"
    await bob.run("provider.connect()")
    for client in (ann, bob):
        await client.until_equal(TEXT, "zero one two three")


@pytest.mark.parametrize("gently", [True, False], ids=["SIGTERM", "SIGKILL"])
async def test_clients_find_a_restarted_server(server: ServerProcess, node: NodeClients, gently: bool):
    ann, bob = [await (await node.open(server.yjs, "notes")).synced() for _ in range(2)]
    await ann.run("awareness.setLocalState({name: 'ann'}); doc.getText('body').insert(0, 'before')")
    await bob.until_equal(TEXT, "before")
    if gently:
        assert await server.stop() == 0
    else:
        await server.kill()
    for client, code in ((ann, 1001 if gently else 1006), (bob, 1001 if gently else 1006)):
        await client.until("closes.length > 0 && !provider.wsconnected")
        assert (await client.get("closes"))[0] == code
    await ann.run("doc.getText('body').insert(6, ' meanwhile')")
    await server.start()
    await bob.until_equal(TEXT, "before meanwhile")
    await ann.run("awareness.setLocalState({name: 'ann', back: true})")
    await bob.until_equal(f"awareness.getStates().get({ann.id}) ?? null", {"name": "ann", "back": True})
    fresh = await node.open(server.yjs, "notes")
    await fresh.until_equal(TEXT, "before meanwhile")


async def test_collections_are_strangers(server: ServerProcess, node: NodeClients):
    ann = await (await node.open(server.yjs, "a")).synced()
    bob = await (await node.open(server.yjs, "b")).synced()
    await ann.run("doc.getText('body').insert(0, 'a'); awareness.setLocalState({name: 'ann'})")
    await bob.run("doc.getText('body').insert(0, 'b'); awareness.setLocalState({name: 'bob'})")
    carl = await (await node.open(server.yjs, "b")).synced()
    await carl.until_equal(TEXT, "b")
    await carl.until(f"awareness.getStates().has({bob.id})")
    assert not await carl.get(f"awareness.getStates().has({ann.id})")


async def test_the_server_speaks_first(server: ServerProcess):
    """Stock servers open with sync step 1, and old clients send what they have only in answer to it."""
    connection = await raw.dial(server.yjs, "notes")
    assert await raw.receive(connection) == yjs.SyncStep1(Doc().get_state())
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, "hello")
    await connection.send(yjs.encode_step2(doc.get_update()))
    seen: Doc = Doc()
    other = await raw.join(server.yjs, "notes", seen)
    assert str(seen.get("body", type=Text)) == "hello"
    await asyncio.gather(connection.close(), other.close())
