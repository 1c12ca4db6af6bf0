"""What `FileStorage.open` accepts and refuses, and how it says so."""

import asyncio
import errno
import os
import random
import re
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from protobase_storage import CollectionCorrupt, FileStorage, StorageError, StorageFormatError, StorageLocked
from protobase_storage.conformance.model import make_commit, make_snapshot, perform_burst, read_state
from protobase_storage.sqlite_schema import MAX_PATH_BYTES

PAGE = 4096


async def test_makes_the_folder_and_its_parents(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path / "a" / "b")
    await storage.close()
    names = {"protobase.db", "protobase.lock", "protobase.reserve"}
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == names


def damage_words(path: Path) -> None:
    """Of the table of logs, so that SQLite quotes in its messages what is no text."""
    connection = sqlite3.connect(path, isolation_level=None)
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = CAST(X'435245415445d2' AS TEXT) WHERE name = 'log'")
    connection.execute(f"PRAGMA schema_version = {version + 1}")  # who has it open reads it again
    connection.close()


async def test_damage_that_sqlite_quotes(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.close()
    damage_words(tmp_path / "protobase.db")
    with pytest.raises(StorageFormatError, match="is no database: malformed database schema"):
        await FileStorage.open(tmp_path)


async def test_damage_that_sqlite_quotes_while_the_file_is_open(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("tasks", 1)])
    damage_words(tmp_path / "protobase.db")
    for deed in (storage.load("tasks"), storage.list(), storage.stats(), storage.delete("tasks")):
        with pytest.raises(StorageError):
            await deed
    with pytest.raises(StorageError, match="malformed"):
        await storage.append([make_commit("tasks", 2)])
    await storage.close()


