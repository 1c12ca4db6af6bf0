"""Group commit, the backlog, and what follows a failed write."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protobase_storage import FileStorage, StorageBusy, StorageError, StorageFull
from protobase_storage.conformance.model import make_commit, make_snapshot, perform_burst
from protobase_storage.heads import Heads


class Gate:
    """A step hook that stops the writer at the beginning of its next flush."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def __call__(self, step: str) -> None:
        if step == "append:begin":
            self.reached.set()
            assert self.open.wait(10)


@pytest.fixture
async def gate() -> Gate:
    return Gate()


@pytest.fixture
async def gated(tmp_path: Path, gate: Gate) -> AsyncIterator[FileStorage]:
    storage = await FileStorage.open(tmp_path, on_step=gate, backlog_limit=10_000)
    yield storage
    gate.open.set()
    await storage.close()


async def test_what_waits_shares_a_flush(gated: FileStorage, gate: Gate) -> None:
    first = gated.append([make_commit("a", 1)])
    await asyncio.to_thread(gate.reached.wait, 10)
    rest = [gated.append([make_commit("a", n)]) for n in range(2, 12)]
    gate.open.set()
    await asyncio.gather(first, *rest)
    stats = await gated.stats()
    assert (stats.commits, stats.flushes) == (11, 2)


async def test_beyond_the_backlog_limit_nothing_is_taken(gated: FileStorage, gate: Gate) -> None:
    first = gated.append([make_commit("a", 1, update=b"x" * 9_000)])
    refused = gated.append([make_commit("b", 1, update=b"x" * 9_000)])
    assert refused.done()
    with pytest.raises(StorageBusy, match="10000") as caught:
        await refused
    assert caught.value.retryable
    with pytest.raises(StorageBusy):
        await gated.compact(make_snapshot("b", {}, update=b"x" * 9_000))
    gate.open.set()
    await first
    await gated.append([make_commit("b", 1, update=b"x" * 90_000)])
    assert (await gated.stats()).backlog == 0


async def test_a_file_at_its_size_limit_refuses_and_goes_on(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path, max_bytes=200_000)
    await storage.append([make_commit("small", 1)])
    with pytest.raises(StorageFull) as caught:
        await storage.append([make_commit("small", 2), make_commit("big", 1, update=b"x" * 500_000)])
    assert caught.value.retryable
    with pytest.raises(StorageFull):
        await storage.compact(make_snapshot("small", {"node-a": 1}, update=b"x" * 3_000_000))
    await storage.append([make_commit("small", 2)])
    assert (await storage.load("small")).vector == {"node-a": 2}
    assert [info.name for info in await storage.list()] == ["small"]
    await storage.close()


async def test_a_snapshot_that_does_not_fit_leaves_the_room_that_there_was(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path, max_bytes=3_500_000)
    await storage.append([make_commit("a", 1)])
    for _ in range(2):
        with pytest.raises(StorageFull):
            await storage.compact(make_snapshot("a", {"node-a": 1}, update=b"x" * 5_000_000))
        await storage.compact(make_snapshot("b", {}, update=b"x" * 2_500_000))
        await storage.delete("b")
    assert (await storage.load("a")).vector == {"node-a": 1}
    await storage.close()


async def test_no_commit_is_stored_after_a_lost_one(tmp_path: Path) -> None:
    """Sent before the failure was known, the followers fail too; sent after, they count again."""
    gate = Gate()
    gate.open.set()
    storage = await FileStorage.open(tmp_path, on_step=gate, max_bytes=200_000)
    lost = storage.append([make_commit("a", 1, update=b"x" * 500_000), make_commit("b", 1)])
    gate.reached.clear()
    gate.open.clear()
    await asyncio.to_thread(gate.reached.wait, 10)
    followers = [storage.append([make_commit("a", 2)]), storage.append([make_commit("b", 2)])]
    other = storage.append([make_commit("c", 1)])
    gate.open.set()
    results = await asyncio.gather(lost, *followers, other, return_exceptions=True)
    assert [type(result) for result in results] == [StorageFull, StorageFull, StorageFull, type(None)]
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    await storage.append([make_commit("a", 2)])
    assert (await storage.load("a")).vector == {"node-a": 2}
    await storage.close()


async def test_nothing_follows_what_could_not_be_looked_up(
    gated: FileStorage, gate: Gate, monkeypatch
) -> None:
    """The collection's entry cannot be read for a moment; its next commit would leave a gap."""
    read, broken = Heads._read, [True]

    def read_or_fail(heads: Heads, name: str) -> object:
        if name == "a" and broken and broken.pop():
            raise StorageError("disk I/O error")
        return read(heads, name)

    monkeypatch.setattr(Heads, "_read", read_or_fail)
    first = gated.append([make_commit("x", 1)])
    await asyncio.to_thread(gate.reached.wait, 10)
    both = [gated.append([make_commit("a", n)]) for n in (1, 2)]
    gate.open.set()
    await first
    assert [str(error) for error in await asyncio.gather(*both, return_exceptions=True)] == [
        "disk I/O error"
    ] * 2
    await gated.append([make_commit("a", 1)])
    assert (await gated.load("a")).vector == {"node-a": 1}


