"""The conformance suite on three servers, each with a replica of the stream."""

from pathlib import Path

import pytest

import protobase_live as pb
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.sharing import SharingConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_places import open_nats, url_of

pytestmark = pytest.mark.usefixtures("on_three", "long_tickets")


class TestThreeServers(StorageConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_nats(place)


class TestThreeServersShared(SharingConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_nats(place)


async def test_a_majority_is_what_three_replicas_give(tmp_path: Path) -> None:
    async with pb.open(url_of(tmp_path), durability="majority") as db:
        await (await db.collection("tasks")).put({"title": "a"}, key="t1")


TestThreeServersModel = model_test(open_nats, persistent=True, examples=2, steps=12)
