"""The conformance suite on moto, which speaks S3."""

from pathlib import Path

import pytest

from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.stateful import model_test
from tests.support.cloud_places import CloudDurability, open_cloud

pytestmark = pytest.mark.usefixtures("on_moto")


class TestMoto(StorageConformance):
    async def open(self, place: Path) -> CloudStorage:
        return await open_cloud(place)


class TestMotoDurability(CloudDurability):
    steps = range(0, 200, 3)  # the other servers have the others


TestMotoModel = model_test(open_cloud, persistent=True, examples=2, steps=12)
