"""The conformance suite on three servers, each with a replica of the stream."""

from pathlib import Path

import pytest

from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_places import open_nats

pytestmark = pytest.mark.usefixtures("on_three")


class TestThreeServers(StorageConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_nats(place)


TestThreeServersModel = model_test(open_nats, persistent=True, examples=2, steps=12)
