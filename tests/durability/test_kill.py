"""What was acknowledged or shown is there after a SIGKILL, whenever it comes."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from random import Random

import pytest
from pycrdt import Doc, Map

import protobase_live as pb
from protobase_storage import FileStorage
from tests.support.server_process import ServerProcess
from tests.support.witness import SIDES, Witness

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


async def assert_kept(server: ServerProcess, witness: Witness, when: str) -> None:
    """Every promise is kept, nothing is there that nobody sent, and transactions are whole."""
    found = {"raw": await _raw_keys(server)}
    async with pb.open(server.storage) as db:
        found["singles"] = set(await (await db.collection("singles")).keys())
        sides = [set(await (await db.collection(side)).keys()) for side in SIDES]
    torn = set.union(*sides) - set.intersection(*sides)
    assert not torn, f"{when}: torn transactions {torn}"
    found["whole"] = sides[0]
    for what, keys in found.items():
        lost, invented = witness.promised[what] - keys, keys - witness.sent[what]
        assert not lost, f"{when}: lost {sorted(lost)} of {what}"
        assert not invented, f"{when}: nobody sent {sorted(invented)} of {what}"


async def _raw_keys(server: ServerProcess) -> set[str]:
    """What the bare Yjs clients wrote, read as Yjs reads it."""
    storage = await FileStorage.open(server.folder)
    loaded = await storage.load("raw")
    await storage.close()
    doc: Doc = Doc()
    if loaded.snapshot:
        doc.apply_update(loaded.snapshot.update)
    for commit in loaded.commits:
        doc.apply_update(commit.update)
    return set(doc.get("entries", type=Map).keys())
