"""A file system of a few MB, which a server can fill up; no one else sees it, and nobody has to be root.

It is a `tmpfs` in a mount namespace of its own, which a process holds. Where such namespaces are forbidden,
the tests that need it fail if ``CI`` is "true", and are skipped, saying so, if it is not.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.server_process import SERVE

_HOLD = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat'
"""Mount, say so, and live until the standard input ends."""

_READ_ONLY = "{{ mount --bind {0} {0} && mount -o remount,bind,ro {0} || mount -t tmpfs -o ro none {0}; }}"
"""What is in a folder can be read, or, where it has flags that only its owner may change, is not there."""

MIB = 1024 * 1024


class SmallFileSystem:
    """One mounted at ``folder``, for those alone who are started by `command`; a context manager."""

    def __init__(self, folder: Path, size: int = 4 * MIB) -> None:
        """``folder`` is there and empty; ``size`` is in bytes."""
        self.folder = folder
        self._size = size

    def __enter__(self) -> SmallFileSystem:
        self._holder = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c", _HOLD, "sh", str(self._size), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != b"mounted\n":
            _do_without(self._holder.stderr.read().decode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder.kill()
        self._holder.wait()

    @property
    def command(self) -> tuple[str, ...]:
        """``protobase-live serve``, where this is mounted."""
        return (*self._enter, *SERVE)

    def run(self, *command: str) -> str:
        """What a program prints that has this, and no folder for temporary files that can be written to."""
        read_only = [_READ_ONLY.format(folder) for folder in ("/tmp", "/var/tmp")]
        shell = " && ".join([*read_only, "cd /tmp", 'exec "$@"'])
        entered = (*self._enter, "unshare", "-m", "sh", "-c", shell, "sh", *command)
        return subprocess.run(entered, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout

    @property
    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", "--preserve-credentials", "-U", "-m", "-t", str(self._holder.pid), "--")

    def seen(self, name: str) -> Path:
        """A file of it, as it is seen from outside."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}") / name

    def free(self) -> int:
        """Bytes that are left."""
        state = os.statvfs(self.seen("."))
        return state.f_bavail * state.f_frsize

    def fill(self) -> None:
        """Let somebody else take all that is left."""
        with self.seen("ballast").open("ab") as file:
            if left := self.free():
                os.posix_fallocate(file.fileno(), 0, left)

    def make_read_only(self) -> None:
        """As the kernel does with a disk that fails."""
        subprocess.run([*self._enter, "mount", "-o", "remount,ro", str(self.folder)], check=True)

    def make_room(self) -> None:
        """Somebody else has gone."""
        self.seen("ballast").unlink()


def _do_without(why: str) -> None:
    said = f"no file system of one's own can be mounted here (unshare -rm): {why.strip()}"
    if os.environ.get("CI") == "true":
        pytest.fail(said)
    pytest.skip(said)
