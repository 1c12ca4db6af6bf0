"""Stock providers of several products, each version by itself: what all of them are promised."""

from __future__ import annotations

import asyncio

import pytest

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients, YjsClient

HOCUSPOCUS = ("hp2", "hp3", "hp4")
OTHERS = ("yw15", "yw21", "yw30", "yw31", "y-sweet", "y-partyserver")
REASON = "this is no token of ours"
TEXT = "doc.getText('body').toString()"
PRESENT = "[...awareness.getStates().values()].map(state => state.name).filter(name => name).sort()"

pytestmark = pytest.mark.parametrize("provider", [*HOCUSPOCUS, *OTHERS])


def authenticate(token: str | None) -> pb.Identity:
    if token is None or not token.startswith(("reader", "writer")):
        raise pb.Unauthorized(REASON)
    return pb.Identity(token, read_only=token.startswith("reader"))


def hears_of_refusal(provider: str) -> list[object]:
    if provider in HOCUSPOCUS:
        return ["authenticationFailed", REASON]
    return ["connection-status", "error"] if provider == "y-sweet" else ["connection-close", 4401]


async def join(
    node: NodeClients, port: int, provider: str, room: str = "notes", token: str | None = None
) -> YjsClient:
    url = f"ws://127.0.0.1:{port}/{'hocuspocus' if provider in HOCUSPOCUS else 'yjs'}"
    if token is None:
        return await node.open(url, room, provider=provider)
    if provider in HOCUSPOCUS:
        return await node.open(url, room, provider=provider, token=token)
    return await node.open(url, room, provider=provider, params={"token": token})


async def pair(node: NodeClients, server: ServerProcess, provider: str) -> tuple[YjsClient, YjsClient]:
    one, other = [await join(node, server.port, provider) for _ in range(2)]
    return await one.synced(), await other.synced()


async def test_edits_and_presence(server: ServerProcess, node: NodeClients, provider: str):
    ann, bob = await pair(node, server, provider)
    await asyncio.gather(
        ann.run("doc.getText('body').insert(0, 'Hello'); awareness.setLocalState({name: 'ann'})"),
        bob.run(
            "doc.getMap('records').set('t1', new Y.Map([['n', 1]])); awareness.setLocalState({name: 'bob'})"
        ),
    )
    for each in ann, bob:
        await each.until_equal(TEXT, "Hello")
        await each.until_equal("doc.getMap('records')", {"t1": {"n": 1}})
        await each.until_equal(PRESENT, ["ann", "bob"])
    await bob.run("provider.destroy()")
    await ann.until_equal(PRESENT, ["ann"])
    async with pb.connect(server.live) as db:
        assert await (await db.collection("notes")).get("t1") == {"n": 1}


async def test_who_comes_back_is_seen_at_once(server: ServerProcess, node: NodeClients, provider: str):
    """Not only when it moves its cursor, or when some time has passed."""
    ann, bob = await pair(node, server, provider)
    for each in ann, bob:
        await each.run("clearInterval(awareness._checkInterval)")  # which says so after 15 seconds
    await ann.run("awareness.setLocalState({name: 'ann'})")
    await bob.run("awareness.setLocalState({name: 'bob'})")
    await ann.until_equal(PRESENT, ["ann", "bob"])
    await bob.run("socket.disconnect()")
    if provider != "y-sweet":  # which connects again by itself
        await ann.until_equal(PRESENT, ["ann"])
        await bob.run("socket.connect()")
    await ann.until_equal(PRESENT, ["ann", "bob"])
    await server.restart()
    for each in ann, bob:
        await each.until(f"told.length && same({PRESENT}, ['ann', 'bob']) && provider.synced")


async def test_nothing_is_lost_by_a_kill(server: ServerProcess, node: NodeClients, provider: str):
    ann, bob = await pair(node, server, provider)
    await ann.run("for (let n = 0; n < 100; n++) doc.getText('body').insert(n, 'a')")
    await bob.until(f"{TEXT}.length === 100")
    await bob.run("for (let n = 0; n < 100; n++) doc.getText('body').insert(0, 'b')")
    await server.kill()
    await ann.run("doc.getText('body').insert(0, 'offline ')")
    await bob.run("doc.getMap('records').set('t1', new Y.Map([['n', 1]]))")
    await server.start()
    for each in ann, bob:
        await each.until(f"{TEXT}.length === 208 && doc.getMap('records').size === 1")
    await server.restart()
    fresh = await join(node, server.port, provider)
    await fresh.until_equal(TEXT, await ann.get(TEXT))


async def test_a_large_paste(server: ServerProcess, node: NodeClients, provider: str):
    ann, bob = await pair(node, server, provider)
    await ann.run("doc.getText('body').insert(0, 'paste '.repeat(200_000))")
    await bob.until(f"{TEXT}.length === 1_200_000")
    await bob.run("doc.getText('body').insert(0, 'got it: ')")
    await ann.until(f"{TEXT}.startsWith('got it: paste')")


async def test_nobody_is_warned_of_unsaved_changes_for_ever(
    server: ServerProcess, node: NodeClients, provider: str
):
    """Where a provider has word of them."""
    ann, _ = await pair(node, server, provider)
    unsaved = "provider.hasUnsyncedChanges ?? provider.hasLocalChanges ?? false"
    await ann.until(f"!({unsaved})")
    has_word = provider in HOCUSPOCUS or provider == "y-sweet"
    assert await ann.run(f"doc.getText('body').insert(0, 'a'); return {unsaved}") == has_word
    await ann.until(f"!({unsaved})")


async def test_who_has_no_token_is_refused(node: NodeClients, provider: str):
    async with pb.open("memory:") as db, pb.Server(db, port=0, authenticate=authenticate) as server:
        welcome = await join(node, server.port, provider, token="writer")
        await welcome.synced()
        refused = await join(node, server.port, provider, token="stranger")
        await refused.until("told.some(each => same(each, args.hears))", hears=hears_of_refusal(provider))
        await welcome.run("doc.getText('body').insert(0, 'for members')")
        second = await (await join(node, server.port, provider, token="writer too")).synced()
        await second.until_equal(TEXT, "for members")
        assert await refused.get(TEXT) == ""
        assert await refused.get("provider.synced") is False


async def test_who_may_only_read_changes_nothing(node: NodeClients, provider: str):
    async with pb.open("memory:") as db, pb.Server(db, port=0, authenticate=authenticate) as server:
        writer = await (await join(node, server.port, provider, token="writer")).synced()
        reader = await (await join(node, server.port, provider, token="reader")).synced()
        await writer.run("doc.getText('body').insert(0, 'read me'); awareness.setLocalState({name: 'w'})")
        await reader.until_equal(TEXT, "read me")
        await reader.run("awareness.setLocalState({name: 'r'})")
        await writer.until_equal(PRESENT, ["r", "w"])
        await reader.run("doc.getText('body').insert(0, 'not mine: ')")
        await writer.run("doc.getText('body').insert(7, '!')")
        await reader.until_equal(TEXT, "read me!")
        assert await writer.get(TEXT) == "read me!"
        assert await (await db.collection("notes")).text("body").value() == "read me!"
        if provider in HOCUSPOCUS:
            assert await reader.get("provider.authorizedScope") == "readonly"
            await reader.until("!provider.hasUnsyncedChanges")
