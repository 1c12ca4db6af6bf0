"""What is under way in a bucket when it is closed comes to an end, and says why."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence

import detangle
import pytest

from protobase_storage import StorageClosed
from protobase_storage.cloud.blocking import CALLS_AT_ONCE, ThreadedObjects
from protobase_storage.cloud.objects import Page
from protobase_storage.cloud.simulated import Bucket
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import make_commit, make_snapshot
from tests.support.hooked_objects import HookedObjects


def test_an_erasure_that_is_under_way_fails() -> None:
    async def main() -> None:
        objects, noting = HookedObjects(Bucket()), asyncio.Event()
        storage = await CloudStorage.open(objects, interval=0)
        await storage.append([make_commit("a", 1)])
        objects.before_put["ahead/"] = noting.wait
        erasing = asyncio.create_task(storage.erase("a"))
        await asyncio.sleep(1)
        await storage.close()
        noting.set()
        with pytest.raises(StorageClosed):
            await asyncio.wait_for(erasing, 10)

    detangle.run(main)


class Blocking:
    """A client that blocks, and whose reads of snapshots wait until they may go on."""

    address = "blocking://bucket"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reading = threading.Semaphore(0)
        self.go_on = threading.Event()

    def put(self, key: str, body: bytes) -> bool:
        return self.objects.setdefault(key, body) is body

    def overwrite(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def get(self, key: str, start: int, length: int | None) -> bytes | None:
        if key.startswith("snap/"):
            self.reading.release()
            assert self.go_on.wait(30)
        body = self.objects.get(key)
        return None if body is None else body[start : None if length is None else start + length]

    def list(self, prefix: str, after: str) -> Page:
        return Page(
            tuple(sorted(key for key in self.objects if key.startswith(prefix) and key > after)), False
        )

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def close(self) -> None:
        """Nothing is held."""


async def test_reads_that_wait_for_a_thread_are_told_that_it_is_closed() -> None:
    blocking = Blocking()
    storage = await CloudStorage.open(ThreadedObjects(blocking), interval=0)
    for n in range(CALLS_AT_ONCE + 4):
        await storage.compact(make_snapshot(f"c{n}", {"node-a": 1}))
    reads = [asyncio.create_task(storage.load(f"c{n}")) for n in range(CALLS_AT_ONCE + 4)]
    for _ in range(CALLS_AT_ONCE):
        await asyncio.to_thread(blocking.reading.acquire, timeout=30)
    closing = asyncio.create_task(storage.close())
    for _ in range(20):  # until it waits for the threads
        await asyncio.sleep(0)
    blocking.go_on.set()
    await closing
    outcomes = await asyncio.gather(*reads, return_exceptions=True)
    kinds = Counter(type(each).__name__ for each in outcomes)
    assert kinds == {"Loaded": CALLS_AT_ONCE, "StorageClosed": 4}
