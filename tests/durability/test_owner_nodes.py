"""Nodes with one owner as processes: whoever is killed, transactions are carried out one after the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.cli.agreement import Verdict, compare
from tests.support.server_nodes import ServerNodes
from tests.support.yjs_node import WAIT_SECONDS

ORDERS = "orders"
EACH = 10
"""Numbers that are given out by all nodes together, between two kills."""

SOON = pb.ClientLimits(max_backoff_seconds=1.0)


class Counters:
    """A client at each node that takes numbers, and remembers which it was given."""

    def __init__(self) -> None:
        self.given: list[int] = []
        """Those that were acknowledged."""
        self.unknown = 0
        """Transactions of which nobody knows whether they were carried out."""
        self._more = asyncio.Condition()

    async def take(self, db: pb.RemoteDatabase, name: str) -> None:
        """Take numbers for ever."""
        for n in count():
            try:
                number = await db.transact(lambda tx, of=f"{name}-{n}": _take_number(tx, of))
            except pb.OutcomeUnknown:
                self.unknown += 1
            except (pb.NoOwner, pb.Unavailable, pb.Conflict):
                continue
            else:
                self.given.append(number)
                async with self._more:
                    self._more.notify_all()

    async def until(self, more: int) -> None:
        """Wait until so many more were given out."""
        aim = len(self.given) + more
        async with asyncio.timeout(WAIT_SECONDS), self._more:
            await self._more.wait_for(lambda: len(self.given) >= aim)


async def _take_number(tx: pb.Transaction, who: str) -> int:
    last = await tx[ORDERS].get("last")
    number = 1 + (last["n"] if last else 0)
    await tx[ORDERS].put({"n": number}, key="last")
    await tx[ORDERS].insert({"who": who}, key=f"n{number}")
    return number


async def owner_of(db: pb.RemoteDatabase) -> int:
    """The number of the node that is the owner, as soon as there is one."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not (owner := (await db.cluster_status()).owner):  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0.05)
    return int(owner.removeprefix("n"))


async def test_no_number_is_given_out_twice_or_left_out(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(ServerNodes(tmp_path, options=("--owner", "orders*")))
        clients = [
            await stack.enter_async_context(pb.connect(node.live, limits=SOON)) for node in cluster.nodes
        ]
        counters = Counters()
        taking = [
            asyncio.create_task(counters.take(each, f"c{number}")) for number, each in enumerate(clients)
        ]
        await counters.until(EACH)
        for _ in range(2):
            owner = await owner_of(clients[0])
            for killed in (owner, (owner + 1) % 3):
                await cluster.nodes[killed].kill()
                await counters.until(EACH)
                await cluster.nodes[killed].start()
        await counters.until(EACH)
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
        asked = [await stack.enter_async_context(pb.connect(node.live)) for node in cluster.nodes]
        found = await compare(asked, WAIT_SECONDS, SystemClock())
        assert {each.verdict for each in found} == {Verdict.SAME}
        await _check(asked[0], counters)


async def _check(db: pb.RemoteDatabase, counters: Counters) -> None:
    items = dict(await (await db.collection(ORDERS)).items())
    last = items.pop("last")["n"]
    assert set(items) == {f"n{number}" for number in range(1, last + 1)}, "a number was left out"
    assert max(Counter(counters.given).values()) == 1, "a number was given out twice"
    assert max(Counter(row["who"] for row in items.values()).values()) == 1, "somebody has got two"
    assert set(counters.given) <= set(range(1, last + 1)), "what was acknowledged is lost"
    assert last <= len(counters.given) + counters.unknown + len(("c0", "c1", "c2"))
