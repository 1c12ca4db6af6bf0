"""A lock belongs to the process that took it, not to those that it forks."""

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protobase_storage import StorageLocked
from protobase_storage.lock import FolderLock


def test_a_lock_that_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(OSError, match="too large") as full:
            FolderLock(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    FolderLock(tmp_path).release()
    assert full.tb is not None, "which has everything that the failed attempt had"


def forked(work: Callable[[], None]) -> int:
    """A child that does its work and ends, without anything of the test."""
    if child := os.fork():
        return child
    try:
        work()
    finally:
        os._exit(0)


def waiting_for(reading: int, writing: int) -> Callable[[], None]:
    """What a child does that lives as long as nobody closes the other end."""

    def wait() -> None:
        os.close(writing)
        os.read(reading, 1)

    return wait


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Closed in the end, whatever happens: the children end with it."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(writing)
    os.close(reading)


def test_a_child_keeps_no_lock_of_its_parent(tmp_path: Path, pipe: tuple[int, int]) -> None:
    lock = FolderLock(tmp_path)
    forked(waiting_for(*pipe))
    with pytest.raises(StorageLocked, match="held by this process"):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()


def test_a_child_that_outlives_its_parent_keeps_no_lock(tmp_path: Path, pipe: tuple[int, int]) -> None:
    def parent() -> None:
        lock = FolderLock(tmp_path)
        reading, writing = os.pipe()

        def child() -> None:
            os.write(writing, b"!")
            waiting_for(*pipe)()

        forked(child)
        os.read(reading, 1)  # until the child runs it has the lock, which would outlive this process
        assert lock

    os.waitpid(forked(parent), 0)  # it ends without letting go
    FolderLock(tmp_path).release()


def test_a_child_does_not_let_go_of_its_parents_lock(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    os.waitpid(forked(lock.release), 0)
    with pytest.raises(StorageLocked):
        FolderLock(tmp_path)
    lock.release()
