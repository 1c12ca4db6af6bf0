"""The conformance suite on one server, with the snapshots in a bucket of a real S3 server."""

from pathlib import Path

import pytest

from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.sharing import SharingConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_buckets import open_place

pytestmark = pytest.mark.usefixtures("on_one", "on_moto", "long_tickets")


class TestWithBucket(StorageConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_place(place)


class TestWithBucketShared(SharingConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_place(place)


TestWithBucketModel = model_test(open_place, persistent=True, examples=4, steps=15)
