"""What real editors have made comes back from a backup, in a folder and in a server, struct by struct."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.protobase_live.cli.command import run
from tests.support.editors import SCRIPT, Dump, fresh_dump, open_editor
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

SMALL_LOGS = {"PROTOBASE_LOG_COMMITS": "30", "PROTOBASE_RETAINED_COMMITS": "10"}
"""So that a backup has a snapshot and a log."""

EDITS = 60


@pytest.fixture
async def folding(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path / "folding", environment=SMALL_LOGS) as server:
        yield server


@pytest.mark.parametrize("editor", ["lexical", "quill", "blocknote"])
async def test_a_document_comes_back(folding: ServerProcess, editor: str, tmp_path: Path):
    async with NodeClients(SCRIPT) as node:
        pair = [await open_editor(node, editor, folding.yjs, "page", seed) for seed in range(2)]
        for _ in range(EDITS):
            await asyncio.gather(*(each.edit(1) for each in pair))
        for each in pair:
            await each.disconnect()
        made = await fresh_dump(node, editor, folding.yjs, "page")
        assert made["deleted"] != {client: [] for client in made["deleted"]}
        online, offline = tmp_path / "online", tmp_path / "offline"
        assert await run("backup", folding.live.removesuffix("/live"), online) == (0, "", "")
        await folding.kill()
        assert await run("backup", folding.storage, offline) == (0, "", "")
        assert offline.read_bytes() == online.read_bytes()

        async with ServerProcess(tmp_path / "folding") as original:
            # An editor may tidy up what it joins: Lexical makes one text node of two neighbours.
            read = (await (await open_editor(node, editor, original.yjs, "page", 7)).dump())["content"]

        async with ServerProcess(tmp_path / "running") as other:
            assert await run("restore", online, other.live.removesuffix("/live")) == (0, "", "")
            await _require_same(node, editor, other, made, read)
        assert await run("restore", offline, f"file:{tmp_path / 'folder'}") == (0, "", "")
        async with ServerProcess(tmp_path / "folder") as other:
            await _require_same(node, editor, other, made, read)


async def _require_same(
    node: NodeClients, editor: str, server: ServerProcess, made: Dump, read: object
) -> None:
    """To a document that joins, struct by struct; to an editor that joins as one does the original."""
    assert await fresh_dump(node, editor, server.yjs, "page") == made
    joined = await open_editor(node, editor, server.yjs, "page", 7)
    assert (await joined.dump())["content"] == read
    await joined.edit(5)
    await joined.disconnect()
    assert not (await fresh_dump(node, editor, server.yjs, "page"))["waiting"]
