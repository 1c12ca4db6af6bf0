"""A process whose disk takes what is written and fails to flush it, from some moment to its end.

Run as ``python -m tests.support.failing_flushes FOLDER DEED END``: it stores something, does a deed of
`DEEDS` while no flush succeeds, says what became of that, and ends by SIGKILL (``kill``) or in order
(``close``). The kernel itself refuses, for this process alone, who need not be root; where it cannot be told
to do so (seccomp), the tests fail if ``CI`` is "true", and are skipped, saying so, if it is not.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from protobase_storage import FileStorage, StorageError
from protobase_storage.conformance.model import make_commit, make_snapshot

CALLS = {"x86_64": (317, 74, 75), "aarch64": (277, 82, 83)}
"""The numbers of the system calls seccomp, fsync and fdatasync, by machine."""

FORBIDDEN = 77
"""The exit code where the kernel cannot be told to refuse."""

LARGE = b"x" * 50_000
"""Many pages."""

DEEDS: dict[str, Callable[[FileStorage], Awaitable[None]]] = {
    "append": lambda storage: storage.append([make_commit("a", 2)]),
    "append much": lambda storage: storage.append([make_commit("a", 2, update=LARGE), make_commit("b", 1)]),
    "compact": lambda storage: storage.compact(make_snapshot("a", {"node-a": 9})),
    "delete": lambda storage: storage.delete("a", b"remains"),
    "erase": lambda storage: storage.erase("a"),
}


def refused(folder: Path, deed: str, end: str) -> str:
    """What the process said; ``end`` is ``kill`` or ``close``."""
    command = [sys.executable, "-m", "tests.support.failing_flushes", str(folder), deed, end]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if ended.returncode == FORBIDDEN:
        said = f"the kernel cannot be told to refuse flushes (seccomp): {ended.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    assert ended.returncode == (-signal.SIGKILL if end == "kill" else 0), ended.stderr
    return ended.stdout


def fail_flushes() -> None:
    """From now on the kernel answers EIO to whatever thread of this process flushes. Raises OSError."""
    seccomp, *flushes = CALLS.get(platform.machine(), (0,))
    if not seccomp:
        raise OSError(errno.ENOSYS, f"not known for {platform.machine()}")
    load, jump, answer, allow = 0x20, 0x15, 0x06, 0x7FFF0000
    program = b"".join(
        struct.pack("HBBI", *step)
        for step in (
            (load, 0, 0, 0),
            (jump, 1, 0, flushes[0]),
            (jump, 0, 1, flushes[1]),
            (answer, 0, 0, 0x50000 | errno.EIO),
            (answer, 0, 0, allow),
        )
    )
    kept = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, by_filter, all_threads = 38, 1, 1
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.syscall(seccomp, by_filter, all_threads, filter_):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


async def _main(folder: str, deed: str, end: str) -> None:
    storage = await FileStorage.open(folder)
    await storage.append([make_commit("a", 1)])
    try:
        fail_flushes()
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(FORBIDDEN)
    try:
        await DEEDS[deed](storage)
    except StorageError as error:
        print(error, flush=True)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    await storage.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
