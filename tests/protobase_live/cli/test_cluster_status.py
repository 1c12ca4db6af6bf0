"""A node, seen from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import protobase_live as pb
from tests.protobase_live.cli.command import run

SECRET = b"a secret of sixteen bytes or more"
SECONDS = 20.0
"""For a link to come up."""


@asynccontextmanager
async def node(name: str, peers: Sequence[str] = (), **how: object) -> AsyncIterator[tuple[pb.Database, str]]:
    """A node in memory, and where its doors are."""
    async with (
        pb.open("memory:", node_id=name) as database,
        pb.Server(database, port=0, peers=peers, cluster_secret=SECRET, **how) as server,
    ):
        yield database, server.url.replace("http", "ws")


def known(token: str | None) -> str:
    if token != "right":
        raise pb.Unauthorized("who are you?")
    return "ann"


async def linked(database: pb.Database) -> None:
    async with asyncio.timeout(SECONDS):
        while not database.replication.links:  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0)


async def test_a_node_that_is_linked() -> None:
    async with node("n1") as (_, url), node("n2", [f"{url}/peer"]) as (two, other_url):
        await (await two.collection("tasks")).put({"n": 1}, key="a")
        await linked(two)
        found = await run("cluster", "--lag", "1000", other_url)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith("node n2, one of 2: 1 collections, 1 of them in memory, ")
        assert (await two.state_hash("tasks")).hash[:12] in found.out
        told = json.loads((await run("cluster", "status", other_url, "--lag", "1000", "--json")).out)
        assert (told["well"], told["faults"], told["node"], told["configured"]) == (True, [], "n2", 2)
        assert [(each["node"], each["address"], each["up"]) for each in told["links"]] == [
            ("n1", f"{url}/peer", True)
        ]
        shown = await two.state_hash("tasks")
        assert told["hashes"] == {"tasks": {"hash": shown.hash, "commits": 1}}
        told = json.loads((await run("cluster", url, "--json", "--no-hashes", "--lag", "1000")).out)
        assert [(each["node"], each["address"], each["linked"]) for each in told["links"]] == [
            ("n2", None, ["n1"])
        ]
        assert told["hashes"] == {}


async def test_a_node_that_is_not_linked_is_a_fault() -> None:
    async with node("n1", ["ws://127.0.0.1:1/peer"]) as (database, url):
        async with asyncio.timeout(SECONDS):
            while database.replication.dialings[0].problem is None:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0)
        found = await run("cluster", url)
        assert (found.code, found.err) == (1, "")
        assert "not linked" in found.out
        assert found.out.splitlines()[-1].startswith("ws://127.0.0.1:1/peer is not linked: ")
        told = await run("cluster", url, "--json")
        assert told.code == 1
        assert json.loads(told.out)["well"] is False


async def test_strangers_are_told_nothing() -> None:
    async with node("n1", authenticate=known) as (_, url):
        found = await run("cluster", url)
        assert (found.code, found.out) == (1, "")
        assert found.err.startswith("error: ")
        assert (await run("cluster", url, "--token", "right")).code == 0


async def test_who_is_not_there_is_one_line() -> None:
    found = await run("cluster", "ws://127.0.0.1:1")
    assert (found.code, found.out, found.err.count("\n")) == (1, "", 1)
