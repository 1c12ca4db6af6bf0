"""The conformance suite on three servers, each with a replica of the stream."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb
from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.model import make_commit
from protobase_storage.conformance.sharing import SharingConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats import connection
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Unanswered
from tests.support.nats_places import open_nats, stream_of, url_of

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


async def test_who_waits_is_told_when_another_server_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CALL_SECONDS", 600.0)
    storage, told = await open_nats(tmp_path), asyncio.Event()
    stream: Any = storage._stream
    stream.when_again(told.set)
    inbox, asked = stream._client.new_inbox(), asyncio.Event()

    async def hear(message: object) -> None:
        asked.set()

    await stream._client.subscribe(inbox, cb=hear)
    waiting = asyncio.create_task(stream.store(inbox, b"nobody answers"))
    await asked.wait()
    await stream.ask(f"STREAM.LEADER.STEPDOWN.{stream_of(tmp_path)}", {})
    await told.wait()
    with pytest.raises(Unanswered, match="another server leads"):
        await waiting
    await storage.append([make_commit("a", 1)])
    await storage.close()


TestThreeServersModel = model_test(open_nats, persistent=True, examples=2, steps=12)
