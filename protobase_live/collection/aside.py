"""What takes long and needs no more than bytes, in a process of its own, so that nobody waits for it.

The process reads MessagePack and writes bytes. Nothing of what it is given stands in its command line, which
everybody on the machine can read.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from protobase_actors import Clock, within
from protobase_live.errors import StorageFailed
from protobase_live.protocol.packing import pack, unpack

NICENESS = 10
"""By how much a process gives way that nobody waits for: of a core that another one wants it gets a tenth."""


async def run_aside(module: str, given: Any, what: str, clock: Clock, seconds: float) -> bytes:
    """What ``module`` answers in a process of its own: it calls `answer` when it is run.

    ``what`` it does stands in errors. Raises StorageFailed if the process fails, TimeoutError if it takes
    longer than ``seconds`` (``fold_seconds``).
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        work = process.communicate(pack(given))
        answered, complaint = await within(clock, seconds, work)
    except TimeoutError as error:
        raise TimeoutError(f"{what}: {error} (fold_seconds)") from error
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    if process.returncode != 0:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise StorageFailed(f"{what} ended with exit code {process.returncode}: {last}")
    return answered


def answer(work: Callable[..., bytes]) -> None:
    """Do in this process what `run_aside` has given it."""
    sys.stdout.buffer.write(work(*unpack(sys.stdin.buffer.read())))


def give_way() -> None:
    """Let this process, for which nobody waits, hold up nobody who serves where there are too few cores."""
    if hasattr(os, "nice"):  # Windows has none
        os.nice(NICENESS)
