"""Whether a server that was killed has kept what a witness was promised."""

from __future__ import annotations

from pycrdt import Doc, Map

import protobase_live as pb
from protobase_live.database.opening import open_storage
from tests.support.server_process import ServerProcess
from tests.support.witness import SIDES, Witness


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
    storage = await open_storage(server.storage)
    loaded = await storage.load("raw")
    await storage.close()
    doc: Doc = Doc()
    if loaded.snapshot:
        doc.apply_update(loaded.snapshot.update)
    for commit in loaded.commits:
        doc.apply_update(commit.update)
    return set(doc.get("entries", type=Map).keys())
