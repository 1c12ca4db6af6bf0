"""What was acknowledged or shown is there after a SIGKILL, whenever it comes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from random import Random

import pytest

from tests.support.kept import assert_kept
from tests.support.server_process import ServerProcess
from tests.support.witness import Witness

SEEDS = 50
MAX_MOMENTS = 400
"""The server is killed after 1 to so many moments of sending, acknowledging and showing."""


@pytest.mark.parametrize("seeds", [(seed, seed + 1) for seed in range(0, SEEDS, 2)], ids=str)
async def test_kill(tmp_path: Path, seeds: tuple[int, int]):
    async with asyncio.TaskGroup() as tasks:
        for seed in seeds:
            tasks.create_task(_kill_once(tmp_path / str(seed), seed))


async def _kill_once(folder: Path, seed: int) -> None:
    server = ServerProcess(folder)
    moments = Random(seed).randint(1, MAX_MOMENTS)
    async with server:
        witness = Witness(server, moments, lambda: server.send(signal.SIGKILL))
        await witness.watch()
    await assert_kept(server, witness, f"seed {seed}: killed after {moments} moments")


async def test_sigterm_under_load(server: ServerProcess):
    """Clean: exit code 0, clients are told 1001, what was acknowledged until the end is stored."""
    witness = Witness(server, MAX_MOMENTS, lambda: server.send(signal.SIGTERM))
    await witness.watch()
    assert await server.wait() == 0
    assert witness.close_codes == [1001, 1001]
    await assert_kept(server, witness, "stopped with SIGTERM")
