"""A recorded editing session onto object stores, with a kill in its middle: the bucket has all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import protobase_live as pb
from tests.support.cloud_fixtures import bucket_on_fake_gcs, bucket_on_seaweedfs
from tests.support.cloud_places import url_of
from tests.support.editing_session import load
from tests.support.server_process import ServerProcess
from tests.support.session_replay import TEXT, Kills, replay_in_node
from tests.support.yjs_node import NodeClients

BURSTS = 25
ROOM = "paper"


@pytest.fixture
def on_seaweedfs(seaweedfs: str) -> Iterator[str]:
    yield from bucket_on_seaweedfs(seaweedfs)


@pytest.fixture
def on_fake_gcs(fake_gcs: str) -> Iterator[str]:
    yield from bucket_on_fake_gcs(fake_gcs)


async def replay_and_look_elsewhere(tmp_path: Path, node: NodeClients) -> None:
    session, kills = load(), Kills([0.5])
    burst = len(session.patches) // BURSTS
    async with ServerProcess(tmp_path, storage=url_of(tmp_path)) as server, asyncio.TaskGroup() as tasks:
        tasks.create_task(replay_in_node(server, node, session, ROOM, kills, burst))
        tasks.create_task(kills.restart(server))
    async with ServerProcess(tmp_path / "elsewhere", storage=url_of(tmp_path)) as fresh:
        client = await (await node.open(fresh.yjs, ROOM)).synced()
        assert await client.get(TEXT) == session.end
        async with pb.connect(fresh.live) as db:
            body = await (await db.collection(ROOM)).text("body")
            assert await body.value() == session.end


@pytest.mark.usefixtures("on_seaweedfs")
async def test_onto_seaweedfs(tmp_path: Path, node: NodeClients) -> None:
    await replay_and_look_elsewhere(tmp_path, node)


@pytest.mark.usefixtures("on_fake_gcs")
async def test_onto_fake_gcs(tmp_path: Path, node: NodeClients) -> None:
    await replay_and_look_elsewhere(tmp_path, node)
