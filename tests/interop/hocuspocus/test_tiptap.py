"""TipTap by its own documentation's page; only the URL is another one."""

from __future__ import annotations

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import INTEROP, NodeClients

SAVED = "provider.synced && !provider.hasUnsyncedChanges"


async def test_two_people_write_and_python_reads(server: ServerProcess):
    async with NodeClients(INTEROP / "hocuspocus" / "tiptap.mjs") as node:
        ann, bob = [
            await node.open(server.hocuspocus, "example-document", user=user) for user in ("ann", "bob")
        ]
        for each in ann, bob:
            await each.until(SAVED)
        await ann.run("editor.commands.setContent('<h1>Plan</h1><p>Rest</p>')")
        await bob.until("editor.getHTML() === '<h1>Plan</h1><p>Rest</p>'")
        await bob.run("editor.chain().focus().setTextSelection(9).toggleBold().insertContent(' well').run()")
        for each in ann, bob:
            await each.until("/^<h1>Plan<\\/h1><p>.*well.*<\\/p>$/.test(editor.getHTML())")
        await ann.until("same(carets(), ['bob'])")
        await bob.until(SAVED)
        html = await bob.get("editor.getHTML()")
        await server.restart()
        for each in ann, bob:
            await each.until(SAVED)
        await ann.until("same(carets(), ['bob'])")
        fresh = await node.open(server.hocuspocus, "example-document", user="cy")
        await fresh.until("editor.getHTML() === args.html", html=html)
    async with pb.connect(server.live) as db:
        xml = await (await db.collection("example-document")).xml_fragment("default").value()
    assert "Plan" in xml
    assert " well" in xml
