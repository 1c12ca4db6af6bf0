"""Real editors, two of a kind on one document: random edits at the same time and offline, and the server
killed in their middle. In the end both have the same document, and so has who joins after a restart."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
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
    "lexical": ("xml_fragment", "root"),
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

LEAVERS = 5


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("editor", ROOTS)
async def test_everybody_has_the_same(server: ServerProcess, editor: str, seed: int):
    async with NodeClients(SCRIPT) as node:
        pair = [await _open(node, editor, server.yjs, 2 * seed + n) for n in range(2)]
        random = Random(seed)
        await _edit_together(pair, random, rounds=12)
        await _agreed(pair)
        await asyncio.gather(*(each.edit(5) for each in pair))
        await server.kill()  # what was edited last is on its way
        await _edit_together(pair, random, rounds=4)
        await server.start()
        await _agreed(pair)
        await _edit_together(pair, random, rounds=8)
        agreed = await _stored(pair, lambda: fresh_dump(node, _module(editor), server.yjs, "page"))
        for each in pair:
            await each.disconnect()
        await server.restart()
        fresh = await fresh_dump(node, _module(editor), server.yjs, "page")
        assert _difference(fresh, agreed) == {}
    kind, root = ROOTS[editor]
    async with pb.connect(server.live) as db:
        read = await getattr(await db.collection("page"), kind)(root).value()
    assert read or editor == "lexical", "only Lexical keeps all its text in what is embedded in its root"
    if editor == "codemirror":
        assert read == json.loads(agreed["content"])


@pytest.mark.parametrize("editor", ["yw15", "yw21", "yw30", "yw31"])
async def test_what_is_edited_right_before_leaving_is_kept(server: ServerProcess, editor: str):
    async with NodeClients(SCRIPT) as node:
        for seed in range(LEAVERS):
            page = f"page {seed}"
            leaver = await (await node.open(server.yjs, page, editor=editor, seed=seed)).synced()
            left = await leaver.run("for (let n = 0; n < 5; n++) edit(); provider.destroy(); return dump()")
            fresh = await node.open(server.yjs, page, editor=editor, seed=None)
            await fresh.until("same(dump(), args.left)", left=left)


async def _open(node: NodeClients, editor: str, url: str, seed: int) -> Editor:
    if editor == "pycrdt":
        return await PycrdtEditor.open(node, url, "page", seed)
    return await open_editor(node, editor, url, "page", seed)


def _module(editor: str) -> str:
    """Which module in Node knows the editor's document."""
    return "shared_types" if editor == "pycrdt" else editor


async def _edit_together(pair: list[Editor], random: Random, rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.gather(*(each.edit(random.randint(1, 8)) for each in pair))
        await random.choice([pair[0].disconnect, pair[0].connect, pair[1].disconnect, pair[1].connect])()


async def _agreed(pair: list[Editor]) -> Dump:
    """Connect both and wait until they have the same document; what it is."""
    for each in pair:
        await each.connect()
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        one, other = [await each.dump() for each in pair]
        if not (differs := _difference(one, other)):
            assert not one["waiting"]
            return one
        assert asyncio.get_running_loop().time() < deadline, f"they do not come to agree: {differs}"


async def _stored(pair: list[Editor], look: Callable[[], Awaitable[Dump]]) -> Dump:
    """What both have, once who joins finds it.

    Editors that tidy up by themselves delete the same on both sides, and agree before the server knows of it.
    """
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while differs := _difference(await look(), agreed := await _agreed(pair)):
        assert asyncio.get_running_loop().time() < deadline, f"it does not come to the server: {differs}"
    return agreed


def _difference(one: Dump, other: Dump) -> dict[str, tuple[Any, Any]]:
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}
