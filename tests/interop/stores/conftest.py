"""The programs whose stores are copied, and their documents where they come to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from pycrdt import Doc, Text

from tests.protobase_live.cli.test_backup import stored_at
from tests.support.yjs_node import INTEROP, NodeClients


@pytest.fixture
async def node() -> AsyncIterator[NodeClients]:
    """A Node process that has y-leveldb and Hocuspocus."""
    async with NodeClients(INTEROP / "stores" / "writer.mjs") as node:
        yield node


@pytest.fixture
def to(tmp_path: Path) -> str:
    """A folder that is not there yet."""
    return f"file:{tmp_path / 'to'}"


async def texts_at(url: str) -> Mapping[str, str]:
    """The text ``t`` of each collection of a storage."""
    found = dict[str, str]()
    for name, stored in (await stored_at(url)).items():
        doc = Doc()
        for update in stored.updates:
            doc.apply_update(update)
        found[name] = str(doc.get("t", type=Text))
    return found