async def test_who_is_cancelled_while_it_opens_leaves_it_free(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make_identity() -> str:
        begun.set()
        go_on.wait()
        return "a" * 12

    opening = asyncio.create_task(FileStorage.open(tmp_path, make_identity=make_identity))
    await asyncio.to_thread(begun.wait)
    opening.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    storage = await FileStorage.open(tmp_path)
    await storage.close()


async def test_what_it_makes_is_durable_before_anything_is_stored(tmp_path: Path, monkeypatch) -> None:
    """A power failure takes away what is new in a folder that was not flushed."""
    flushed: dict[int, set[str]] = {}
    flush = os.fsync

    def noted(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            flushed[os.fstat(descriptor).st_ino] = set(os.listdir(descriptor))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    storage = await FileStorage.open(tmp_path / "a" / "b" / "c")
    for folder, made in (("", "a"), ("a", "b"), ("a/b", "c"), ("a/b/c", "protobase.db")):
        assert made in flushed[(tmp_path / folder).stat().st_ino], folder
    await storage.close()


async def test_a_folder_that_was_made_shortly_before_is_made_durable_too(tmp_path: Path, monkeypatch) -> None:
    """By a process that ended before it could."""
    (tmp_path / "a").mkdir()
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    await (await FileStorage.open(tmp_path / "a")).close()
    assert os.stat(tmp_path).st_ino in flushed


async def test_a_folder_that_cannot_be_flushed_is_not_used(tmp_path: Path, monkeypatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StorageError, match="Input/output error"):
            await FileStorage.open(tmp_path / "a")
    await (await FileStorage.open(tmp_path / "a")).close()  # the lock was let go


async def test_the_identity_is_made_once(tmp_path: Path) -> None:
    for made in ("0123456789ab", "ffffffffffff"):
        storage = await FileStorage.open(tmp_path, make_identity=lambda made=made: made)
        assert storage.identity == "0123456789ab"
        await storage.close()


async def test_names_the_folder_and_the_holder(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    with pytest.raises(StorageLocked, match=f"{tmp_path}.* is held by this process"):
        await FileStorage.open(tmp_path)
    await storage.close()


async def test_refuses_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="file"):
            await FileStorage.open(place)


@pytest.mark.parametrize("content", [b"hello, I am no database" * 100, b"\x00" * 5000])
async def test_refuses_what_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "protobase.db").write_bytes(content)
    with pytest.raises(StorageFormatError, match=r"protobase\.db"):
        await FileStorage.open(tmp_path)
    assert (tmp_path / "protobase.db").read_bytes() == content


async def test_refuses_other_peoples_databases(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "protobase.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    for _ in range(2):  # the lock is let go
        with pytest.raises(StorageFormatError, match="not one of ProtoBase"):
            await FileStorage.open(tmp_path)


async def test_refuses_formats_it_does_not_know(tmp_path: Path) -> None:
    await (await FileStorage.open(tmp_path)).close()
    with sqlite3.connect(tmp_path / "protobase.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    connection.close()
    with pytest.raises(StorageFormatError, match="format 99; this release knows 1"):
        await FileStorage.open(tmp_path)


async def fill(place: Path) -> None:
    """Five collections of some pages each."""
    storage = await FileStorage.open(place)
    for name in ("c0", "c1", "c2", "c3", "c4"):
        await perform_burst(storage, [[make_commit(name, n)] for n in range(1, 80)])
        await storage.compact(make_snapshot(name, {"node-a": 20}, update=name.encode() * 2000))
    await storage.close()


async def test_a_destroyed_page_leaves_the_other_collections(tmp_path: Path) -> None:
    await fill(tmp_path)
    file = tmp_path / "protobase.db"
    content = file.read_bytes()
    page = content.index(b"<c2:node-a:50>") // PAGE * PAGE
    file.write_bytes(content[:page] + b"\xff" * PAGE + content[page + PAGE :])
    storage = await FileStorage.open(tmp_path)
    with pytest.raises(CollectionCorrupt, match="'c2'"):
        await storage.load("c2")
    for name in ("c0", "c4"):
        assert len((await storage.load(name)).commits) == 59
    infos = await storage.list()
    assert [info.name for info in infos] == ["c0", "c1", "c2", "c3", "c4"]
    assert "damaged" in (infos[2].corrupt or "")
    await storage.append([make_commit("c0", 80), make_commit("new", 1)])
    await storage.close()


async def test_a_damaged_catalogue_never_shows_a_collection_as_empty(tmp_path: Path) -> None:
    await fill(tmp_path)
    file = tmp_path / "protobase.db"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE collections SET name = CAST('cX' AS BLOB) WHERE name = CAST('c3' AS BLOB)")
    connection.close()
    storage = await FileStorage.open(tmp_path)
    for name in ("c3", "cX"):
        with pytest.raises(CollectionCorrupt):
            await storage.load(name)
        with pytest.raises(CollectionCorrupt):
            await storage.append([make_commit(name, 100)])
    assert len((await storage.load("c4")).commits) == 59
    assert [info.corrupt is None for info in await storage.list()] == [True, True, True, True, False]
    await storage.close()


@pytest.mark.parametrize("seed", range(4))
async def test_no_flipped_bit_loads_as_something_else(tmp_path: Path, seed: int) -> None:
    await fill(tmp_path)
    storage = await FileStorage.open(tmp_path)
    expected = await read_state(storage)
    await storage.close()
    file = tmp_path / "protobase.db"
    content = file.read_bytes()
    choice = random.Random(seed)
    for turn in range(30):
        # every other turn in a page's header, where a row is lost without being damaged
        page = choice.randrange(len(content) // PAGE) * PAGE
        place = page + choice.randrange(12 if turn % 2 else PAGE)
        damaged = bytearray(content)
        damaged[place] ^= 1 << choice.randrange(8)
        file.write_bytes(damaged)
        await check_loads(tmp_path, expected, place)
        for leftover in ("protobase.db-wal", "protobase.db-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)


async def check_loads(place: Path, expected: object, where: int) -> None:
    """Every collection is as expected, or an error."""
    assert isinstance(expected, dict)
    try:
        storage = await FileStorage.open(place)
    except StorageError:
        return
    for name, state in expected.items():
        try:
            loaded = await storage.load(name)
        except CollectionCorrupt:
            continue
        assert loaded == state, (name, where)
    await storage.close()


async def test_a_database_that_may_not_be_written_is_for_reading_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite opens one all the same."""
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("a", 1)])
    await storage.close()
    make = sqlite3.connect

    def connect_to_read(path: Path, **options: object) -> sqlite3.Connection:
        return make(f"file:{path}?mode=ro", uri=True, **options)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect_to_read)
        said = re.escape(f"'{tmp_path}/protobase.db', or a file beside it, may not be written by user ")
        with pytest.raises(StorageError, match=said + r"\d+: change its owner or mode"):
            await FileStorage.open(tmp_path)
        storage = await FileStorage.open(tmp_path, read_only=True)
        assert (await storage.load("a")).vector == {"node-a": 1}
        await storage.close()
    await (await FileStorage.open(tmp_path)).close()


async def test_a_database_that_may_not_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "protobase.db").mkdir()
    with pytest.raises(StorageError, match=r"/protobase\.db' cannot be opened by user \d+: unable"):
        await FileStorage.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("file", "/file' is a file; the database needs a folder"),
        ("dangling", "/dangling' is a link to 'nowhere', which is no folder"),
        ("dangling/below", "/dangling' is a link to 'nowhere', which is no folder"),
        ("loop", "/loop' is a link to 'loop', which is no folder"),
        ("loop/below", "Too many levels of symbolic links"),
        ("link", "/link' is a link to 'file', which is no folder"),
    ],
)
async def test_what_is_in_place_of_the_folder_is_told(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "file").touch()
    for link, target in (("dangling", "nowhere"), ("loop", "loop"), ("link", "file")):
        (tmp_path / link).symlink_to(target)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(StorageError, match=told):
        await FileStorage.open(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == before


def folder_with_a_path_of(database_bytes: int, above: Path) -> Path:
    """One whose database has a path of so many bytes."""
    rest = database_bytes - len(os.fsencode(above.resolve())) - len("/protobase.db")
    names = ["x" * 99] * (rest // 100)
    return above.joinpath(*names, "y" * (rest % 100 - 1))


async def test_a_path_that_sqlite_does_not_open_is_told_before_anything_is_made(tmp_path: Path) -> None:
    await (await FileStorage.open(folder_with_a_path_of(MAX_PATH_BYTES, tmp_path))).close()
    above = tmp_path / "long"
    folder = folder_with_a_path_of(MAX_PATH_BYTES + 1, above)
    with pytest.raises(StorageError, match="its database has 505 bytes; SQLite opens 504 at most"):
        await FileStorage.open(folder)
    assert not above.exists()
