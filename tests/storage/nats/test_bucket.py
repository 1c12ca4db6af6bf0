"""Snapshots as objects of a bucket."""

from __future__ import annotations

import pytest

from protobase_storage.cloud.objects import Refused, Unanswered
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.errors import StorageError, StorageUnreachable
from protobase_storage.nats.bucket import SnapshotBucket

ONCE = Patience(attempts=1)


def bucket_on(objects: SimulatedObjects, identity: str = "one") -> SnapshotBucket:
    return SnapshotBucket(objects, identity, ONCE)


async def test_objects_are_put_read_and_dropped() -> None:
    objects = SimulatedObjects(Bucket())
    bucket = bucket_on(objects)
    await bucket.begin()
    await bucket.put("a/b", "1o", b"snapshot")
    assert await bucket.get("a/b", "1o", 8) == b"snapshot"
    assert (await objects.list("", "")).keys == ("one/meta", "one/snap/a!2Fb/1o")
    await bucket.drop("a/b", ["1o", "2o"])
    assert await bucket.get("a/b", "1o", 8) is None
    await bucket.close()


async def test_what_is_there_already_is_what_was_put() -> None:
    bucket = bucket_on(SimulatedObjects(Bucket()))
    await bucket.begin()
    for _ in range(2):  # the answer was lost
        await bucket.put("a", "1o", b"snapshot")


async def test_nothing_is_asked_to_drop_nothing() -> None:
    objects = SimulatedObjects(Bucket())
    await bucket_on(objects).drop("a", [])
    assert not objects.requests


async def test_databases_share_a_prefix() -> None:
    objects = SimulatedObjects(Bucket())
    one, other = bucket_on(objects), bucket_on(objects, "other")
    for each in (one, other):
        await each.begin()
        await each.put("a", "1o", each.identity.encode())
    await one.drop("a", ["1o"])
    assert await other.get("a", "1o", 5) == b"other"


async def test_a_bucket_elsewhere_is_not_taken_for_one_that_is_empty() -> None:
    elsewhere = bucket_on(SimulatedObjects(Bucket()))
    for ask in (
        elsewhere.check,
        lambda: elsewhere.get("a", "1o", 1),
        lambda: elsewhere.put("a", "1o", b"1"),
        lambda: elsewhere.drop("a", ["1o"]),
    ):
        with pytest.raises(StorageError, match=r"no object 'one/meta'.*correct the bucket's endpoint"):
            await ask()


async def test_of_a_database_that_was_not_begun_nothing_is_left() -> None:
    objects = SimulatedObjects(Bucket())
    bucket = bucket_on(objects)
    await bucket.begin()
    await bucket.abandon()
    assert (await objects.list("", "")).keys == ()


async def test_errors_are_those_of_a_storage() -> None:
    objects = SimulatedObjects(Bucket())
    bucket = bucket_on(objects)
    objects.faults.failure = Unanswered("away")
    with pytest.raises(StorageUnreachable, match="away"):
        await bucket.begin()
    objects.faults.failure = Refused("not yours")
    with pytest.raises(StorageError, match="not yours") as caught:
        await bucket.begin()
    assert not caught.value.retryable


async def test_putting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protobase_storage.nats.bucket.PUT_SECONDS", 0.0)
    objects = SimulatedObjects(Bucket())
    bucket = bucket_on(objects)
    await bucket.begin()
    objects.faults.delay = (5.0, 5.0)
    with pytest.raises(StorageUnreachable, match="was not put within 0 s"):
        await bucket.put("a", "1o", b"snapshot")
