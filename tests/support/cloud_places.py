"""Storages in the bucket that a test's environment names, one prefix for each path."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from protobase_storage import gcs, s3
from protobase_storage.cloud.address import parse_address
from protobase_storage.cloud.blocking import BlockingObjects, ThreadedObjects
from protobase_storage.cloud.objects import ObjectStore, Page
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.durability import DurabilityConformance, flipped
from protobase_storage.local_cloud.opening import open_local
from protobase_storage.local_cloud.storage import LocalCloudStorage

VARIABLE = "PROTOBASE_TEST_BUCKET"
"""``s3://BUCKET?endpoint=...``, or ``gs://BUCKET``."""

SLOTS = 4
"""Checkpoints come often, so that there are some in every test."""


def prefix_of(place: Path) -> str:
    """The prefix that stands for a path."""
    return blake2b(str(place).encode(), digest_size=8).hexdigest()


def url_of(place: Path) -> str:
    """The address of a place, as users write it."""
    parts = urlsplit(os.environ[VARIABLE])
    return f"{parts.scheme}://{parts.netloc}/{prefix_of(place)}" + (f"?{parts.query}" if parts.query else "")


def bucket_at(url: str) -> BlockingObjects:
    """All objects of a bucket. Making a client takes longer than most tests do."""
    return _bucket_at(url, os.environ.get("STORAGE_EMULATOR_HOST", ""))


@cache
def _bucket_at(url: str, emulator: str) -> BlockingObjects:
    """There are several emulators in a run, and the address of a bucket does not say on which it is."""
    address = parse_address(url)
    return s3.S3Objects(address) if address.scheme == "s3" else gcs.GcsObjects(address)


class PlaceObjects:
    """The objects of a bucket under a prefix of a place's own."""

    def __init__(self, place: Path) -> None:
        self._bucket = bucket_at(os.environ[VARIABLE])
        self._prefix = f"{prefix_of(place)}/"
        self.address = f"{self._bucket.address}/{self._prefix}"

    def put(self, key: str, body: bytes) -> bool:
        return self._bucket.put(self._prefix + key, body)

    def overwrite(self, key: str, body: bytes) -> None:
        self._bucket.overwrite(self._prefix + key, body)

    def get(self, key: str, start: int, length: int | None) -> bytes | None:
        return self._bucket.get(self._prefix + key, start, length)

    def list(self, prefix: str, after: str) -> Page:
        page = self._bucket.list(self._prefix + prefix, self._prefix + after if after else "")
        return Page(tuple(key.removeprefix(self._prefix) for key in page.keys), page.more)

    def delete(self, keys: Sequence[str]) -> None:
        self._bucket.delete([self._prefix + key for key in keys])

    def close(self) -> None:
        """The bucket stays open for the next one."""


class SteppingObjects:
    """An `ObjectStore` that says what it has done, and is about to do, to objects."""

    def __init__(self, store: ObjectStore, on_step: Callable[[str], None]) -> None:
        self.address = store.address
        self._store = store
        self._on_step = on_step
        self.get, self.list, self.close = store.get, store.list, store.close

    async def put(self, key: str, body: bytes) -> bool:
        self._on_step(f"about to put {kind_of(key)}")
        try:
            return await self._store.put(key, body)
        finally:
            self._on_step(f"put {kind_of(key)}")

    async def overwrite(self, key: str, body: bytes) -> None:
        await self._store.overwrite(key, body)
        self._on_step(f"overwrote {kind_of(key)}")

    async def delete(self, keys: Sequence[str]) -> None:
        await self._store.delete(keys)
        self._on_step(f"deleted from {kind_of(keys[0])}")


def kind_of(key: str) -> str:
    """The kind of object, which begins its key."""
    return key.partition("/")[0]


async def open_local_cloud(
    place: Path | str, *, on_step: Callable[[str], None] = lambda step: None, **options: float
) -> LocalCloudStorage:
    """The folder at a place, with the prefix that stands for it behind."""
    store = SteppingObjects(ThreadedObjects(PlaceObjects(Path(place))), on_step)
    limits = {"interval": 0, "checkpoint_slots": SLOTS} | options
    return await open_local(store, place, on_step=on_step, **limits)


async def open_cloud(
    place: Path | str, *, on_step: Callable[[str], None] = lambda step: None, **options: float
) -> CloudStorage:
    """The storage at a place; nobody waits for the next slot."""
    store = SteppingObjects(ThreadedObjects(PlaceObjects(Path(place))), on_step)
    return await CloudStorage.open(store, **{"interval": 0, "checkpoint_slots": SLOTS} | options)


class CloudDurability(DurabilityConformance):
    """The conformance suite where a place is a prefix."""

    opener = "tests.support.cloud_places:open_cloud"

    @classmethod
    def environment(cls) -> dict[str, str]:
        return dict(os.environ) | super().environment()

    def copy(self, origin: Path, target: Path) -> None:
        store = PlaceObjects(target)
        for key, body in self.contents(origin).items():
            assert store.put(key, body)

    def remove(self, place: Path) -> None:
        if keys := keys_at(place):
            PlaceObjects(place).delete(keys)

    def damage(self, place: Path, needle: bytes) -> int:
        store, found = PlaceObjects(place), 0
        for key, body in self.contents(place).items():
            if needle in body:
                found += body.count(needle)
                store.delete([key])
                store.put(key, body.replace(needle, flipped(needle, len(needle) - 1)))
        return found

    def holds(self, place: Path, needle: bytes) -> bool:
        return any(needle in body for body in self.contents(place).values())

    def contents(self, place: Path) -> dict[str, bytes]:
        """All objects at a place."""
        store = PlaceObjects(place)
        return {key: store.get(key, 0, None) or b"" for key in keys_at(place)}


class LocalCloudDurability(CloudDurability):
    """The conformance suite where a place is a folder, and a prefix behind it."""

    opener = "tests.support.cloud_places:open_local_cloud"

    def holds(self, place: Path, needle: bytes) -> bool:
        return CloudDurability.holds(self, place, needle) or DurabilityConformance.holds(self, place, needle)

    def copy(self, origin: Path, target: Path) -> None:
        CloudDurability.copy(self, origin, target)
        DurabilityConformance.copy(self, origin, target)

    def remove(self, place: Path) -> None:
        CloudDurability.remove(self, place)
        DurabilityConformance.remove(self, place)

    def damage(self, place: Path, needle: bytes) -> int:
        return CloudDurability.damage(self, place, needle) + DurabilityConformance.damage(self, place, needle)


def keys_at(place: Path) -> list[str]:
    """The keys of all objects at a place."""
    store, keys, page = PlaceObjects(place), list[str](), Page((), True)
    while page.more:
        page = store.list("", keys[-1] if keys else "")
        keys += page.keys
    return keys


if VARIABLE in os.environ:  # in a process that forks for each job
    bucket_at(os.environ[VARIABLE])
