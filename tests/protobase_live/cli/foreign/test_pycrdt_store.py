"""``copy pycrdt-store:PATH``, of files that pycrdt-store wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from pycrdt import Doc, Text
from pycrdt.store import SQLiteYStore

from tests.interop.stores.conftest import texts_at
from tests.protobase_live.cli.command import run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "ystore.db"


@pytest.fixture
def to(tmp_path: Path) -> str:
    """A folder that is not there yet."""
    return f"file:{tmp_path / 'to'}"


def typed(text: str) -> list[bytes]:
    """An update for each character."""
    doc, updates = Doc(), list[bytes]()
    target = doc.get("t", type=Text)
    for character in text:
        before = doc.get_state()
        target += character
        updates.append(doc.get_update(before))
    return updates


async def write(file: Path, room: str, updates: Sequence[bytes], checkpoint: int | None = None) -> None:
    """Let pycrdt-store write them."""

    class Store(SQLiteYStore):
        db_path = str(file)
        checkpoint_interval = checkpoint

    async with Store(room) as store:
        for update in updates:
            await store.write(update)


def change(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


async def test_rooms_are_copied_and_completed(file: Path, to: str) -> None:
    letters = typed("hello")
    await write(file, "notes", letters[:3])
    await write(file, "tasks", typed("x"))
    source = f"pycrdt-store:{file}"
    assert await run("copy", source, to) == (0, "2 collections: 2 copied and verified, 0 there already\n", "")
    await write(file, "notes", letters[3:])
    assert await run("copy", source, to) == (0, "2 collections: 1 copied and verified, 1 there already\n", "")
    assert await texts_at(to) == {"notes": "hello", "tasks": "x"}


async def test_what_a_checkpoint_has_alone_is_copied(file: Path, to: str) -> None:
    await write(file, "notes", typed("hello"), checkpoint=5)
    change(file, "DELETE FROM yupdates WHERE rowid <= 4")
    assert (await run("copy", f"pycrdt-store:{file}", to)).code == 0
    assert await texts_at(to) == {"notes": "hello"}


async def test_what_lacks_something_is_copied_and_waits_on(file: Path, to: str) -> None:
    letters = typed("abc")
    await write(file, "notes", [letters[0], letters[2]])
    source = f"pycrdt-store:{file}"
    ended = await run("copy", source, to)
    assert (ended.code, "a part of room 'notes' waits for what the store lacks" in ended.err) == (0, True)
    assert (await run("copy", source, to)).out == "1 collections: 0 copied and verified, 1 there already\n"
    await write(file, "notes", [letters[1]])
    assert (await run("copy", source, to)).code == 0
    assert await texts_at(to) == {"notes": "abc"}


async def test_a_room_that_the_target_has_otherwise_is_refused_alone(
    file: Path, tmp_path: Path, to: str
) -> None:
    other = tmp_path / "other.db"
    await write(other, "notes", typed("other"))
    assert (await run("copy", f"pycrdt-store:{other}", to)).code == 0
    await write(file, "notes", typed("hello"))
    await write(file, "tasks", typed("x"))
    ended = await run("copy", f"pycrdt-store:{file}", to)
    assert (ended.code, "collection 'notes' is not empty" in ended.err) == (1, True)
    assert await texts_at(to) == {"notes": "other", "tasks": "x"}


async def test_damaged_rows_and_odd_names_spoil_their_rooms_alone(file: Path, to: str) -> None:
    await write(file, "notes", typed("ab"))
    await write(file, "a//b", typed("x"))
    await write(file, "tasks", typed("x"))
    change(file, "UPDATE yupdates SET yupdate = x'010101' WHERE rowid = 2")
    ended = await run("copy", f"pycrdt-store:{file}", to)
    assert (ended.code, ended.out) == (1, "3 collections: 1 copied and verified, 0 there already\n")
    assert f"'{file}': row 2 of table 'yupdates', room 'notes'" in ended.err
    assert "a//b" in ended.err
    assert await texts_at(to) == {"tasks": "x"}


async def test_what_is_no_store(tmp_path: Path, to: str) -> None:
    missing, text, other, quoted = (tmp_path / name for name in ("missing", "text", "other", "quoted"))
    text.write_bytes(b"x" * 4096)
    for file in (other, quoted):
        change(file, "CREATE TABLE yupdates (path TEXT)")
    quoted.write_bytes(quoted.read_bytes().replace(b"CREATE", b"CREA\xd2E"))
    for file, program, wrong in (
        (missing, "pycrdt-store", f"there is no file '{missing}'"),
        (text, "pycrdt-store", f"cannot read '{text}': file is not a database"),
        (quoted, "pycrdt-store", f"cannot read '{quoted}': "),
        (other, "pycrdt-store", "is no store of pycrdt-store: its table 'yupdates' lacks yupdate"),
        (other, "hocuspocus-sqlite", "its table 'documents' is missing"),
    ):
        ended = await run("copy", f"{program}:{file}", to)
        assert (ended.code, wrong in ended.err) == (1, True)
