"""Runs commands in forks of one process that has imported them: importing takes most of a command's time.

Each is a process of its own, with its own arguments, environment, folder and standard streams.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from tempfile import TemporaryFile
from threading import Lock
from typing import NoReturn

import protobase_live as pb
from protobase_live import cli

MOST_BYTES = 256 * 1024
"""Of one request: arguments and environment."""


class Forker:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MOST_BYTES)
        self._sending = Lock()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])

    def run(self, arguments: Sequence[str], stdin: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Exit code, standard output and error of ``protobase-live`` with arguments.

        Blocks until it ends; raises TimeoutError and kills it if that takes longer than ``seconds``.
        """
        request = json.dumps([list(arguments), dict(os.environ), os.getcwd()]).encode()
        ours, theirs = socket.socketpair()
        with (
            ours,
            TemporaryFile() as given,
            TemporaryFile() as out,
            TemporaryFile() as err,
        ):
            given.write(stdin)
            given.seek(0)
            with theirs, self._sending:
                fds = [given.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
                socket.send_fds(self._requests, [request], fds)
            code = _told(ours, seconds)
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read()


@cache
def forker() -> Forker:
    """The one of this process."""
    return Forker()


def _told(end: socket.socket, seconds: float) -> int:
    """The exit code that the command's parent tells, behind its process id."""
    end.settimeout(seconds)
    with end.makefile("rb") as lines:
        pid = int(lines.readline())
        try:
            return int(lines.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise


def _serve(requests: socket.socket) -> list[str] | None:
    """Fork for each request: the arguments in the fork, and None here when nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the commands
    while True:
        request, fds, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
        if not request:
            return None
        if os.fork() == 0:
            requests.close()
            return _fork(json.loads(request), fds)
        for fd in fds:
            os.close(fd)


def _fork(request: tuple[list[str], dict[str, str], str], fds: Sequence[int]) -> list[str]:
    """Become the command, while the parent waits to tell how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    arguments, environment, folder = request
    *streams, told = fds
    if pid := os.fork():
        _tell(pid, told)
    os.close(told)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return arguments


def _tell(pid: int, told: int) -> NoReturn:
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _main() -> None:
    for module in iter_modules(cli.__path__, f"{cli.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in ("open", "connect", "Query", "parse"):  # what is imported when it is asked for
        getattr(pb, name)
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        arguments = _serve(requests)
    if arguments is not None:
        sys.argv = ["protobase-live", *arguments]
        cli.main()


if __name__ == "__main__":
    _main()
