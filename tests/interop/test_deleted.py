"""What stock Yjs clients find out when a collection was deleted, and what they cannot bring back."""

from __future__ import annotations

import pytest

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

TEXT = "doc.getText('t').toString()"


async def seed(db: pb.RemoteDatabase) -> None:
    """What a program does that fills an empty page."""

    async def fill(tx: pb.Transaction) -> None:
        text = tx["page"].text("t")
        if not await text.value():
            text.append("print('hello')")

    await db.transact(fill)


async def test_tabs_do_not_bring_back_what_was_deleted(server: ServerProcess, node: NodeClients) -> None:
    """One tab is there when it happens, one comes back later: both are told, with a code that ends it."""
    async with pb.connect(server.live) as db:
        await seed(db)
        there, away = [await (await node.open(server.yjs, "page")).synced() for _ in range(2)]
        await away.run("provider.disconnect(); doc.getText('t').insert(0, 'typed offline ')")
        await there.run("doc.getText('t').insert(0, '# ')")
        page = await db.collection("page")
        async with page.changes() as changes:
            while await page.text("t").value() != "# print('hello')":
                await anext(changes)
        await db.drop("page")
        await seed(db)
        await away.run("provider.connect()")
        for tab in (there, away):
            await tab.until("closes.at(-1) === 4410 && !provider.shouldConnect")
        fresh = await (await node.open(server.yjs, "page")).synced()
        assert await fresh.get(TEXT) == await page.text("t").value() == "print('hello')"
        await fresh.run("doc.getText('t').insert(0, 'new ')")
        await (await node.open(server.yjs, "page")).until_equal(TEXT, "new print('hello')")


STORED = "Y.applyUpdate(doc, args.stored, 'y-indexeddb')"
"""What y-indexeddb does when it has loaded what it keeps of a document."""


@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("refilled", [False, True])
async def test_what_an_offline_store_kept_does_not_bring_it_back(
    server: ServerProcess, node: NodeClients, erased: bool, refilled: bool
) -> None:
    """The server answers before the store has loaded: the copy comes as an edit of who is up to date."""
    async with pb.connect(server.live) as db:
        await seed(db)
        page = await (await node.open(server.yjs, "page")).synced()
        await page.run("doc.getText('t').insert(0, '# '); provider.destroy()")
        stored = await page.get("Y.encodeStateAsUpdate(doc)")
        await (db.erase if erased else db.drop)("page")
        if refilled:
            await seed(db)
        page = await (await node.open(server.yjs, "page")).synced()
        await page.run(STORED, stored=stored)
        await page.run("doc.getText('t').insert(0, 'typed ')")
        await page.until("closes.at(-1) === 4410 && !provider.shouldConnect")
        assert await (await db.collection("page")).text("t").value() == ("print('hello')" if refilled else "")
        fresh = await (await node.open(server.yjs, "page")).synced()
        await fresh.until_equal(TEXT, "print('hello')" if refilled else "")


async def test_what_another_tab_passed_on_does_not_bring_it_back(
    server: ServerProcess, node: NodeClients
) -> None:
    """Tabs of one browser talk to each other, past the server: one has a copy, and gives it to all."""
    async with pb.connect(server.live) as db:
        await seed(db)
        old = await (await node.open(server.yjs, "page", disableBc=False)).synced()
        await old.run("provider.disconnect()")
        await db.drop("page")
        await seed(db)
        tab = await (await node.open(server.yjs, "page", disableBc=False)).synced()
        await old.run("provider.connect()")
        await old.until("closes.at(-1) === 4410")
        await tab.until_equal(TEXT, 2 * "print('hello')")
        await tab.run("doc.getText('t').insert(args.between, 'typed ')", between=len("print('hello')"))
        await tab.until("closes.at(-1) === 4410 && !provider.shouldConnect")
        assert await (await db.collection("page")).text("t").value() == "print('hello')"
        for each in (old, tab):
            await each.run("provider.destroy()")
        fresh = await (await node.open(server.yjs, "page", disableBc=False)).synced()
        assert await fresh.get(TEXT) == "print('hello')"


async def test_a_restored_backup_and_its_tabs_become_one(server: ServerProcess, node: NodeClients) -> None:
    """What a tab wrote after the backup comes back with it, once: it builds on what is there."""
    async with pb.connect(server.live) as db:
        await seed(db)
        stored = await db.backup("page")
        tab = await (await node.open(server.yjs, "page")).synced()
        await tab.run("doc.getText('t').insert(0, '# '); provider.disconnect()")
        await db.drop("page")
        await db.restore("page", stored)
        await tab.run("provider.connect()")
        page = await node.open(server.yjs, "page")
        await page.until_equal(TEXT, "# print('hello')")
