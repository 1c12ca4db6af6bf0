"""``copy hocuspocus-sqlite:PATH``, of files that Hocuspocus wrote."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.interop.stores.conftest import texts_at
from tests.protobase_live.cli.command import run
from tests.support.yjs_node import NodeClients, YjsClient


class Written:
    """A file, and the server that writes it."""

    def __init__(self, path: Path, client: YjsClient) -> None:
        self.path = path
        self._client = client

    async def insert(self, room: str, text: str) -> None:
        await self._client.run(
            "await store.write(args.room, doc => { doc.getText('t').insert(0, args.text) })",
            room=room,
            text=text,
        )


@pytest.fixture
async def hocuspocus(node: NodeClients, tmp_path: Path) -> Written:
    """A file with two rooms."""
    path = tmp_path / "documents.sqlite"
    written = Written(path, await node.open("", str(path), kind="hocuspocus"))
    await written.insert("notes", "hello")
    await written.insert("tasks/1", "\N{GRINNING FACE} done")
    return written


async def test_rooms_are_copied_and_completed(hocuspocus: Written, to: str) -> None:
    source = f"hocuspocus-sqlite:{hocuspocus.path}"
    assert await run("copy", source, to) == (0, "2 collections: 2 copied and verified, 0 there already\n", "")
    assert await texts_at(to) == {"notes": "hello", "tasks/1": "\N{GRINNING FACE} done"}
    await hocuspocus.insert("notes", "oh, ")
    assert await run("copy", source, to) == (0, "2 collections: 1 copied and verified, 1 there already\n", "")
    assert (await texts_at(to))["notes"] == "oh, hello"
    assert (await run("copy", source, to)).out == "2 collections: 0 copied and verified, 2 there already\n"


async def test_a_damaged_row_is_named_and_spoils_its_room_alone(hocuspocus: Written, to: str) -> None:
    with closing(sqlite3.connect(hocuspocus.path)) as connection, connection:
        connection.execute("UPDATE documents SET data = x'010101' WHERE name = 'notes'")
        connection.execute("INSERT INTO documents VALUES ('none', 'text')")
    ended = await run("copy", f"hocuspocus-sqlite:{hocuspocus.path}", to)
    assert (ended.code, ended.out) == (1, "3 collections: 1 copied and verified, 0 there already\n")
    assert "row 1 of table 'documents', room 'notes'" in ended.err
    assert "row 3 of table 'documents' holds str" in ended.err
    assert ended.err.count(str(hocuspocus.path)) == 2
    assert set(await texts_at(to)) == {"tasks/1"}
