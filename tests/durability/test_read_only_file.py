"""A server whose user may read the database and not write it, as after a copy by somebody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import protobase_live as pb
from tests.support.server_process import SERVE

LIKE_OTHERS = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
"""Root may write whatever it likes, without this."""


async def test_it_is_told_at_the_start_which_file_it_is(tmp_path: Path) -> None:
    async with pb.open(f"file:{tmp_path}") as db:
        await (await db.collection("tasks")).insert({}, key="kept")
    file = tmp_path / "protobase.db"
    file.chmod(0o444)
    command = [*LIKE_OTHERS, *SERVE, "--storage", f"file:{tmp_path}", "--listen", "127.0.0.1:0"]
    served = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=60, check=False
    )
    assert served.returncode == 1
    assert served.stderr == (
        f"error: cannot open 'file:{tmp_path}': '{file}', or a file beside it, may not be written by user "
        f"{os.geteuid()}: change its owner or mode\n"
    )
    file.chmod(0o644)
    async with pb.open(f"file:{tmp_path}") as db:
        assert await (await db.collection("tasks")).keys() == ["kept"]
