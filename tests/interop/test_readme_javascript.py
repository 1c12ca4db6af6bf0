"""The JavaScript on the front page runs as printed, but for the port, after its Python program."""

import asyncio
import sys

import protobase_live as pb
from tests.support.printed import ROOT, SECONDS, block, run
from tests.support.yjs_node import INTEROP

README = (ROOT / "README.md").read_text()


async def test_it_runs_as_printed(tmp_path):
    (tmp_path / "node_modules").symlink_to(INTEROP / "node_modules")
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        here = f"127.0.0.1:{server.port}"
        for name, mark in (("program.py", "program: merge, server"), ("program.mjs", "javascript: yjs")):
            assert "127.0.0.1:8765" in block(README, mark)
            (tmp_path / name).write_text(block(README, mark).replace("127.0.0.1:8765", here))
        await run(sys.executable, "program.py", folder=tmp_path)
        board = await db.collection("boards/42")
        async with board.changes() as changes:
            printed = await run("node", "program.mjs", folder=tmp_path)
            assert printed == block(README, "javascript prints: yjs")
            async with asyncio.timeout(SECONDS):
                change = await anext(changes)
    assert (change.kind, change.key, change.after["title"]) == ("update", "c1", "Their plan")
