"""What nodes that serve the same have to hold, however they are connected: one suite for all ways."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.cli.agreement import Verdict, compare
from protobase_live.database.database import Database
from tests.support.editors import SCRIPT, open_editor
from tests.support.yjs_node import NodeClients

COUNT = 3
"""How many nodes there are."""

WAIT_SECONDS = 60.0
"""Longest wait for nodes to agree, on a busy machine."""

KEYS = [f"k{n}" for n in range(8)]

TURNS = 25
"""How much each node does."""


@dataclass(frozen=True, slots=True)
class Node:
    """One of them: its database, and the server before it."""

    db: Database
    server: pb.Server

    @property
    def url(self) -> str:
        """The server's address, for WebSockets."""
        return self.server.url.replace("http", "ws", 1)


async def agree(nodes: Sequence[Node]) -> None:
    """Wait until all nodes have all collections alike."""
    found = await compare([each.db for each in nodes], WAIT_SECONDS, SystemClock())
    wrong = {each.collection: each for each in found if each.verdict is not Verdict.SAME}
    assert not wrong, wrong


class Convergence(ABC):
    """The suite. Who is to pass it says how a node is made."""

    @abstractmethod
    def node(self, place: Path, number: int, others: Sequence[Node]) -> AbstractAsyncContextManager[Node]:
        """A node, with what it has stored before, that serves the same as ``others``."""

    @pytest.fixture
    async def nodes(self, tmp_path: Path) -> AsyncIterator[list[Node]]:
        """Three of them."""
        async with AsyncExitStack() as stack:
            made: list[Node] = []
            for number in range(COUNT):
                made.append(await stack.enter_async_context(self.node(tmp_path, number, made)))
            yield made

    @pytest.mark.parametrize("seed", range(3))
    async def test_random_work_comes_to_the_same(self, nodes: list[Node], seed: int) -> None:
        await asyncio.gather(*(_work(each.db, Random(f"{seed}/{n}")) for n, each in enumerate(nodes)))
        await agree(nodes)
        added = [await (await each.db.collection("tasks")).counter("hits").value() for each in nodes]
        assert added == [COUNT * TURNS] * COUNT
        read = [dict(await (await each.db.collection("tasks")).items()) for each in nodes]
        assert read == [read[0]] * COUNT

    async def test_editors_at_all_nodes_have_the_same_document(self, nodes: list[Node]) -> None:
        async with NodeClients(SCRIPT) as node:
            made = [
                await open_editor(node, "yw31", f"{each.url}/yjs", "page", seed)
                for seed, each in enumerate(nodes)
            ]
            for _ in range(6):
                await asyncio.gather(*(each.edit(8) for each in made))
            await agree(nodes)
            async with asyncio.timeout(WAIT_SECONDS):
                while not _are_alike(found := [await each.dump() for each in made]):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert not any(each["waiting"] for each in found)

    async def test_no_half_of_a_transaction_is_seen(self, nodes: list[Node]) -> None:
        halves = pb.Query("left").join("right", on={"_key": "_key"}, as_="right", how="left")
        for each in nodes:
            for name in ("left", "right"):
                await each.db.collection(name)

        async def write(number: int, db: Database) -> None:
            for turn in range(TURNS):
                async with db.transaction() as tx:
                    for name in ("left", "right"):
                        tx[name].insert({"turn": turn}, key=f"{number}-{turn}")

        async def watch(db: Database) -> None:
            async with db.live(halves) as live:
                while len(live.rows) < COUNT * TURNS:
                    await anext(aiter(live))
                    assert all(row["right"] is not None for row in live.rows)

        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as tasks:
            for number, each in enumerate(nodes):
                tasks.create_task(watch(each.db))
                tasks.create_task(write(number, each.db))
        await agree(nodes)

    async def test_a_live_query_shows_what_running_it_again_does(self, nodes: list[Node]) -> None:
        query = pb.Query("tasks").where(pb.F.n >= 50).order_by("n", "_key").limit(5)
        async with AsyncExitStack() as stack:
            lives = [await stack.enter_async_context(each.db.live(query)) for each in nodes]
            await asyncio.gather(*(_work(each.db, Random(n)) for n, each in enumerate(nodes)))
            await agree(nodes)
            expected = [dict(row) for row in await nodes[0].db.query(query)]
            async with asyncio.timeout(WAIT_SECONDS):
                for live in lives:
                    while [dict(row) for row in live.rows] != expected:
                        await anext(aiter(live))

    async def test_a_stream_that_moves_on_misses_and_repeats_nothing(self, nodes: list[Node]) -> None:
        tasks = [await each.db.collection("tasks") for each in nodes]

        async def write(number: int) -> None:
            for turn in range(TURNS):
                await tasks[number].insert({"turn": turn}, key=f"{number}-{turn}")

        async def read(number: int) -> list[str]:
            """Each change at another node than the one before."""
            keys, cursor = [], pb.START
            while len(keys) < COUNT * TURNS:
                number = (number + 1) % COUNT
                async with tasks[number].changes(cursor) as changes:
                    change = await anext(aiter(changes))
                    assert change.kind == "insert", (change, cursor, number)
                    keys.append(change.key)
                    cursor = change.cursor
            return keys

        async with asyncio.timeout(WAIT_SECONDS), asyncio.TaskGroup() as group:
            readers = [group.create_task(read(number)) for number in range(COUNT)]
            for number in range(COUNT):
                group.create_task(write(number))
        written = sorted(f"{number}-{turn}" for number in range(COUNT) for turn in range(TURNS))
        assert [sorted(each.result()) for each in readers] == [written] * COUNT

    async def test_a_deletion_is_one_everywhere(self, nodes: list[Node]) -> None:
        tasks = [await each.db.collection("tasks") for each in nodes]
        for number, each in enumerate(tasks):
            await each.put({"by": number}, key=f"k{number}")
        await agree(nodes)
        await nodes[1].db.drop("tasks")
        await agree(nodes)
        assert [await each.keys() for each in tasks] == [[]] * COUNT
        for number, each in enumerate(tasks):
            await each.put({"by": number}, key=f"new{number}")
        await agree(nodes)
        assert [sorted(await each.keys()) for each in tasks] == [["new0", "new1", "new2"]] * COUNT

    async def test_a_node_that_was_away_comes_to_have_all(self, tmp_path: Path) -> None:
        async with self.node(tmp_path, 0, []) as one, self.node(tmp_path, 1, [one]) as two:
            async with self.node(tmp_path, 2, [one, two]) as away:
                await _work(away.db, Random(1))
                await agree([one, two, away])
            await asyncio.gather(_work(one.db, Random(2)), _work(two.db, Random(3)))
            async with self.node(tmp_path, 2, [one, two]) as back:
                await _work(back.db, Random(4))
                await agree([one, two, back])

    async def test_people_at_all_nodes_see_each_other(self, nodes: list[Node]) -> None:
        async with asyncio.timeout(WAIT_SECONDS), AsyncExitStack() as stack:
            people = [
                await stack.enter_async_context((await each.db.collection("tasks")).presence({"n": n}))
                for n, each in enumerate(nodes)
            ]
            for each in people:
                await _until(each, [0, 1, 2])
            await people[0].set({"n": 7})
            for each in people[1:]:
                await _until(each, [1, 2, 7])


async def _until(presence: Any, numbers: list[int]) -> None:
    while sorted(state["n"] for state in presence.states.values()) != numbers:
        await anext(aiter(presence))


async def _work(db: Database, random: Random) -> None:
    """Change records and structures that others change, too."""
    tasks = await db.collection("tasks")
    for _ in range(TURNS):
        key = random.choice(KEYS)
        match random.randrange(6):
            case 0:
                await tasks.delete(key)
            case 1:
                await tasks.text("notes").insert(0, f"{key} ")
            case 2:
                await tasks.list("log").append(key)
            case 3:
                await tasks.set("tags").add(key)
            case _:
                await tasks.put({"n": random.randrange(100)}, key=key)
        await tasks.counter("hits").add(1)


def _are_alike(dumps: Sequence[Any]) -> bool:
    own = [{key: each for key, each in dump.items() if key != "id"} for dump in dumps]
    return all(each == own[0] for each in own[1:])
