"""``backup`` and ``restore``: everything that is stored, exactly, from and to storages and servers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_IMODE

import pytest
from pycrdt import Doc, Map, Text

import protobase_live as pb
from protobase_live.cli import backup
from protobase_live.database.opening import open_storage
from protobase_storage import Commit, Loaded, Part, Snapshot, Storage
from tests.protobase_live.cli.command import run
from tests.protobase_live.cli.test_transfer import odd_document


def gap() -> bytes:
    """An update that lacks what it builds on."""
    doc = Doc()
    text = doc.get("t", type=Text)
    text += "a"
    before = doc.get_state()
    text += "b"
    return doc.get_update(before)


ODD = {
    "tasks": Loaded(
        Snapshot("tasks", odd_document().get_update(), {"n/1": 3}, 5.5),
        (
            Commit("n/1", 4, "tasks", gap(), (Part("ann", (("records", "k"), ("t", None))),), 6.25),
            Commit("n/2", 5, "tasks", b"\x00\x00", (), 7.0),
        ),
        b"\x01\x05\x07",
    ),
    "boards/42": Loaded(None, (Commit("n", 1, "boards/42", odd_document().get_update(), (), 1.0),)),
    "bad": Loaded(None, (Commit("n", 1, "bad", b"\x01\x01\x01", (), 1.0),)),
    "a//b": Loaded(None, (Commit("n", 1, "a//b", b"\x00\x00", (), 1.0),)),
    "protobase:x": Loaded(None, (Commit("n", 1, "protobase:x", odd_document().get_update(), (), 1.0),)),
}
"""What is stored, also of what cannot be read or has a name that nobody can open."""


async def put(storage: Storage, name: str, stored: Loaded) -> None:
    await storage.delete(name, stored.remains)
    if stored.snapshot:
        await storage.compact(stored.snapshot)
    await storage.append(stored.commits)


async def stored_at(url: str) -> dict[str, Loaded]:
    storage = await open_storage(url, must_exist=True)
    try:
        return {each.name: await storage.load(each.name) for each in await storage.list()}
    finally:
        await storage.close()


@pytest.fixture
async def odd(tmp_path: Path) -> str:
    """A folder with all of `ODD`."""
    url = f"file:{tmp_path / 'odd'}"
    storage = await open_storage(url)
    for name, stored in ODD.items():
        await put(storage, name, stored)
    await storage.close()
    return url


@pytest.fixture
async def server() -> AsyncIterator[pb.Server]:
    """A server of an empty database."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        yield server


