"""What stock Yjs clients find out when a collection was deleted, and what they cannot bring back."""

from __future__ import annotations

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
