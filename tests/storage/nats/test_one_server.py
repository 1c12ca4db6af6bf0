"""The conformance suite on one server."""

from pathlib import Path

import pytest

from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.sharing import SharingConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_places import open_nats

pytestmark = pytest.mark.usefixtures("on_one", "long_tickets")


class TestOneServer(StorageConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_nats(place)


class TestOneServerShared(SharingConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_nats(place)


TestOneServerModel = model_test(open_nats, persistent=True, examples=4, steps=15)
