"""Who is in a collection, over servers that share a stream."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb
from tests.support.nats_places import url_of
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.usefixtures("on_one")

WAIT_SECONDS = 30


async def until(presence: Any, *names: str) -> None:
    """Wait until these are there, and nobody else."""
    async with asyncio.timeout(WAIT_SECONDS):
        while sorted(state["name"] for state in presence.states.values()) != sorted(names):
            await anext(aiter(presence))


async def test_people_at_two_databases_see_each_other(tmp_path: Path) -> None:
    async with pb.open(url_of(tmp_path)) as one, pb.open(url_of(tmp_path)) as other:
        tasks, there = await one.collection("tasks"), await other.collection("tasks")
        async with tasks.presence({"name": "ann"}) as ann:
            await until(ann, "ann")
            async with there.presence({"name": "bob"}) as bob:
                await until(bob, "ann", "bob")
                await until(ann, "ann", "bob")
                await ann.set({"name": "amy"})
                await until(bob, "amy", "bob")
            await until(ann, "amy")


async def test_with_a_server_go_its_people(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        one, other = [await enter(ServerProcess(tmp_path / name, storage=url)) for name in "ab"]

        async def come(name: str, *servers: ServerProcess) -> Any:
            db = await enter(pb.connect([each.live for each in servers]))
            return await enter((await db.collection("tasks")).presence({"name": name}))

        stays, moves = await come("stays", other), await come("moves", one, other)
        await come("goes", one)
        for each in (stays, moves):
            await until(each, "goes", "moves", "stays")
        await one.kill()
        for each in (stays, moves):
            await until(each, "moves", "stays")
