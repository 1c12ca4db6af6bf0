"""What takes long and needs no more than bytes, in a process of its own, so that nobody waits for it.

The process reads MessagePack and writes bytes. Nothing of what it is given stands in its command line, which
everybody on the machine can read.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from typing import Any

from protobase_actors import Clock, within
from protobase_live.errors import StorageFailed
from protobase_live.protocol.packing import pack, unpack

NICENESS = 10
"""By how much a process gives way that nobody waits for: of a core that another one wants it gets a tenth."""


async def run_aside(
    work: Callable[..., bytes], given: Sequence[Any], what: str, clock: Clock, seconds: float
) -> bytes:
    """What ``work`` answers in a process of its own: that runs its module, which calls `answer` then.

    ``what`` it does stands in errors. Raises StorageFailed if the process fails, or none can be started,
    TimeoutError if it takes longer than ``seconds`` (``fold_seconds``). An event loop that starts no
    processes, as a simulated one, does it itself; then it raises what ``work`` raises.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", work.__module__, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
    except NotImplementedError:
        return work(*given)
    except OSError as error:
        raise StorageFailed(f"{what} needs a process, and none could be started: {error}") from error
    try:
        answering = process.communicate(pack(given))
        answered, complaint = await within(clock, seconds, answering)
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
