"""Fixtures that start real parts; a ``conftest.py`` imports those it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A running server on a fresh folder."""
    async with ServerProcess(tmp_path / "data") as server:
        yield server


@pytest.fixture
async def node() -> AsyncIterator[NodeClients]:
    """A Node process for Yjs clients."""
    async with NodeClients() as node:
        yield node
