from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.fixtures import server
from tests.support.yjs_node import INTEROP, NodeClients

__all__ = ["node", "server"]


@pytest.fixture
async def node() -> AsyncIterator[NodeClients]:
    """A Node process for providers of Hocuspocus and y-websocket."""
    async with NodeClients(INTEROP / "hocuspocus" / "client.mjs") as node:
        yield node
