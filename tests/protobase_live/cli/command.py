"""``protobase-live`` as a process."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.forker import forker

COMMAND = Path(sys.executable).with_name("protobase-live")
SECONDS = 60.0  # for a command to end


class Ended(NamedTuple):
    code: int
    out: str
    err: str


async def run(*arguments: object, stdin: str = "", before: Sequence[str] = ()) -> Ended:
    """Run a command to its end: in a fork, unless something stands ``before`` it."""
    if not before:
        ask = forker().run
        code, out, err = await asyncio.to_thread(ask, list(map(str, arguments)), stdin.encode(), SECONDS)
        return Ended(code, out.decode(), err.decode())
    async with running(*arguments, before=before) as process, asyncio.timeout(SECONDS):
        out, err = await process.communicate(stdin.encode())
    return Ended(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def running(*arguments: object, before: Sequence[str] = ()):
    """A command with its pipes, run by what stands ``before`` it; killed at the end if it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *before, str(COMMAND), *map(str, arguments), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def line(process) -> str:
    """Its next line."""
    async with asyncio.timeout(SECONDS):
        return (await process.stdout.readline()).decode()


async def error_line(process) -> str:
    """Its next line on standard error."""
    async with asyncio.timeout(SECONDS):
        return (await process.stderr.readline()).decode()


async def stop(process, number) -> Ended:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())
