"""Servers that are compared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

import protobase_live as pb
from tests.protobase_live.cli.command import run

Nodes = tuple[list[pb.Database], list[str]]


@pytest.fixture
async def nodes() -> AsyncIterator[Nodes]:
    """Two databases with the same collection, and the addresses of their servers."""
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(pb.open("memory:")) for _ in range(2)]
        servers = [await stack.enter_async_context(pb.Server(each, port=0)) for each in databases]
        await (await databases[0].collection("tasks")).put({"n": 1}, key="a")
        await databases[1].replicate({"tasks": (await databases[0].storage.load("tasks")).commits})
        yield databases, [each.url.replace("http", "ws") + "/live" for each in servers]


async def test_the_same(nodes: Nodes) -> None:
    assert await run("cluster", "verify", *nodes[1]) == (
        0,
        "1 collections on 2 nodes, 0 of them differ\n",
        "",
    )
    found = await run("cluster", "verify", "--json", *nodes[1])
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.out) == {
        "same": True,
        "nodes": nodes[1],
        "collections": 1,
        "differing": [],
        "unreachable": {},
    }


async def test_what_differs_is_named(nodes: Nodes) -> None:
    (one, other), urls = nodes
    for name, database in (("late", one), ("tasks", one), ("elsewhere", other)):
        await (await database.collection(name)).put({"n": 2}, key="b")
    table = await run("cluster", "verify", "--wait", "0", *urls)
    assert (table.code, table.err) == (1, "")
    lines = table.out.splitlines()
    assert [line.split()[0] for line in lines if line.split()[0] in ("late", "tasks", "elsewhere")] == [
        "elsewhere",
        "late",
        "tasks",
    ]
    assert lines[-1] == "3 collections on 2 nodes, 3 of them differ"
    found = await run("cluster", "verify", "--wait", "0", "--json", *urls)
    told = json.loads(found.out)
    assert (found.code, told["same"], told["collections"]) == (1, False, 3)
    verdicts = {each["collection"]: each["verdict"] for each in told["differing"]}
    assert verdicts == {"elsewhere": "missing", "late": "missing", "tasks": "vectors differ"}
    assert told["differing"][0]["answers"][0] is None
    assert [sum(each["vector"].values()) for each in told["differing"][2]["answers"]] == [2, 1]


async def test_another_state_with_the_same_commits_is_a_fault(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one, other), urls = nodes
    expected = await one.state_hash("tasks")
    assert await other.state_hash("tasks") == expected

    async def wrong(collection: str) -> object:
        return type(expected)("0" * 64, expected.vector)

    monkeypatch.setattr(other, "state_hash", wrong)
    found = await run("cluster", "verify", "--wait", "1000", *urls)
    assert (found.code, found.err) == (1, "")
    assert "other hash" in found.out
    assert f"{expected.hash[:12]} of 1" in found.out


async def test_who_is_not_there_is_named_and_the_others_are_compared(nodes: Nodes) -> None:
    (one, _), urls = nodes
    await (await one.collection("late")).put({"n": 2}, key="b")
    gone = "ws://127.0.0.1:1/live"
    table = await run("cluster", "verify", "--wait", "0", urls[0], gone, urls[1])
    assert (table.code, table.out.splitlines()[-1]) == (1, "2 collections on 2 nodes, 1 of them differ")
    assert table.err.startswith(f"error: cannot connect to {gone}: ")
    assert table.err.endswith("; the other nodes were compared\n")
    found = await run("cluster", "verify", "--json", urls[1], urls[1], gone)
    told = json.loads(found.out)
    assert (found.code, told["same"], told["nodes"], told["differing"]) == (1, False, [urls[1]] * 2, [])
    assert list(told["unreachable"]) == [gone]


async def test_addresses_are_whole_where_nobody_sees_them_in_a_terminal(nodes: Nodes) -> None:
    (one, _), urls = nodes
    await (await one.collection("late")).put({"n": 2}, key="b")
    table = await run("cluster", "verify", "--wait", "0", *urls, *urls)
    assert table.out.splitlines()[0].split() == ["collection", "verdict", *urls, *urls]


async def test_who_is_not_there_is_one_line(nodes: Nodes) -> None:
    found = await run("cluster", "verify", nodes[1][0], "ws://127.0.0.1:1/live?token=secret")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith("error: cannot connect to ws://127.0.0.1:1/live: ")
    assert len(found.err.splitlines()) == 1
    alone = await run("cluster", "verify", nodes[1][0])
    assert (alone.code, "at least two servers" in alone.err) == (2, True)
