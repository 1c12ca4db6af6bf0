"""python -m bench.cloud [--put-ms N] [URL]: what a database on an object store costs, and how long it takes.

With ``--put-ms`` each PUT takes so many milliseconds longer, as to a store that is elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import TypeVar

from protobase_storage import Commit, Storage
from protobase_storage.cloud.blocking import ThreadedObjects
from protobase_storage.cloud.limits import INTERVAL
from protobase_storage.cloud.objects import ObjectStore, Page
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.clouds import connect, parse_address
from protobase_storage.local_cloud.opening import open_local

COLLECTIONS = 100
UPDATE_BYTES = 100
RATES = {1: 60.0, 100: 30.0, 1_000: 30.0}
"""Commits in a second that come at random, and for how many seconds."""
WRITERS = 1_000
"""Of these each writes as soon as its last commit was acknowledged."""
FULL_SECONDS = 20.0
MANY = 10_000
"""Collections of the database that is started cold."""

Result = TypeVar("Result")


class Counted:
    """An `ObjectStore` that counts what it is asked for, and remembers how long writing took."""

    def __init__(self, store: ObjectStore, put_delay: float) -> None:
        self.address = store.address
        self._put_delay = put_delay
        self.requests: Counter[str] = Counter()
        self.put_seconds: list[float] = []
        self.put_bytes = 0
        self._store = store

    async def put(self, key: str, body: bytes) -> bool:
        self.put_bytes += len(body)
        start = perf_counter()
        await asyncio.sleep(self._put_delay)
        try:
            return await self._count("PUT", self._store.put(key, body))
        finally:
            self.put_seconds.append(perf_counter() - start)

    async def overwrite(self, key: str, body: bytes) -> None:
        await self._count("PUT", self._store.overwrite(key, body))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        return await self._count("GET", self._store.get(key, start, length))

    async def list(self, prefix: str, after: str) -> Page:
        return await self._count("LIST", self._store.list(prefix, after))

    async def delete(self, keys: Sequence[str]) -> None:
        await self._count("DELETE", self._store.delete(keys))

    async def close(self) -> None:
        await self._store.close()

    async def _count(self, kind: str, request: Awaitable[Result]) -> Result:
        self.requests[kind] += 1
        return await request


class Writing:
    """Commits to a storage, and how long each waited to be acknowledged."""

    def __init__(self, storage: Storage) -> None:
        self.seconds: list[float] = []
        self._storage = storage
        self._sequences: Counter[str] = Counter()

    async def write(self, collection: str) -> None:
        self._sequences[collection] += 1
        commit = Commit("bench", self._sequences[collection], collection, b"u" * UPDATE_BYTES, (), 0.0)
        start = perf_counter()
        await self._storage.append([commit])
        self.seconds.append(perf_counter() - start)

    async def at_random(self, rate: float, seconds: float) -> None:
        """Whoever writes does not wait for the others."""
        random, end = Random(1), perf_counter() + seconds
        due = perf_counter()
        async with asyncio.TaskGroup() as tasks:
            while (due := due + random.expovariate(rate)) < end:
                await asyncio.sleep(due - perf_counter())
                tasks.create_task(self.write(f"c{random.randrange(COLLECTIONS)}"))

    async def without_pause(self, seconds: float) -> None:
        end = perf_counter() + seconds

        async def writer(number: int) -> None:
            while perf_counter() < end:
                await self.write(f"w{number}")

        await asyncio.gather(*map(writer, range(WRITERS)))


def at(part: float, values: Sequence[float]) -> float:
    """The value below which that part of them is, in milliseconds."""
    return 1e3 * sorted(values)[int(part * (len(values) - 1))]


@dataclass(frozen=True)
class Bucket:
    """Where databases are made, and how many seconds longer a PUT takes than there."""

    url: str
    put_delay: float

    def counted(self, prefix: str) -> Counted:
        address = parse_address(self.url)
        address = parse_address(self.url.replace(str(address), f"{address}/{prefix}", 1))
        return Counted(ThreadedObjects(connect(address)), self.put_delay)


async def measure(what: str, store: Counted, writing: Writing, load: Awaitable[None]) -> None:
    """One row: requests per 1,000 commits, commits a second, and waiting beside what was aimed for."""
    store.requests.clear()
    store.put_seconds.clear()
    store.put_bytes = 0
    start = perf_counter()
    await load
    seconds, count = perf_counter() - start, len(writing.seconds)
    each = {kind: 1e3 * store.requests[kind] / count for kind in ("PUT", "GET", "LIST")}
    put, p50 = at(0.5, store.put_seconds), at(0.5, writing.seconds)
    aim = 1e3 * INTERVAL / 2 + 1.3 * put
    print(
        f"  {what:<24}{each['PUT']:>8.1f}{each['GET']:>7.1f}{each['LIST']:>7.1f}"
        f"{store.put_bytes / count / 1.024:>7.0f}{count / seconds:>10.0f}"
        f"{put:>9.1f}{p50:>9.1f}{at(0.99, writing.seconds):>9.1f}{aim:>9.1f}"
    )


async def rows(name: str, bucket: Bucket, opened: Callable[[Counted], Awaitable[Storage]]) -> None:
    print(f"{name}: requests and KiB per 1,000 commits; milliseconds")
    print(
        f"  {'':<24}{'PUT':>8}{'GET':>7}{'LIST':>7}{'KiB':>7}"
        f"{'/s':>10}{'PUT p50':>9}{'ack p50':>9}{'p99':>9}{'aim':>9}"
    )
    for rate, seconds in RATES.items():
        store = bucket.counted(f"{name}-{rate}-{os.getpid()}")
        storage = await opened(store)
        writing = Writing(storage)
        await measure(f"{rate} commits a second", store, writing, writing.at_random(rate, seconds))
        await storage.close()
    store = bucket.counted(f"{name}-full-{os.getpid()}")
    storage = await opened(store)
    writing = Writing(storage)
    await measure(f"{WRITERS} writers", store, writing, writing.without_pause(FULL_SECONDS))
    await storage.close()


async def cold(bucket: Bucket) -> None:
    """A database of many collections is opened, and then one of them."""
    prefix = f"cold-{os.getpid()}"
    storage = await CloudStorage.open(bucket.counted(prefix), checkpoint_slots=2)
    for first in range(0, MANY, 500):
        names = [f"boards/{n}" for n in range(first, first + 500)]
        await storage.append([Commit("bench", 1, name, b"u" * 1_000, (), 0.0) for name in names])
    await storage.close()
    store = bucket.counted(prefix)
    start = perf_counter()
    storage = await CloudStorage.open(store)
    print(f"cold start of {MANY:,} collections: {perf_counter() - start:.2f} s, {dict(store.requests)}")
    store.requests.clear()
    start = perf_counter()
    await storage.load("boards/4711")
    print(f"  opening one of them: {1e3 * (perf_counter() - start):.1f} ms, {dict(store.requests)}")
    await storage.close()


async def main(bucket: Bucket) -> None:
    await rows("cloud", bucket, lambda store: CloudStorage.open(store))
    with tempfile.TemporaryDirectory() as folder:
        await rows("local+cloud", bucket, lambda store: open_local(store, tempfile.mkdtemp(dir=folder)))
    await cold(bucket)


@contextmanager
def place(given: str | None) -> Generator[str]:
    """The address that was given, or that of a SeaweedFS on this machine."""
    if given is not None:
        yield given
        return
    from tests.support.cloud_servers import BUCKET, CREDENTIALS, seaweedfs

    os.environ.update(CREDENTIALS)
    with seaweedfs() as endpoint:
        yield f"s3://{BUCKET}?endpoint={endpoint}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.cloud")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--put-ms", type=float, default=0.0)
    asked = parser.parse_args()
    with place(asked.url) as url:
        asyncio.run(main(Bucket(url, 1e-3 * asked.put_ms)))
