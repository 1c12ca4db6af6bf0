"""A stored collection with halves of characters, which pycrdt cannot load from one merged update.

``tests/data/unloadable`` was left by five Yjs clients: the collection ``r``, and in it 187 commits that Yjs
applies. Its subdocuments have no export, which is all that `export` may say.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from protobase_storage import FileStorage
from tests.protobase_live.cli.command import run
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import INTEROP, NodeProcess

STORED = Path(__file__).resolve().parents[1] / "data" / "unloadable"
ROOM = "r"
NO_EXPORT = "error: documents within documents (subdocuments) cannot be exported\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the database."""
    return Path(shutil.copytree(STORED, tmp_path / "data"))


async def stored(folder: Path) -> list[bytes]:
    """All commits, none of which is folded."""
    storage = await FileStorage.open(folder)
    try:
        loaded = await storage.load(ROOM)
    finally:
        await storage.close()
    assert loaded.snapshot is None
    return [commit.update for commit in loaded.commits]


async def test_it_loads_and_syncs(folder: Path):
    updates = await stored(folder)
    assert len(updates) == 187
    joining = {"name": ROOM, "clients": 2, "features": [], "steps": [], "before": updates}
    async with NodeProcess(INTEROP / "histories.mjs") as node, ServerProcess(folder) as server:
        told = await node.ask("run", url=server.yjs, pid=server.pid, histories=[joining])
        assert told == {"killed": False, "failed": {}}
        assert await node.ask("fresh", name=ROOM) is None


async def test_it_exports(folder: Path):
    ended = await run("export", f"file:{folder}", ROOM)
    assert ended.err in ("", NO_EXPORT)


async def test_it_can_be_deleted(folder: Path):
    storage = await FileStorage.open(folder)
    await storage.delete(ROOM)
    await storage.close()
    nobody = {"name": ROOM, "clients": 1, "features": [], "steps": [["edit", 0, "text.insert", 1]]}
    async with NodeProcess(INTEROP / "histories.mjs") as node, ServerProcess(folder) as server:
        told = await node.ask("run", url=server.yjs, pid=server.pid, histories=[nobody])
        assert told == {"killed": False, "failed": {}}
