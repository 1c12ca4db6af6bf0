"""Slots: what waits goes into the next one, and how long it waits."""

import asyncio
from random import Random
from statistics import median

import detangle
import pytest

from protobase_storage import StorageBusy, TooManyReads
from protobase_storage.cloud import writer
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import make_commit, make_snapshot, perform_burst

INTERVAL = 0.1
PUT = 0.03
"""How long the store takes for one, in seconds."""


@pytest.mark.parametrize(("rate", "puts_per_1000"), [(1, 1000), (100, 103), (1000, 11)])
def test_waiting_and_requests_stay_within_what_the_interval_says(rate: int, puts_per_1000: float) -> None:
    async def main() -> None:
        objects, random = SimulatedObjects(Bucket()), Random(1)
        storage = await CloudStorage.open(objects, interval=INTERVAL)
        objects.faults.delay = (PUT / 2, PUT / 2)
        objects.requests.clear()
        waits: list[float] = []
        clock = asyncio.get_running_loop().time
        for sequence in range(1, 2001):
            await asyncio.sleep(random.expovariate(rate))
            begun = clock()
            appended = storage.append([make_commit(f"c{sequence % 100}", sequence)])
            appended.add_done_callback(lambda _, begun=begun: waits.append(clock() - begun))
        await storage.close()
        assert len(waits) == 2000
        assert median(waits) <= INTERVAL / 2 + 1.3 * PUT
        assert objects.requests["put"] * 1000 / len(waits) <= puts_per_1000

    detangle.run(main, max_time=10_000)


def test_one_slot_carries_what_came_while_the_one_before_was_on_its_way() -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0)
        objects.faults.delay = (1, 1)
        before = objects.requests["put"]
        first = storage.append([make_commit("a", 1)])
        await asyncio.sleep(0.1)
        rest = [storage.append([make_commit("a", n)]) for n in range(2, 100)]
        await first
        assert not any(each.done() for each in rest)
        await asyncio.gather(*rest)
        assert objects.requests["put"] - before == 2

    detangle.run(main)


def test_slots_are_bounded_but_for_a_single_append(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0)
        before = objects.requests["put"]
        await perform_burst(storage, [[make_commit("a", n)] for n in range(1, 31)])
        assert objects.requests["put"] - before == 3
        await storage.append([make_commit("b", n) for n in range(1, 31)])
        assert objects.requests["put"] - before == 4

    monkeypatch.setattr(writer, "SLOT_EFFECTS", 10)
    detangle.run(main)


def test_what_waits_is_bounded() -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0, backlog_limit=10_000)
        objects.faults.delay = (1, 1)
        appended = storage.append(
            [make_commit("a", 1, update=b"x" * 20_000)]
        )  # one that is alone may be larger
        with pytest.raises(StorageBusy, match="the limit is 10000"):
            await storage.append([make_commit("b", 1)])
        await appended
        await storage.append([make_commit("b", 1)])
        assert (await storage.stats()).backlog == 0

    detangle.run(main)


def test_reads_are_bounded() -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0, reads_limit=1)
        await storage.compact(make_snapshot("a", {"node-a": 1}))
        objects.faults.delay = (1, 1)
        first = asyncio.ensure_future(storage.load("a"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyReads, match="the limit is 1"):
            await storage.load("a")
        assert (await first).snapshot

    detangle.run(main)


def test_other_collections_go_on_while_a_snapshot_is_uploaded() -> None:
    async def main() -> None:
        objects = SimulatedObjects(Bucket())
        storage = await CloudStorage.open(objects, interval=0)
        await storage.append([make_commit("a", 1)])
        right = objects.put

        async def put(key: str, body: bytes) -> bool:
            await asyncio.sleep(10 if key.startswith("snap/") else 0.1)
            return await right(key, body)

        objects.put = put
        compaction = asyncio.ensure_future(storage.compact(make_snapshot("a", {"node-a": 1})))
        deletion = asyncio.ensure_future(storage.delete("b"))
        await asyncio.sleep(0)
        await storage.append([make_commit("b", 1), make_commit("a", 2)])
        assert deletion.done()
        assert not compaction.done()
        await compaction
        loaded = await storage.load("a")
        assert loaded.snapshot
        assert loaded.commits == (make_commit("a", 2),)

    detangle.run(main)


def test_an_error_that_nobody_foresaw_is_told_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        storage = await CloudStorage.open(SimulatedObjects(Bucket()), interval=0)

        def broken(effects: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(storage._writer._log, "add", broken)
        appends = [storage.append([make_commit("a", 1)]), storage.append([make_commit("b", 1)])]
        for outcome in await asyncio.gather(*appends, return_exceptions=True):
            assert "the storage's writer failed: ZeroDivisionError" in str(outcome)
        await storage.close()

    detangle.run(main)