async def test_a_write_ahead_log_that_cannot_be_looked_at_ends_nothing(tmp_path: Path, monkeypatch) -> None:
    look = os.stat

    def broken(path, *arguments, **options):
        if str(path).endswith("-wal"):
            raise OSError("Input/output error")
        return look(path, *arguments, **options)

    storage = await FileStorage.open(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", broken)
        for sequence in (1, 2):
            await storage.append([make_commit("a", sequence)])
    await storage.append([make_commit("a", 3)])


class OneByOne:
    """A step hook that lets the writer make one flush at a time."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)

    def __call__(self, step: str) -> None:
        if step == "append:begin":
            self.begun.release()
            assert self.allowed.acquire(timeout=10)

    async def wait(self) -> None:
        """The next flush begins, and what failed before is told."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=10)


async def test_hearing_of_one_failure_is_not_hearing_of_the_next(tmp_path: Path) -> None:
    """b is refused for what failed in a, and then fails by itself: who has heard only of the first fails."""
    flushes, large = OneByOne(), b"x" * 500_000
    storage = await FileStorage.open(tmp_path, on_step=flushes, max_bytes=200_000)
    told = [storage.append([make_commit("a", 1, update=large)])]
    await flushes.wait()
    for commits in ([make_commit("a", 2), make_commit("b", 1)], [make_commit("b", 2, update=large)]):
        told.append(storage.append(commits))
        flushes.allowed.release()
        await flushes.wait()
    told.append(storage.append([make_commit("b", 3)]))
    flushes.allowed.release(2)
    results = await asyncio.gather(*told, return_exceptions=True)
    assert [type(result) for result in results] == [StorageFull] * 4
    assert (await storage.load("b")).commits == ()
    await storage.close()


async def test_a_writer_that_breaks_answers_everybody(tmp_path: Path) -> None:
    def breaking(step: str) -> None:
        raise RuntimeError("broken on purpose")

    storage = await FileStorage.open(tmp_path, on_step=breaking)
    futures = [storage.append([make_commit("a", n)]) for n in range(1, 4)]
    for result in await asyncio.gather(*futures, return_exceptions=True):
        assert isinstance(result, StorageError)
    with pytest.raises(StorageError, match="broken on purpose"):
        await storage.append([make_commit("a", 9)])
    await storage.close()


async def test_a_cancelled_caller_harms_nobody(gated: FileStorage, gate: Gate) -> None:
    cancelled, kept = gated.append([make_commit("a", 1)]), gated.append([make_commit("a", 2)])
    cancelled.cancel()
    gate.open.set()
    await kept
    assert (await gated.load("a")).vector == {"node-a": 2}


async def test_the_log_is_bounded_and_space_is_used_again(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    sizes: list[int] = []
    for cycle in range(6):
        numbers = range(cycle * 100 + 1, cycle * 100 + 101)
        await perform_burst(storage, [[make_commit("a", n, update=b"x" * 10_000)] for n in numbers])
        await storage.compact(make_snapshot("a", {"node-a": numbers[-1]}, update=b"s" * 300_000))
        sizes.append((await storage.stats()).bytes)
    await storage.close()
    assert (tmp_path / "protobase.db").stat().st_size < 3_000_000
    assert max(sizes) < 12_000_000


async def test_an_error_that_nobody_foresaw_fails_all_that_waits_and_all_that_follows(
    gated: FileStorage, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Heads, commits: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Heads, "check", broken)
    first = gated.append([make_commit("a", 1)])
    await asyncio.to_thread(gate.reached.wait, 10)
    behind = gated.append([make_commit("b", 1)]), gated.compact(make_snapshot("c", {}))
    gate.open.set()
    for outcome in (first, *behind):
        with pytest.raises(StorageError, match="the storage's writer failed: ZeroDivisionError"):
            await outcome
    with pytest.raises(StorageError, match="the storage's writer failed"):
        await gated.append([make_commit("a", 1)])


async def test_nothing_is_written_into_a_file_that_was_removed(tmp_path: Path) -> None:
    """Until it is put back: then it goes on."""
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("a", 1)])
    for name in ("protobase.db", "protobase.db-wal"):
        (tmp_path / name).rename(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match=f"{name}' was removed or replaced; put it back"):
            await storage.append([make_commit("a", 2)])
        with pytest.raises(StorageError, match="was removed or replaced"):
            await storage.delete("a")
        assert (await storage.load("a")).vector == {"node-a": 1}
        (tmp_path / "elsewhere").rename(tmp_path / name)
    await storage.append([make_commit("a", 2)])
    await storage.close()
