"""``protobase-live serve`` that dies in an erasure, by SIGKILL: at the step that `DIES_AT` names.

Run as ``python -m tests.support.dying_server --storage file:FOLDER --listen HOST:PORT``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial

from protobase_live.cli.serve import address, options
from protobase_live.cli.settings import settings
from protobase_live.database.database import Database
from protobase_live.server.server import Server
from protobase_storage import FileStorage

DYING_SERVE = (sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.support.dying_server")
"""The command, as `ServerProcess` takes it."""

DIES_AT = "DIES_AT"
"""The variable with the name of a step of `FileStorage`; it counts from when something is erased on."""

STEPS = ("erase:hidden", "sweep:log", "erase:copied", "erase:written anew", "erase:emptied", "erase:done")


class Dying:
    """What is told of each step."""

    def __init__(self, at: str) -> None:
        self._at = at
        self._erases = False

    def __call__(self, step: str) -> None:
        self._erases |= step == "erase:hidden"
        if self._erases and step == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    """Serve until the process is killed."""
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--storage file:FOLDER --listen HOST:PORT"
    how = settings(chosen, {})
    opened = partial(FileStorage.open, how.storage.removeprefix("file:"))
    database = Database(await opened(on_step=Dying(os.environ[DIES_AT])))
    async with Server(database, *address(how.listen)) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
