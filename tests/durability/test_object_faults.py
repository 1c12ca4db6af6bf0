"""A server whose object store is late, busy, cut off, or does what it never says: nothing is lost, or done
twice."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

import protobase_live as pb
from tests.support import cloud_servers
from tests.support.cloud_places import prefix_of
from tests.support.object_proxy import FAULTS, ObjectProxy, object_proxy
from tests.support.server_process import SERVE, ServerProcess

WRITERS = 4
ACKNOWLEDGED = 100
"""So many writes at least, in the short test, and each fault at least so often as here:"""
EACH_FAULT = 3
PROBABILITY = 0.3
MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
HURRIED = (*SERVE, "--limit", "interval_seconds=0.01", "--limit", "checkpoint_slots=20")


class Load:
    """Programs that append to one list and insert a record, in one transaction over two collections."""

    def __init__(self) -> None:
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.unknown: set[str] = set()

    async def write(self, url: str, name: str, is_enough: Callable[[], bool]) -> None:
        async with pb.connect(url) as db:
            for n in count():
                if is_enough():
                    return
                await self._write(db, f"{name}.{n}")

    async def _write(self, db: pb.RemoteDatabase, key: str) -> None:
        try:
            async with db.transaction() as tx:
                tx["lists"].list("all").append(key)
                tx["records"].insert({}, key=key)
        except pb.OutcomeUnknown:
            self.unknown.add(key)
        except (pb.Unavailable, pb.Overloaded):
            self.refused.add(key)
        else:
            self.acknowledged.add(key)

    async def check(self, url: str) -> None:
        """What a database holds in the end."""
        async with pb.open(url) as db:
            found = Counter(await (await (await db.collection("lists")).list("all")).values())
            records = {*await (await db.collection("records")).keys()}
        assert {*found} == records, "a transaction was torn"
        assert set(found.values()) <= {1}, "something was done twice"
        assert self.acknowledged <= records, "something acknowledged is lost"
        assert self.refused.isdisjoint(records), "something refused is there"


async def run(
    url_of: Callable[[str], str], endpoint: str, place: Path, is_enough: Callable[[ObjectProxy, Load], bool]
) -> None:
    """Load behind a proxy until it is enough; then what was stored is looked at without one."""
    load = Load()
    with object_proxy(endpoint, SEED) as (proxy, address):
        async with ServerProcess(place, HURRIED, storage=url_of(address)) as server:
            proxy.fault_probability = PROBABILITY
            writers = (
                load.write(server.live, str(n), lambda: is_enough(proxy, load)) for n in range(WRITERS)
            )
            await asyncio.gather(*writers)
            proxy.fault_probability = 0.0
            assert await server.stop() == 0
    print(f"{len(load.acknowledged)} acknowledged, {len(load.refused)} refused, {proxy.happened}")
    await load.check(url_of(endpoint))


def s3_url(place: Path, more: str = "") -> Callable[[str], str]:
    return lambda endpoint: f"s3://{cloud_servers.BUCKET}/{prefix_of(place)}?endpoint={endpoint}{more}"


def gs_url(place: Path) -> Callable[[str], str]:
    return lambda endpoint: f"gs://{cloud_servers.BUCKET}/{prefix_of(place)}?endpoint={endpoint}"


def has_seen_all(proxy: ObjectProxy, load: Load) -> bool:
    seen = all(proxy.happened[fault] >= EACH_FAULT for fault in FAULTS)
    return seen and len(load.acknowledged) >= ACKNOWLEDGED


async def test_faults_of_a_store_that_speaks_s3(tmp_path: Path, seaweedfs: str) -> None:
    await run(s3_url(tmp_path), seaweedfs, tmp_path, has_seen_all)


async def test_faults_of_a_store_behind_a_folder(tmp_path: Path, seaweedfs: str) -> None:
    url = s3_url(tmp_path, f"&local={tmp_path / 'folder'}")
    await run(url, seaweedfs, tmp_path, has_seen_all)


async def test_faults_of_google_s_protocol(
    tmp_path: Path, fake_gcs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs)
    await run(gs_url(tmp_path), fake_gcs, tmp_path, has_seen_all)


@pytest.mark.skipif(not MINUTES, reason="make soak")
@pytest.mark.parametrize("more", ["", "&local={folder}"], ids=["cloud", "local+cloud"])
async def test_soak(tmp_path: Path, seaweedfs: str, more: str) -> None:
    deadline = time.monotonic() + 60 * MINUTES / 2
    url = s3_url(tmp_path, more.format(folder=tmp_path / "folder"))
    await run(url, seaweedfs, tmp_path, lambda proxy, load: time.monotonic() > deadline)
