"""A node with many collections that comes back is sent what it has missed, and loads nothing for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from protobase_live.protocol.peer.messages import Commits, Deleted, SnapshotPart, Standings
from protobase_storage import FileStorage, Storage, Vector
from tests.support.nodes import Connection, Node

COLLECTIONS, OPEN, MISSED = 10_000, 50, 100
NAMES = [f"c{n:05}" for n in range(COLLECTIONS)]
OPENED = NAMES[:OPEN]
WRITTEN = NAMES[OPEN // 2 : OPEN // 2 + MISSED]
"""Some of them are open at the other node."""

SECONDS = 60.0
"""Nothing takes this long unless it is broken."""


class Nodes:
    """Two nodes on files, with the same collections; what is read of them is counted."""

    def __init__(self, a: Node, b: Node) -> None:
        self.a, self.b = a, b
        self.loaded = {node.name: Counter[str]() for node in (a, b)}
        """How often all that is stored of a collection was read, by node."""
        self.read = {node.name: Counter[str]() for node in (a, b)}
        """The same of the ends of logs."""

    def count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on."""
        for node in (self.a, self.b):
            self._count(node.storage, node.name, monkeypatch)

    def _count(self, storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        load, commits_after = storage.load, storage.commits_after

        async def counted_load(collection: str) -> object:
            self.loaded[name][collection] += 1
            return await load(collection)

        async def counted_read(collection: str, vector: Vector, limit: int) -> object:
            self.read[name][collection] += 1
            return await commits_after(collection, vector, limit)

        monkeypatch.setattr(storage, "load", counted_load)
        monkeypatch.setattr(storage, "commits_after", counted_read)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        made: list[Node] = []
        for name in ("a", "b"):
            storage = await FileStorage.open(tmp_path / name, make_identity=lambda name=name: name)
            made.append(Node(name, storage=storage))
            stack.push_async_callback(made[-1].close)
        a, b = made
        await a.put(NAMES[0], "k", n=1)
        (commit,) = (await a.storage.load(NAMES[0])).commits
        everywhere = [replace(commit, collection=name) for name in NAMES]
        await a.storage.append(everywhere[1:])
        await b.storage.append(everywhere)
        for name in OPENED:
            assert await b.keys(name) == ["k"]
        yield Nodes(a, b)


async def came(node: Node, names: list[str]) -> None:
    """Wait until a second commit of each is durable."""
    async with asyncio.timeout(SECONDS):
        for name in names:
            while sum((await node.vector(name)).values()) < 2:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0)


async def test_only_what_was_missed_is_sent_and_nothing_is_loaded(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = nodes.a, nodes.b
    for name in WRITTEN:
        await a.put(name, "missed", n=2)
    nodes.count(monkeypatch)
    connection = Connection(a, b)
    await came(b, WRITTEN)

    sent = [
        (name, len(forms))
        for each in connection.ends[0].messages(Commits)
        for name, (_, forms) in each.commits.items()
    ]
    assert sorted(sent) == [(name, 1) for name in WRITTEN]
    assert connection.ends[1].messages(Commits) == []
    for end in connection.ends:
        assert end.messages(SnapshotPart) == end.messages(Deleted) == []
        assert sum(len(page.positions) for page in end.messages(Standings)) == COLLECTIONS

    assert nodes.read == {"a": Counter(WRITTEN), "b": Counter()}
    assert nodes.loaded == {"a": Counter(), "b": Counter()}
    assert sorted(b.db.actor_stats()) == OPENED
    for name in (WRITTEN[0], OPENED[0]):
        assert await b.keys(name) == (["k", "missed"] if name in WRITTEN else ["k"])
