"""``copy``: a database exactly, completed when it is run again, and read again at its end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.progress import Progress

import protobase_live as pb
from protobase_live.cli.copy import carry
from protobase_live.cli.histories import HistorySource
from protobase_live.cli.places import StoragePlace
from protobase_live.collection import put_back
from protobase_live.collection.former import FIRST, Former, history_of
from protobase_live.database.opening import open_storage
from protobase_live.errors import StorageFailed
from protobase_storage import Commit, Loaded, MemoryStorage, Snapshot, StorageError
from tests.protobase_live.cli.command import COMMAND, run, running, stop
from tests.protobase_live.cli.test_backup import ODD, put, stored_at

GONE = Former().remains({2**30: 5}, FIRST.next("g"))
"""What the deletion of a collection left."""

ALL = len(ODD) + 1
"""How many collections there are, with the one that was deleted."""


def said(copied: int, there: int) -> str:
    """What is said at the end."""
    return f"{copied + there} collections: {copied} copied and verified, {there} there already\n"


@pytest.fixture
async def odd(tmp_path: Path) -> str:
    """A folder with all of `ODD`, and what is left of a deleted collection."""
    url = f"file:{tmp_path / 'odd'}"
    storage = await open_storage(url)
    await fill(storage)
    await storage.close()
    return url


@pytest.fixture
def to(tmp_path: Path) -> str:
    """A folder that is not there yet."""
    return f"file:{tmp_path / 'to'}"


@pytest.fixture
async def server() -> AsyncIterator[pb.Server]:
    """A server of an empty database."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        yield server


async def fill(storage) -> None:
    for name, stored in ODD.items():
        await put(storage, name, stored)
    await storage.delete("gone", GONE)


async def append(url: str, *commits: Commit) -> None:
    storage = await open_storage(url)
    await storage.append(commits)
    await storage.close()


async def remains_at(url: str, name: str) -> bytes:
    storage = await open_storage(url, must_exist=True)
    try:
        return (await storage.load(name)).remains
    finally:
        await storage.close()


def empty_commit(name: str, sequence: int) -> Commit:
    return Commit("n", sequence, name, b"\x00\x00", (), 2.0)


async def test_all_of_a_folder_is_copied_exactly_and_nothing_twice(odd: str, to: str) -> None:
    assert await run("copy", odd, to) == (0, said(ALL, 0), "")
    assert await stored_at(to) == ODD
    assert await remains_at(to, "gone") == GONE
    assert await run("copy", odd, to) == (0, said(0, ALL), "")
    assert await stored_at(to) == ODD


async def test_only_what_changed_is_copied_again(odd: str, to: str) -> None:
    assert (await run("copy", odd, to)).code == 0
    await append(odd, empty_commit("boards/42", 2), empty_commit("boards/43", 1))
    assert await run("copy", odd, to) == (0, said(2, ALL - 1), "")
    assert await stored_at(to) == await stored_at(odd)


async def test_what_was_folded_since_is_folded_in_the_copy(odd: str, to: str) -> None:
    assert (await run("copy", odd, to)).code == 0
    storage = await open_storage(odd)
    (commit,) = ODD["boards/42"].commits
    await storage.compact(Snapshot("boards/42", commit.update, {"n": 1}, 3.0))
    await storage.append([empty_commit("boards/42", 2)])
    await storage.close()
    assert await run("copy", odd, to) == (0, said(1, ALL - 1), "")
    assert await stored_at(to) == await stored_at(odd)


async def test_the_copy_is_another_node(odd: str, to: str) -> None:
    assert (await run("copy", odd, to)).code == 0
    identities = set[str]()
    for url in (odd, to):
        storage = await open_storage(url)
        identities.add(storage.identity)
        await storage.close()
    assert len(identities) == 2


async def test_servers_are_copied_from_and_to(odd: str, to: str, server: pb.Server) -> None:
    for number in (ALL, 0):
        assert await run("copy", odd, server.url) == (0, said(number, ALL - number), "")
    assert await run("copy", server.url, to) == (0, said(len(ODD), 0), "")
    assert await stored_at(to) == ODD


async def test_what_the_target_has_beside_is_left_alone(odd: str, to: str) -> None:
    other = empty_commit("other", 1)
    await append(to, other)
    assert (await run("copy", odd, to)).code == 0
    assert await stored_at(to) == ODD | {"other": Loaded(None, (other,))}


