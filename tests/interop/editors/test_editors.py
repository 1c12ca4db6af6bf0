"""Real editors, two of a kind on one document: random edits at the same time and offline, and the server
killed in their middle. In the end both have the same document, and so has who joins after a restart."""

from __future__ import annotations

import asyncio
import json
import os
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from tests.support.editors import SCRIPT, Dump, Editor, fresh_dump, open_editor
from tests.support.pycrdt_editor import PycrdtEditor
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import WAIT_SECONDS, NodeClients

ROOTS = {
    "tiptap": ("xml_fragment", "default"),
    "prosemirror": ("xml_fragment", "prosemirror"),
    "codemirror": ("text", "codemirror"),
    "quill": ("text", "quill"),
    "lexical": ("text", "root"),
    "blocknote": ("xml_fragment", "blocknote"),
    # Versions of y-websocket, and pycrdt's Provider, with shared types and no editor:
    "yw15": ("text", "text"),
    "yw21": ("text", "text"),
    "yw30": ("text", "text"),
    "yw31": ("text", "text"),
    "pycrdt": ("text", "text"),
}
"""By editor: where it keeps its document, as Python reads it."""

SEEDS = range(int(os.environ.get("EDITOR_SEEDS", "1")))
"""EDITOR_SEEDS=20 makes twenty histories of each editor."""

ROUNDS = 24
KILL_IN = 12
DOWN_ROUNDS = 4


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("editor", ROOTS)
async def test_everybody_has_the_same(server: ServerProcess, editor: str, seed: int):
    async with NodeClients(SCRIPT) as node:
        pair = [await _open(node, editor, server.yjs, 2 * seed + n) for n in range(2)]
        await _edit_together(pair, Random(seed), server)
        agreed = await _agreed(pair)
        for each in pair:
            await each.disconnect()
        await server.restart()
        fresh = await fresh_dump(node, _module(editor), server.yjs, "page")
        assert _difference(fresh, agreed) == {}
    kind, root = ROOTS[editor]
    async with pb.connect(server.live) as db:
        read = await getattr(await db.collection("page"), kind)(root).value()
    assert read or editor == "lexical", (
        "only Lexical's root has no text of its own, its paragraphs are embedded"
    )
    if editor == "codemirror":
        assert read == json.loads(agreed["content"])


async def _open(node: NodeClients, editor: str, url: str, seed: int) -> Editor:
    if editor == "pycrdt":
        return await PycrdtEditor.open(node, url, "page", seed)
    return await open_editor(node, editor, url, "page", seed)


def _module(editor: str) -> str:
    """Which module in Node knows the editor's document."""
    return "shared_types" if editor == "pycrdt" else editor


async def _edit_together(pair: list[Editor], random: Random, server: ServerProcess) -> None:
    for number in range(ROUNDS):
        if number == KILL_IN:
            await server.kill()
        if number == KILL_IN + DOWN_ROUNDS:
            await server.start()
        await asyncio.gather(*(each.edit(random.randint(1, 8)) for each in pair))
        await random.choice([pair[0].disconnect, pair[0].connect, pair[1].disconnect, pair[1].connect])()
    for each in pair:
        await each.connect()


async def _agreed(pair: list[Editor]) -> Dump:
    """Wait until both have the same document; what it is."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        one, other = [await each.dump() for each in pair]
        if not (differs := _difference(one, other)):
            assert not one["waiting"]
            return one
        assert asyncio.get_running_loop().time() < deadline, f"they do not come to agree: {differs}"


def _difference(one: Dump, other: Dump) -> dict[str, tuple[Any, Any]]:
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}