async def test_folders_come_back_exactly(odd: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "backup", f"file:{tmp_path / 'copy'}"
    assert await run("backup", odd, file) == (0, "", "")
    for _ in range(2):
        assert await run("restore", file, copy) == (0, "", "")
    assert await stored_at(copy) == ODD
    assert {path.name for path in tmp_path.iterdir()} == {"odd", "backup", "copy"}  # noqa: ASYNC240


async def test_servers_are_backed_up_and_restored_online(odd: str, tmp_path: Path, server: pb.Server) -> None:
    file, again, copy = tmp_path / "backup", tmp_path / "again", f"file:{tmp_path / 'copy'}"
    assert (await run("backup", odd, file)).code == 0
    for _ in range(2):
        assert await run("restore", file, server.url) == (0, "", "")
    assert await run("backup", server.url, again) == (0, "", "")
    assert await run("restore", again, copy) == (0, "", "")
    assert await stored_at(copy) == ODD


async def test_some_collections(odd: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "backup", f"file:{tmp_path / 'copy'}"
    assert await run("backup", odd, file, "tasks", "bad") == (0, "", "")
    assert await run("restore", file, copy, "tasks") == (0, "", "")
    assert await stored_at(copy) == {"tasks": ODD["tasks"]}
    ended = await run("restore", file, copy, "a//b")
    assert (ended.code, "has no collection 'a//b'" in ended.err) == (1, True)


async def test_one_that_fails_fails_alone(odd: str, tmp_path: Path) -> None:
    file, copy = tmp_path / "backup", f"file:{tmp_path / 'copy'}"
    assert (await run("backup", odd, file)).code == 0
    storage = await open_storage(copy)
    other = Commit("n", 1, "boards/42", b"\x00\x00", (), 2.0)
    await storage.append([other])
    await storage.close()
    ended = await run("restore", file, copy)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "collection 'boards/42' is not empty" in ended.err
    assert await stored_at(copy) == ODD | {"boards/42": Loaded(None, (other,))}


@pytest.mark.parametrize("damage", [lambda all: all[:-1], lambda all: all[:40], lambda all: all + b"x"])
async def test_a_file_that_is_not_whole_restores_nothing(odd: str, tmp_path: Path, damage) -> None:
    file, copy = tmp_path / "backup", tmp_path / "copy"
    assert (await run("backup", odd, file)).code == 0
    file.write_bytes(damage(file.read_bytes()))
    ended = await run("restore", file, f"file:{copy}")
    assert (ended.code, "nothing was restored" in ended.err) == (1, True)
    assert not copy.exists()


async def test_what_is_no_backup(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    for content in (b"", b"{}\n"):
        file.write_bytes(content)
        ended = await run("restore", file, f"file:{tmp_path / 'copy'}")
        assert (ended.code, "is no backup" in ended.err) == (1, True)


async def test_a_backup_that_fails_leaves_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(b"the last one")
    assert (await run("backup", "file:nosuch", file)).code == 1
    assert file.read_bytes() == b"the last one"


async def test_a_database_that_was_cut_to_nothing_leaves_the_last_one(odd: str, tmp_path: Path) -> None:
    file, database = tmp_path / "backup", tmp_path / "odd" / "protobase.db"
    file.write_bytes(b"the last one")
    database.write_bytes(b"")
    for command in (("backup", odd, file), ("info", odd)):
        ended = await run(*command)
        says = f"there is no database in {str(tmp_path / 'odd')!r} (protobase.db is empty)"
        assert ended == (1, "", f"error: {says}\n")
    assert (file.read_bytes(), database.read_bytes()) == (b"the last one", b"")


async def test_a_collection_that_is_not_there_leaves_the_last_one(odd: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(b"the last one")
    ended = await run("backup", odd, file, "tasks", "task")
    assert ended == (1, "", "error: there is no collection 'task'; did you mean 'tasks'?\n")
    assert file.read_bytes() == b"the last one"
    assert not list(tmp_path.glob("*.part"))  # noqa: ASYNC240


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@pytest.mark.parametrize("make", [make_pipe, make_link_to_a_pipe, Path.mkdir])
async def test_what_is_no_file_is_not_replaced(odd: str, tmp_path: Path, make) -> None:
    target = tmp_path / "target"
    make(target)
    before = {each.name: each.lstat().st_mode for each in tmp_path.iterdir()}  # noqa: ASYNC240
    ended = await run("backup", odd, target)
    assert ended == (1, "", f"error: {str(target)!r} is no file; a backup is written into one\n")
    assert {each.name: each.lstat().st_mode for each in tmp_path.iterdir()} == before  # noqa: ASYNC240


async def test_a_link_to_a_file_stays_one(odd: str, tmp_path: Path) -> None:
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to("folder/backup")
    for _ in range(2):
        assert await run("backup", odd, link) == (0, "", "")
        assert [each.name for each in folder.iterdir()] == ["backup"]
    assert link.is_symlink()
    assert await run("restore", link, f"file:{tmp_path / 'copy'}") == (0, "", "")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
async def test_a_backup_is_read_by_those_who_could_read_the_last_one(
    odd: str, tmp_path: Path, mode: int
) -> None:
    file = tmp_path / "backup"
    assert await run("backup", odd, file) == (0, "", "")
    assert S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(mode)
    assert await run("backup", odd, file) == (0, "", "")
    assert S_IMODE(file.stat().st_mode) == mode


async def test_a_backup_that_lacks_some_takes_the_place_of_none(tmp_path: Path) -> None:
    file, first, damaged = tmp_path / "backup", tmp_path / "first", tmp_path / "data"
    async with pb.open(f"file:{damaged}") as db:
        for name in ("tasks", "users"):
            await (await db.collection(name)).put({"n": 1}, key="k")
    with sqlite3.connect(damaged / "protobase.db") as connection:
        connection.execute(
            "UPDATE log SET checksum = 1 WHERE collection = (SELECT id FROM collections WHERE name = ?)",
            [b"tasks"],
        )
    file.write_bytes(b"the last one")
    ended = await run("backup", f"file:{damaged}", file)
    assert (ended.code, ended.err.count("\n")) == (1, 2)
    assert ended.err.startswith(f"note: {str(file)!r} is left as it was")
    assert file.read_bytes() == b"the last one"
    assert (await run("backup", f"file:{damaged}", first)).code == 1
    assert (await run("restore", first, f"file:{tmp_path / 'copy'}")).code == 0
    assert list(await stored_at(f"file:{tmp_path / 'copy'}")) == ["users"]
    assert {each.name for each in tmp_path.iterdir()} == {"backup", "first", "data", "copy"}  # noqa: ASYNC240


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_stopped_leaves_the_last_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    file = tmp_path / "backup"
    file.write_bytes(b"the last one")

    async def stopped(*given: object) -> None:
        with_default = signal.getsignal(number) is signal.SIG_DFL
        assert not with_default, "it would end the tests"
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    monkeypatch.setattr(backup, "_write", stopped)
    with pytest.raises(SystemExit) as ended:
        backup.backup("memory:", file, (), None)
    assert ended.value.code == 130
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]
    assert file.read_bytes() == b"the last one"


async def test_a_server_s_collections_can_be_deleted_and_exported(server: pb.Server) -> None:
    doc = Doc()
    doc.get("records", type=Map)["t"] = Map({"n": 1})
    line = {"collection": "tasks", "update": base64.b64encode(doc.get_update()).decode()}
    assert (await run("import", server.url, stdin=json.dumps(line))).code == 0
    exported = await run("export", server.url)
    assert json.loads(exported.out.splitlines()[0]) == line
    assert await run("delete", server.url, "tasks") == (0, "", "")
    assert await run("export", server.url) == (0, "", "")
    again = await run("import", server.url, stdin=json.dumps(line))
    assert (again.code, again.err) == (0, ""), "what was deleted can be imported again"
    assert (await run("export", server.url)).out == exported.out
    assert "no collection 'nosuch'" in (await run("delete", server.url, "nosuch")).err


async def test_a_pipe_is_no_backup(tmp_path: Path) -> None:
    file = "/proc/self/fd/0"
    ended = await run("restore", file, f"file:{tmp_path / 'copy'}", before=("env",))
    assert ended == (1, "", f"error: {file!r} is no file; a backup is read from one, more than once\n")