async def test_a_collection_with_another_history_is_refused_alone(odd: str, to: str) -> None:
    others = empty_commit("boards/42", 1), empty_commit("gone", 1)
    await append(to, *others)
    ended = await run("copy", odd, to)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert ended.out == f"{ALL} collections: {ALL - 2} copied and verified, 0 there already\n"
    assert f"2 of {ALL} collections are not copied" in ended.err
    assert all(f"collection {each.collection!r} is not empty" in ended.err for each in others)
    assert await stored_at(to) == ODD | {each.collection: Loaded(None, (each,)) for each in others}


async def test_a_deletion_that_is_older_than_that_of_the_target_changes_nothing(odd: str, to: str) -> None:
    storage = await open_storage(to)
    later = Former().remains({2**30: 5}, FIRST.next("g").next("h"))
    await storage.delete("gone", later)
    await storage.close()
    assert (await run("copy", odd, to)).code == 0
    assert await remains_at(to, "gone") == later
    assert history_of(later) > history_of(GONE)


class Odd(MemoryStorage):
    """Fails at the append with the number `fails_at`, and loads another snapshot than `spoils` has."""

    def __init__(self, fails_at: int = 0, spoils: str = "") -> None:
        super().__init__()
        self.fails_at = fails_at
        self.spoils = spoils

    def append(self, commits):
        self.fails_at -= 1
        if self.fails_at == 0:
            raise StorageError("the disk is gone")
        return super().append(commits)

    async def load(self, collection: str) -> Loaded:
        stored = await super().load(collection)
        is_spoilt = collection == self.spoils and stored.snapshot
        return Loaded(Snapshot(collection, b"\x00\x00", {"n": 1}, 1.0), ()) if is_spoilt else stored


async def carry_into(storage: MemoryStorage, source: MemoryStorage) -> tuple[int, int, str]:
    """How many collections were copied and were there, and what went wrong."""
    carried, failures = await carry(
        HistorySource(StoragePlace(source)), StoragePlace(storage), Progress(disable=True)
    )
    try:
        failures.check("copied")
    except StorageFailed as error:
        return carried.verified, carried.there, str(error)
    return carried.verified, carried.there, ""


@pytest.mark.parametrize("step", range(1, 6))
async def test_what_was_interrupted_is_completed(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(put_back, "APPEND_BYTES", 1)  # one commit at a time
    source, target = MemoryStorage(), Odd(fails_at=step)
    await fill(source)
    copied, _, wrong = await carry_into(target, source)
    assert (copied, "the disk is gone" in wrong) == (ALL - 1, True)
    assert await carry_into(target, source) == (1, ALL - 1, "")
    assert {name: await target.load(name) for name in ODD} == ODD


async def test_verifying_finds_what_is_not_stored_as_it_was_read() -> None:
    source, target = MemoryStorage(), Odd(spoils="tasks")
    await fill(source)
    copied, _, wrong = await carry_into(target, source)
    assert (copied, wrong) == (ALL - 1, "what is stored of collection 'tasks' is not what was read of it")


async def test_a_database_is_not_copied_into_itself(odd: str, tmp_path: Path) -> None:
    ended = await run("copy", odd, odd)
    assert (ended.code, "cannot be copied into itself" in ended.err) == (1, True)
    again = await run("copy", odd, f"file:{tmp_path}/./odd")
    assert (again.code, "is held by this process" in again.err) == (1, True)
    assert await stored_at(odd) == ODD


async def test_what_is_not_there_is_not_copied(to: str, tmp_path: Path) -> None:
    ended = await run("copy", f"file:{tmp_path / 'nosuch'}", to)
    assert (ended.code, "nosuch" in ended.err) == (1, True)
    assert sorted(os.listdir(tmp_path)) == []


async def test_ctrl_c_breaks_it_off() -> None:
    asked = asyncio.Event()

    async def say_nothing(reader, writer):
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        async with running("copy", url, "memory:") as process:
            await asked.wait()
            assert await stop(process, signal.SIGINT) == (130, "", "")


async def test_a_terminal_is_shown_how_far_it_is(odd: str, to: str) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), "copy", odd, to, stderr=theirs, stdout=-3, env=environment
    )
    os.close(theirs)
    shown = await asyncio.to_thread(read_all, ours)
    assert await process.wait() == 0
    assert all(each in shown for each in ("copying", "verifying", f"{ALL}/{ALL}"))


def read_all(terminal: int) -> str:
    """What a terminal shows until its program ends."""
    parts = list[bytes]()
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(terminal)
    return b"".join(parts).decode(errors="replace")
