"""What Hocuspocus providers have beside y-websocket: many documents a socket, and word of what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

import protobase_live as pb
from tests.support.held_server import HELD_SERVE
from tests.support.server_process import SERVE, ServerProcess
from tests.support.yjs_node import NodeClients, YjsClient

PROVIDERS = ("hp2", "hp3", "hp4")
TEXT = "doc.getText('body').toString()"
PRESENT = "[...awareness.getStates().values()].map(state => state.name).filter(name => name).sort()"

each_provider = pytest.mark.parametrize("provider", PROVIDERS)


async def open_synced(node: NodeClients, url: str, room: str, **options: object) -> YjsClient:
    return await (await node.open(url, room, **options)).synced()


@each_provider
async def test_many_documents_on_one_socket(server: ServerProcess, node: NodeClients, provider: str):
    names = [f"boards/{n}" for n in range(20)]
    boards = [
        await open_synced(node, server.hocuspocus, name, provider=provider, socket="one") for name in names
    ]
    others = [await open_synced(node, server.hocuspocus, name, provider=provider) for name in names]
    for name, board, other in zip(names, boards, others, strict=True):
        await board.run("doc.getText('body').insert(0, args.name)", name=name)
        await board.run("awareness.setLocalState({name: args.name})", name=name)
        await other.until_equal(TEXT, name)
        await other.until_equal(PRESENT, [name])
    await boards[0].run("provider.destroy()")
    await others[0].until_equal(PRESENT, [])
    await others[1].run("doc.getText('body').insert(0, '> ')")
    await boards[1].until_equal(TEXT, "> boards/1")
    assert await others[1].get(PRESENT) == ["boards/1"]


@each_provider
async def test_a_document_that_is_opened_again_on_its_socket(
    server: ServerProcess, node: NodeClients, provider: str
):
    keeper = await open_synced(node, server.hocuspocus, "other", provider=provider, socket="one")
    first = await open_synced(node, server.hocuspocus, "notes", provider=provider, socket="one")
    await first.run("doc.getText('body').insert(0, 'first'); provider.destroy()")
    again = await node.open(server.hocuspocus, "notes", provider=provider, socket="one")
    await again.until_equal(TEXT, "first")
    await again.until("!provider.hasUnsyncedChanges")
    assert await keeper.get("told.filter(([event]) => event === 'close')") == []


async def test_two_sessions_of_one_document_on_one_socket(server: ServerProcess, node: NodeClients):
    options = {"provider": "hp4", "socket": "one", "sessionAwareness": True}
    ann = await open_synced(node, server.hocuspocus, "notes", **options)
    bob = await open_synced(node, server.hocuspocus, "notes", **options)
    assert await ann.get("provider.effectiveName") != await bob.get("provider.effectiveName")
    await ann.run("awareness.setLocalState({name: 'ann'}); doc.getText('body').insert(0, 'from ann')")
    await bob.run("awareness.setLocalState({name: 'bob'})")
    await bob.until_equal(TEXT, "from ann")
    for each in ann, bob:
        await each.until_equal(PRESENT, ["ann", "bob"])
        await each.until("!provider.hasUnsyncedChanges")
    await ann.run("provider.destroy()")
    await bob.until_equal(PRESENT, ["bob"])
    await bob.run("doc.getText('body').insert(0, 'still here: ')")
    await bob.until("!provider.hasUnsyncedChanges")


@each_provider
async def test_one_refused_document_leaves_the_others_alone(node: NodeClients, provider: str):
    def authenticate(token: str | None) -> str:
        if token != "ann":
            raise pb.Unauthorized("no ann")
        return token

    async with pb.open("memory:") as db, pb.Server(db, port=0, authenticate=authenticate) as server:
        url = f"ws://127.0.0.1:{server.port}/hocuspocus"
        mine = await open_synced(node, url, "mine", provider=provider, socket="one", token="ann")
        refused = await node.open(url, "theirs", provider=provider, socket="one", token="bob")
        await refused.until("told.some(each => same(each, ['authenticationFailed', 'no ann']))")
        bad_name = await node.open(url, "a//b", provider=provider, socket="one", token="ann")
        await bad_name.until(
            "told.some(([event, why]) => event === 'authenticationFailed' && /4404/.test(why))"
        )
        await mine.run("doc.getText('body').insert(0, 'goes on')")
        await mine.until("!provider.hasUnsyncedChanges")
        again = await node.open(url, "theirs", provider=provider, socket="one", token="ann")
        await again.synced()


@each_provider
async def test_what_cannot_be_taken_ends_its_document_alone(node: NodeClients, provider: str):
    limits = pb.Limits(document_bytes=100_000)
    async with pb.open("memory:", limits=limits) as db, pb.Server(db, port=0) as server:
        url = f"ws://127.0.0.1:{server.port}/hocuspocus"
        small = await open_synced(node, url, "small", provider=provider, socket="one")
        large = await open_synced(node, url, "large", provider=provider, socket="one")
        await large.run("doc.getText('body').insert(0, 'x'.repeat(90_000))")
        await large.until("!provider.hasUnsyncedChanges")
        await large.run("doc.getText('more').insert(0, 'x'.repeat(90_000))")
        await large.until("told.some(([event, why]) => event === 'authenticationFailed' && /4413/.test(why))")
        assert await large.get("provider.hasUnsyncedChanges") is True
        await small.run("doc.getText('body').insert(0, 'goes on')")
        await small.until("!provider.hasUnsyncedChanges")
        assert len(await (await db.collection("large")).text("body").value()) == 90_000


@each_provider
async def test_what_an_offline_store_kept_of_a_deleted_document_is_not_taken(
    server: ServerProcess, node: NodeClients, provider: str
):
    """Nor is it said to be stored."""
    async with pb.connect(server.live) as db:
        page = await open_synced(node, server.hocuspocus, "page", provider=provider)
        await page.run("doc.getText('body').insert(0, 'old')")
        await page.until("!provider.hasUnsyncedChanges")
        stored = await page.get("Y.encodeStateAsUpdate(doc)")
        await page.run("provider.destroy()")
        await db.drop("page")
        page = await open_synced(node, server.hocuspocus, "page", provider=provider)
        await page.run("Y.applyUpdate(doc, args.stored, 'y-indexeddb')", stored=stored)
        await page.until("told.some(([event, why]) => event === 'authenticationFailed' && /4410/.test(why))")
        assert await page.get("provider.hasUnsyncedChanges") is True
        assert await (await db.collection("page")).text("body").value() == ""


@each_provider
async def test_nothing_is_said_to_be_stored_before_it_is(tmp_path: Path, node: NodeClients, provider: str):
    """And what was not is sent again."""
    async with ServerProcess(tmp_path / "data", HELD_SERVE) as server:
        ann = await open_synced(node, server.hocuspocus, "notes", provider=provider)
        await ann.until("!provider.hasUnsyncedChanges")
        await ann.run("for (const letter of 'story') doc.getText('body').insert(0, letter)")
        assert await server.says() == "held"  # it is applied, and on its way to the disk for ever
        assert await ann.get("provider.unsyncedChanges") == 5
        bob = await node.open(server.hocuspocus, "notes", provider=provider)
        await server.kill()
        assert await ann.get("provider.hasUnsyncedChanges") is True
        assert await bob.get(TEXT) == ""
        server.command = SERVE
        await server.start()
        await ann.until("provider.synced && !provider.hasUnsyncedChanges")
        await server.restart()
        fresh = await open_synced(node, server.hocuspocus, "notes", provider=provider)
        assert await fresh.get(TEXT) == "yrots"


@each_provider
async def test_every_change_is_counted_once(server: ServerProcess, node: NodeClients, provider: str):
    ann = await open_synced(node, server.hocuspocus, "notes", provider=provider)
    bob = await open_synced(node, server.hocuspocus, "notes", provider=provider)
    for _ in range(5):
        await ann.until("provider.unsyncedChanges === 0")
        await ann.run("provider.forceSync(); for (let n = 0; n < 50; n++) doc.getText('body').insert(0, 'a')")
        await bob.run("for (let n = 0; n < 50; n++) doc.getText('body').insert(0, 'b')")
    for each in ann, bob:
        await each.until(f"{TEXT}.length >= 500 && provider.unsyncedChanges === 0")
        assert await each.run("doc.getText('body').insert(0, 'c'); return provider.unsyncedChanges") == 1
        await each.until("provider.unsyncedChanges === 0")


@each_provider
async def test_a_stateless_message_is_for_nobody(server: ServerProcess, node: NodeClients, provider: str):
    ann = await open_synced(node, server.hocuspocus, "notes", provider=provider)
    bob = await open_synced(node, server.hocuspocus, "notes", provider=provider)
    await ann.run("provider.sendStateless('hello'); doc.getText('body').insert(0, 'a')")
    await bob.until_equal(TEXT, "a")
    assert await bob.get("told.filter(([event]) => event === 'stateless')") == []
    await ann.until("!provider.hasUnsyncedChanges")
