"""The JavaScript on the front page runs as printed, but for the port, after its Python program."""

import asyncio
import re
import sys
from pathlib import Path

import protobase_live as pb

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0

README = (ROOT / "README.md").read_text()


def block(mark: str) -> str:
    """The fenced block under a mark."""
    return re.search(rf"^<!-- {mark} -->\n\n```\w*\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]


async def run(*command: object, folder: Path) -> str:
    """What a program prints; asserts that it succeeds in time."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*map(str, command), cwd=folder, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_it_runs_as_printed(tmp_path):
    (tmp_path / "node_modules").symlink_to(ROOT / "tests" / "interop" / "node_modules")
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        here = f"127.0.0.1:{server.port}"
        for name, mark in (("program.py", "program: merge, server"), ("program.mjs", "javascript: yjs")):
            assert "127.0.0.1:8765" in block(mark)
            (tmp_path / name).write_text(block(mark).replace("127.0.0.1:8765", here))
        await run(sys.executable, "program.py", folder=tmp_path)
        board = await db.collection("boards/42")
        async with board.changes() as changes:
            assert await run("node", "program.mjs", folder=tmp_path) == block("javascript prints: yjs")
            async with asyncio.timeout(SECONDS):
                change = await anext(changes)
    assert (change.kind, change.key, change.after["title"]) == ("update", "c1", "Their plan")
