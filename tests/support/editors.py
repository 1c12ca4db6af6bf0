"""Real editors, each on a Yjs document with a provider (see ``tests/interop/editors/client.mjs``)."""

from __future__ import annotations

from typing import Any, Protocol

from tests.support.yjs_node import INTEROP, NodeClients, YjsClient

SCRIPT = INTEROP / "editors" / "client.mjs"

Dump = dict[str, Any]
"""What a Yjs document consists of, see ``tests/interop/editors/dump.mjs``."""


class Editor(Protocol):
    """An editor and its document."""

    async def edit(self, count: int) -> None:
        """So many random edits; the provider sends them when it is connected."""
        ...

    async def connect(self) -> None:
        """Connect, and again whenever the connection is lost."""
        ...

    async def disconnect(self) -> None: ...

    async def dump(self) -> Dump: ...


class NodeEditor:
    """An editor in a Node process; connected."""

    def __init__(self, client: YjsClient) -> None:
        self._client = client

    async def edit(self, count: int) -> None:
        await self._client.run("for (let n = 0; n < args.count; n++) edit()", count=count)

    async def connect(self) -> None:
        await self._client.run("provider.connect()")

    async def disconnect(self) -> None:
        await self._client.run("provider.disconnect()")

    async def dump(self) -> Dump:
        return await self._client.get("dump()")


async def open_editor(node: NodeClients, editor: str, url: str, room: str, seed: int) -> NodeEditor:
    """The editor of ``EDITOR.mjs``, connected and synced."""
    client = await node.open(url, room, editor=editor, seed=seed)
    return NodeEditor(await client.synced())


async def fresh_dump(node: NodeClients, editor: str, url: str, room: str) -> Dump:
    """What somebody finds who has nothing and opens no editor."""
    client = await (await node.open(url, room, editor=editor, seed=None)).synced()
    return await client.get("dump()")
