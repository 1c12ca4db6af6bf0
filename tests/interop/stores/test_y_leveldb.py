"""``copy leveldb:PATH``, of folders that y-leveldb wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.stores.conftest import texts_at
from tests.protobase_live.cli.command import run
from tests.support.yjs_node import NodeClients, YjsClient

SMALL = {"writeBufferSize": 65536}
"""Options of LevelDB: the least that makes tables of a log."""

WRITE = """
for (let n = 0; n < args.times; n++) {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, args.text)
  await store.storeUpdate(args.room, Y.encodeStateAsUpdate(doc))
}
"""
"""Updates of many clients for one room."""

WRITE_MANY = """
const noise = n => Array.from({ length: 400 }, (_, i) => (i * i * (n + 7919) % 9973).toString(36)).join('')
const rooms = []
for (let n = 0; n < 400; n++) {
  const doc = new Y.Doc()
  doc.clientID = n + 1
  const room = `room ${n % 20}`
  doc.getText('t').insert(0, n % 2 ? noise(n) : 'like snow '.repeat(200))
  await store.storeUpdate(room, Y.encodeStateAsUpdate(doc))
}
await store.clearDocument('room 3')
await store.flushDocument('room 4')
await store.setMeta('room 5', 'kind', 'notes')
for (let n = 0; n < 20; n++) {
  const doc = await store.getYDoc(`room ${n}`)
  rooms.push([`room ${n}`, doc.getText('t').toString()])
}
await store.destroy()
return Object.fromEntries(rooms.filter(([, text]) => text))
"""
"""Enough for tables of several levels; a room that was deleted, and one that was flushed."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "level"


@pytest.fixture
async def store(node: NodeClients, folder: Path) -> YjsClient:
    """A store that is open in its own program."""
    return await node.open("", str(folder), kind="y-leveldb", level=SMALL)


async def test_what_is_in_the_log_is_copied(store: YjsClient, folder: Path, to: str) -> None:
    await store.run(WRITE, room="notes", text="a", times=3)
    await store.run(WRITE + "await store.destroy()", room="\N{GRINNING FACE}/2", text="b", times=1)
    before = contents(folder, "*")
    assert await run("copy", f"leveldb:{folder}", to) == (
        0,
        "2 collections: 2 copied and verified, 0 there already\n",
        "",
    )
    assert await texts_at(to) == {"notes": "aaa", "\N{GRINNING FACE}/2": "b"}
    assert contents(folder, "*") == before, "it is only read"


async def test_what_is_in_tables_is_copied(store: YjsClient, folder: Path, to: str) -> None:
    expected = await store.run(WRITE_MANY)
    tables = contents(folder, "*.ldb").values()
    assert len(tables) > 1
    assert not any(b"like snow " * 200 in table for table in tables), "snappy has been at work"
    source = f"leveldb:{folder}"
    assert (await run("copy", source, to)).out == "19 collections: 19 copied and verified, 0 there already\n"
    assert await texts_at(to) == expected
    assert (await run("copy", source, to)).out == "19 collections: 0 copied and verified, 19 there already\n"


async def test_a_store_that_is_open_is_not_read(store: YjsClient, folder: Path, to: str) -> None:
    await store.run(WRITE, room="notes", text="a", times=1)
    ended = await run("copy", f"leveldb:{folder}", to)
    assert (ended.code, "is open in another program: stop that first" in ended.err) == (1, True)


async def test_what_a_crash_cut_off_is_left_out(store: YjsClient, folder: Path, to: str) -> None:
    await store.run(WRITE, room="first", text="a", times=1)
    await store.run(WRITE + "await store.destroy()", room="second", text="b", times=1)
    ((log, content),) = contents(folder, "*.log").items()
    log.write_bytes(content[:-3])
    ended = await run("copy", f"leveldb:{folder}", to)
    assert (ended.code, ended.err) == (0, "")
    assert await texts_at(to) == {"first": "a"}


async def test_a_damaged_log_is_named(store: YjsClient, folder: Path, to: str) -> None:
    await store.run(WRITE + "await store.destroy()", room="notes", text="damage me", times=2)
    (log,) = contents(folder, "*.log")
    damage(log, b"damage me")
    ended = await run("copy", f"leveldb:{folder}", to)
    assert "the checksum of this record is wrong" in ended.err, ended


async def test_a_damaged_table_is_named_and_spoils_its_rooms_alone(
    store: YjsClient, folder: Path, to: str
) -> None:
    expected = await store.run(WRITE_MANY)
    tables = contents(folder, "*.ldb")
    table = max(tables, key=lambda path: len(tables[path]))
    damage(table, tables[table][100:140])
    ended = await run("copy", f"leveldb:{folder}", to)
    assert (ended.code, f"'{table}', byte 0: the checksum of this block is wrong" in ended.err) == (1, True)
    copied = await texts_at(to)
    assert copied
    assert copied.items() < expected.items()


async def test_a_manifest_that_is_not_whole_ends_it(store: YjsClient, folder: Path, to: str) -> None:
    await store.run(WRITE + "await store.destroy()", room="notes", text="a", times=1)
    (manifest,) = contents(folder, "MANIFEST-*")
    damage(manifest, b"leveldb.Byte")
    ended = await run("copy", f"leveldb:{folder}", to)
    assert (ended.code, f"'{manifest}', byte 0: the checksum" in ended.err) == (1, True)


async def test_what_is_no_leveldb(tmp_path: Path, to: str) -> None:
    ended = await run("copy", f"leveldb:{tmp_path}", to)
    assert (ended.code, "it has no file CURRENT" in ended.err) == (1, True)
    ended = await run("copy", "leveldb:", to)
    assert (ended.code, "names no file; write leveldb:PATH" in ended.err) == (1, True)


def contents(folder: Path, pattern: str) -> dict[Path, bytes]:
    """The files of a folder that are called so."""
    return {path: path.read_bytes() for path in folder.glob(pattern)}


def damage(file: Path, at: bytes) -> None:
    """Change a bit of the first place with these bytes."""
    content = bytearray(file.read_bytes())
    content[content.index(at)] ^= 1
    file.write_bytes(content)
