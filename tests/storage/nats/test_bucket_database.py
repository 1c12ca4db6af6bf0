"""A database in a stream with its snapshots in a bucket, as programs and people use it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import protobase_live as pb
from tests.protobase_live.cli.command import run
from tests.support import cloud_places, nats_places
from tests.support.cloud_fixtures import bucket_on_fake_gcs, bucket_on_seaweedfs
from tests.support.cloud_places import PlaceObjects, keys_at
from tests.support.marker import MARKER, in_objects
from tests.support.nats_buckets import url_of

pytestmark = pytest.mark.usefixtures("on_one")

LIMITS = pb.Limits(log_commits=20, retained_commits=0)

LARGE = random.Random(0).randbytes(200_000).hex()
"""What no snapshot makes small."""


@pytest.fixture
def on_s3(seaweedfs: str) -> Iterator[str]:
    """The bucket of this test is SeaweedFS's: the next one of its module may use another."""
    yield from bucket_on_seaweedfs(seaweedfs)


@pytest.fixture
def on_gcs(fake_gcs: str) -> Iterator[str]:
    """The bucket of this test is fake-gcs-server's."""
    yield from bucket_on_fake_gcs(fake_gcs)


async def fold(db: pb.Database, collection: pb.Collection) -> None:
    """Write more until there is a large snapshot of the only collection."""
    async with asyncio.timeout(60):
        while (await db.collections())[0].snapshot_bytes < len(LARGE):
            for n in range(20):
                await collection.put({"n": n}, key=f"t{n % 7}")


async def write(url: str) -> dict[str, Any]:
    """Have a database with a large snapshot in the bucket; its records."""
    async with pb.open(url, limits=LIMITS) as db:
        tasks = await db.collection("tasks")
        await tasks.put({"title": LARGE}, key="large")
        await fold(db, tasks)
        await tasks.put({"title": "last"}, key="last")
        return await tasks.items()


async def read(url: str) -> dict[str, Any]:
    async with pb.open(url) as db:
        return await (await db.collection("tasks")).items()


async def in_a_bucket(place: Path) -> None:
    written = await write(url_of(place))
    assert [key for key in keys_at(place) if "/snap/tasks/" in key]
    assert await read(url_of(place)) == written
    async with pb.open(url_of(place)) as db:
        await db.drop("tasks")
    assert [key for key in keys_at(place) if "/snap/" in key] == []


@pytest.mark.usefixtures("on_s3")
async def test_in_s3(tmp_path: Path) -> None:
    await in_a_bucket(tmp_path)


@pytest.mark.usefixtures("on_gcs")
async def test_in_google_cloud_storage(tmp_path: Path) -> None:
    await in_a_bucket(tmp_path)


@pytest.mark.usefixtures("on_s3")
async def test_who_names_another_bucket_is_told_the_right_one(tmp_path: Path) -> None:
    await write(url_of(tmp_path))
    plain = nats_places.url_of(tmp_path)
    with pytest.raises(pb.StorageFailed, match=r"was opened without: write snapshots=s3://"):
        await read(plain)
    other = f"{plain}&snapshots={quote(cloud_places.url_of(tmp_path / 'other'))}"
    with pytest.raises(pb.StorageFailed, match=r"was opened with snapshots=s3://.*: write snapshots=s3://"):
        await read(other)


@pytest.mark.usefixtures("on_s3")
async def test_it_is_saved_restored_and_copied(tmp_path: Path) -> None:
    first, second = url_of(tmp_path), url_of(tmp_path / "second")
    written = await write(first)
    assert (await run("backup", first, tmp_path / "saved")).code == 0
    assert (await run("restore", tmp_path / "saved", second)).code == 0
    assert await read(second) == written
    third = nats_places.url_of(tmp_path / "third")  # without a bucket, which is how one changes it
    assert (await run("copy", first, third)).code == 0
    assert await read(third) == written
    assert await read(first) == written


@pytest.mark.usefixtures("on_s3")
async def test_no_byte_is_left_of_what_was_erased(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    async with pb.open(url, limits=LIMITS) as db:
        notes = await db.collection("notes")
        await notes.put({"title": LARGE, "word": MARKER}, key="gone")
        await notes.put({"title": LARGE}, key="kept")
        await fold(db, notes)
        assert in_objects(tmp_path)
        kept = {key: value for key, value in (await notes.items()).items() if key != "gone"}
        assert (await db.erase("notes", "gone")).left == {}
        assert in_objects(tmp_path) == []
        assert await notes.items() == kept
        assert [key for key in keys_at(tmp_path) if "/snap/" in key]  # what is left is in the bucket, too
    async with pb.open(url) as db:
        assert await (await db.collection("notes")).items() == kept
        assert (await db.erase("notes")).left == {}
    assert [key for key in keys_at(tmp_path) if "/snap/" in key] == []


@pytest.mark.usefixtures("on_s3")
async def test_a_collection_whose_snapshot_cannot_be_read_is_back_with_it(tmp_path: Path) -> None:
    written = await write(url_of(tmp_path))
    store = PlaceObjects(tmp_path)
    bodies = {key: store.get(key, 0, None) or b"" for key in keys_at(tmp_path) if "/snap/" in key}
    async with pb.open(url_of(tmp_path), limits=pb.Limits(unloadable_seconds=0.1)) as db:
        store.delete([*bodies])
        with pytest.raises(pb.ProtoBaseError, match="the object"):
            await (await db.collection("tasks")).get("last")
        await (await db.collection("other")).put({"title": "goes on"}, key="one")
        for key, body in bodies.items():
            store.put(key, body)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await (await db.collection("tasks")).items() == written
                    return
                except pb.ProtoBaseError:
                    await asyncio.sleep(0)
