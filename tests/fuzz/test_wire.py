"""Live queries over a real server show the same, also when their connection is cut at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

import protobase_live as pb
from protobase_live.protocol.live.codec import SUBPROTOCOLS
from tests.support.query_cases import Case, cases, whole_cases
from tests.support.query_data import STORED, Data
from tests.support.query_live import Mirror, commit, fill
from tests.support.query_oracle import answer, equal

SOON = pb.ClientLimits(backoff_seconds=0.001, max_backoff_seconds=0.01)
"""How soon the clients of these tests connect again."""


class Net:
    """Dials the live door of a server, and cuts the last connection."""

    def __init__(self, url: str, subprotocol: str) -> None:
        self.url = url
        self._subprotocol = Subprotocol(subprotocol)
        self._last: ClientConnection | None = None

    async def dial(self, url: str) -> ClientConnection:
        """A connection."""
        self._last = await connect(
            self.url, subprotocols=[self._subprotocol], compression=None, ping_interval=None, close_timeout=1
        )
        return self._last

    def cut(self) -> None:
        """Lose the connection, and what is under way on it."""
        if self._last is not None:
            self._last.transport.abort()

    def connect(self):
        """A client."""
        return pb.connect(self.url, subprotocol=self._subprotocol, dial=self.dial, limits=SOON)


@asynccontextmanager
async def served(case: Case, subprotocol: str) -> AsyncIterator[tuple[Net, pb.RemoteDatabase]]:
    """A server that has the data, and a client that writes."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        await fill(db, case.data)
        net = Net(f"ws://127.0.0.1:{server.port}/live", subprotocol)
        async with pb.connect(net.url) as writer:
            yield net, writer


async def check(db: pb.RemoteDatabase, case: Case, mirror: Mirror, data: Data) -> None:
    """Soon after a commit, everybody has the same rows."""
    expected = answer(case.query, data, case.params)
    asked = await db.query(case.query, case.params)
    assert equal(asked, expected), f"recomputed: {asked}\nexpected: {expected}"
    await mirror.follow(expected)
    assert equal(mirror.live.rows, expected), f"live: {mirror.live.rows}\nexpected: {expected}"


subprotocols = st.sampled_from(SUBPROTOCOLS)


@cases(15)
@given(whole_cases(STORED), subprotocols)
def test_live_is_recomputed_is_the_oracles(case: Case, subprotocol: str) -> None:
    asyncio.run(follow(case, subprotocol))


async def follow(case: Case, subprotocol: str) -> None:
    """Watch a query while all transactions commit."""
    async with (
        served(case, subprotocol) as (net, writer),
        net.connect() as db,
        db.live(case.query, case.params) as live,
    ):
        mirror, data = Mirror(live, live.rows), case.data
        await check(db, case, mirror, data)
        for transaction in case.transactions:
            data = await commit(writer, transaction, data)
            await check(db, case, mirror, data)


@cases(25)
@given(whole_cases(STORED), subprotocols, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_nothing_is_missed_when_connections_are_cut(case: Case, subprotocol: str, moments: list[int]) -> None:
    asyncio.run(cut(case, subprotocol, moments))


async def cut(case: Case, subprotocol: str, moments: list[int]) -> None:
    """Cut the watcher's connection after so many turns of the event loop each, while transactions commit."""
    async with (
        served(case, subprotocol) as (net, writer),
        net.connect() as db,
        db.live(case.query, case.params) as live,
    ):
        mirror, data = Mirror(live, live.rows), case.data
        cutting = asyncio.ensure_future(cut_at(net, moments))
        for transaction in case.transactions:
            data = await commit(writer, transaction, data)
        await cutting
        await check(db, case, mirror, data)
        data = await commit(writer, case.transactions[0], data)
        await check(db, case, mirror, data)


async def cut_at(net: Net, moments: list[int]) -> None:
    """Cut after so many turns of the event loop, again and again."""
    for turns in moments:
        for _ in range(turns):
            await asyncio.sleep(0)
        net.cut()
