"""Nodes of a cluster as processes: killed, started again, cut off and healed, while clients write to all."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest
from pycrdt import Doc, Map, Text

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.cli.agreement import Verdict, compare
from tests.support import raw
from tests.support.cluster_load import ROOM, SIDES, SINGLES, ClusterLoad
from tests.support.server_nodes import ServerNodes, nobody_lacks_anything
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient

PROMISES = 100
"""What is promised during each fault, by all nodes together."""
LONG_PROMISES = (10, 100, 1_000)
"""The same of the long test, which draws one for each fault: some are over before they are noticed."""
AGREE_SECONDS = 2.0
"""Within which all nodes agree after the last fault was healed, on a machine that does nothing else."""
MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
SEED = int(os.environ.get("SOAK_SEED", "1"))

Wait = Callable[[], Awaitable[None]]
Fault = Callable[[ServerNodes, Wait, int, int], Awaitable[None]]
"""Does something to a node and its link to another one, waits, and heals it."""


async def kill(cluster: ServerNodes, wait: Wait, one: int, other: int) -> None:
    await cluster.nodes[one].kill()
    await wait()
    await cluster.nodes[one].start()


async def cut_off(cluster: ServerNodes, wait: Wait, one: int, other: int) -> None:
    links = [proxy for pair, proxy in cluster.proxies.items() if one in pair]
    for link in links:
        link.cut()
    await wait()
    for link in links:
        link.heal()


async def mute(cluster: ServerNodes, wait: Wait, one: int, other: int) -> None:
    cluster.mute(one, other)
    await wait()
    for link in cluster.between(one, other):
        link.heal()


async def stall(cluster: ServerNodes, wait: Wait, one: int, other: int) -> None:
    for link in cluster.between(one, other):
        link.forth.stall()
    await wait()
    for link in cluster.between(one, other):
        link.heal()


async def slow_down(cluster: ServerNodes, wait: Wait, one: int, other: int) -> None:
    for link in cluster.between(one, other):
        link.back.slow(20_000)
    await wait()
    for link in cluster.between(one, other):
        link.heal()


FAULTS: tuple[Fault, ...] = (kill, cut_off, mute, stall, slow_down)


async def test_nodes_agree_after_every_fault_and_lose_nothing(tmp_path: Path, node: NodeClients):
    async with ServerNodes(tmp_path) as cluster:
        async with ClusterLoad(cluster.nodes, node) as load:
            for number, fault in enumerate((kill, cut_off, kill, mute, kill)):
                one = number // 2
                await _strike(cluster, load, fault, one, (one + 1) % 3, PROMISES)
        await _assert_all_is_there(cluster, load, node)


@pytest.mark.skipif(not MINUTES, reason="make soak runs it")
async def test_soak(tmp_path: Path, node: NodeClients):
    random, until, slow = Random(SEED), time.monotonic() + 60 * MINUTES, list[str]()
    async with ServerNodes(tmp_path) as cluster:
        async with ClusterLoad(cluster.nodes, node) as load:
            while time.monotonic() < until:
                fault, (one, other) = random.choice(FAULTS), random.sample(range(3), 2)
                took = await _strike(cluster, load, fault, one, other, random.choice(LONG_PROMISES))
                said = f"{fault.__name__} of n{one} and n{other}: agreed after {took:.2f} s"
                print(said, flush=True)
                slow += [said] if took > AGREE_SECONDS else []
        await _assert_all_is_there(cluster, load, node)
    print(f"{sum(map(len, load.promised.values()))} promises kept")
    assert not slow, f"more than {AGREE_SECONDS} s; was the machine idle?"


async def _strike(
    cluster: ServerNodes, load: ClusterLoad, fault: Fault, one: int, other: int, promises: int
) -> float:
    """How long the nodes took to have the same once a fault was healed and nobody wrote any more, in seconds.

    They are asked by clients of their own: who has lost a node waits longer before dialing it again.
    Comparing what is shown, which loads all collections, is not counted.
    """
    load.start()
    await fault(cluster, lambda: load.more(promises), one, other)
    healed = time.monotonic()
    await load.stop()
    async with AsyncExitStack() as stack:
        asked = [await stack.enter_async_context(pb.connect(node.live)) for node in cluster.nodes]
        await asyncio.gather(*(nobody_lacks_anything(each, links=2) for each in asked))
        took = time.monotonic() - healed
        found = await compare(asked, WAIT_SECONDS, SystemClock())
    differing = [each for each in found if each.verdict is not Verdict.SAME]
    assert not differing, f"{fault.__name__} of n{one} and n{other}: {differing}"
    return took


async def _assert_all_is_there(cluster: ServerNodes, load: ClusterLoad, yjs: NodeClients) -> None:
    """At every node: all that was promised, nothing else, and for Yjs the same document as for pycrdt."""
    for server in cluster.nodes:
        found = {name: await _keys(yjs, server.yjs, name) for name in (SINGLES, *SIDES)}
        assert found[SIDES[0]] == found[SIDES[1]], "a transaction is there in part"
        found |= {"whole": found[SIDES[0]], ROOM: await _entries(yjs, server.yjs)}
        for what, promised in load.promised.items():
            assert not promised - found[what], f"lost of {what}"
            assert not found[what] - load.sent[what], f"nobody sent of {what}"


async def _keys(yjs: NodeClients, url: str, name: str) -> set[str]:
    client, doc = await _both(yjs, url, name)
    keys = set(doc.get("records", type=Map).keys())
    assert set(await client.get("[...doc.getMap('records').keys()]")) == keys
    await client.run("provider.destroy()")
    return keys


async def _entries(yjs: NodeClients, url: str) -> set[str]:
    client, doc = await _both(yjs, url, ROOM)
    entries, text = doc.get("entries", type=Map), doc.get("text", type=Text)
    assert await client.get("doc.getMap('entries').toJSON()") == entries.to_py()
    assert await client.get("doc.getText('text').toString()") == str(text)
    await client.run("provider.destroy()")
    return set(entries.keys())


async def _both(yjs: NodeClients, url: str, name: str) -> tuple[YjsClient, Doc]:
    """A stock Yjs client at a node, and a pycrdt document that has got everything there."""
    client, doc = await (await yjs.open(url, name)).synced(), Doc()
    await (await raw.join(url, name, doc)).close()
    return client, doc
