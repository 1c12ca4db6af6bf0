"""``protobase-live serve`` on a disk that hangs in a write while there is a pipe ``hang`` in its folder.

Run as ``python -m tests.support.hanging_server --storage file:FOLDER --listen HOST:PORT``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from protobase_live.cli.serve import options, serve
from protobase_storage import FileStorage

HANGING_SERVE = (sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.support.hanging_server")
"""The command, as `ServerProcess` takes it."""


class Hang:
    """What hangs in a folder; a context manager, for the test."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "hang"

    def __enter__(self) -> Hang:
        os.mkfifo(self._pipe)
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()

    def go_on(self) -> None:
        """The disk answers at last, if it was asked anything."""
        if self._pipe.exists():
            released = os.open(self._pipe, os.O_RDWR)  # whoever waits for a writer has one
            self._pipe.unlink()
            os.close(released)


def main() -> None:
    """Serve until the process is ended."""
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--storage file:FOLDER --listen HOST:PORT"
    pipe = Path(chosen["storage"].removeprefix("file:")) / "hang"
    opened = FileStorage.open

    def hang(step: str) -> None:
        if step == "append:begin" and pipe.exists():
            os.close(os.open(pipe, os.O_RDONLY))  # waits until the test opens its other end

    async def open_hanging(path: Path, **limits: Any) -> FileStorage:
        return await opened(path, on_step=hang, **limits)

    FileStorage.open = open_hanging
    serve(chosen)


if __name__ == "__main__":
    main()
