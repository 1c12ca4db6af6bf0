"""Stock providers whose tokens end while they are connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient

CLOSES = "told.filter(([event]) => /close$/.test(event)).map(([, said]) => [said].flat()[0])"
WRITE = "doc.getText('body').insert(doc.getText('body').length, args.text)"


@dataclass
class Served:
    """A server to which ``ann N`` is let in until ``N`` times a hundred seconds have passed."""

    clock: ManualClock
    port: int
    notes: pb.Collection

    async def until_text(self, expected: str) -> None:
        """Wait until the server has this text."""
        async with asyncio.timeout(WAIT_SECONDS), self.notes.changes() as changes:
            body = await self.notes.text("body")  # opened, so that its changes are told
            while await body.value() != expected:
                await anext(aiter(changes))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    clock = ManualClock(1000.0)

    def authenticate(token: str | None) -> pb.Identity:
        author, number = str(token).split()
        return pb.Identity(author, expires=1000.0 + 100.0 * int(number))

    limits = pb.ServerLimits(ping_seconds=10_000.0)  # time passes faster than a client can answer
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, authenticate=authenticate, clock=clock, limits=limits) as server,
    ):
        yield Served(clock, server.port, await db.collection("notes"))


async def advance_until(served: Served, client: YjsClient, seconds: float, condition: str) -> None:
    """Let so much time pass, and wait until it is noticed."""
    await served.clock.advance(seconds)
    await client.until(condition)


@pytest.mark.parametrize(
    ("provider", "present"),
    [
        ("yw15", "provider.url = provider.url.replace('ann%201', args.token)"),
        *((kind, "provider.params = {token: args.token}") for kind in ("yw21", "yw30", "yw31")),
    ],
)
async def test_y_websocket_comes_back_with_what_it_was_given_meanwhile(
    served: Served, node: NodeClients, provider: str, present: str
) -> None:
    url = f"ws://127.0.0.1:{served.port}/yjs"
    ann = await node.open(url, "notes", provider=provider, params={"token": "ann 1"})
    await ann.until("provider.synced")
    await ann.run(WRITE, text="one")
    await served.until_text("one")
    await ann.run(present, token="ann 2")
    await ann.run(WRITE, text=" two")
    await advance_until(served, ann, 100.0, f"{CLOSES}.includes(3000)")
    await ann.run(WRITE, text=" three")
    await served.until_text("one two three")
    await ann.until("provider.synced")
    assert await ann.get(CLOSES) == [3000]


@pytest.mark.parametrize("provider", ["hp3", "hp4"])
async def test_hocuspocus_is_asked_and_goes_on(served: Served, node: NodeClients, provider: str) -> None:
    url = f"ws://127.0.0.1:{served.port}/hocuspocus"
    ann = await node.open(url, "notes", provider=provider, token="ann 1")
    await ann.until("provider.synced")
    await ann.run("provider.asked = 1; provider.configuration.token = () => `ann ${++provider.asked}`")
    await served.clock.advance(75.0)  # it is asked 30 seconds before the end
    for number in range(1, 5):
        await ann.until(f"provider.asked > {number}")
        await ann.run(WRITE, text=str(number))
        await ann.until("!provider.hasUnsyncedChanges")
        await served.clock.advance(100.0)
    await served.until_text("1234")
    assert await ann.get(CLOSES) == []


async def test_hocuspocus_2_comes_back(served: Served, node: NodeClients) -> None:
    url = f"ws://127.0.0.1:{served.port}/hocuspocus"
    ann = await node.open(url, "notes", provider="hp2", token="ann 1")
    await ann.until("provider.synced")
    await ann.run("provider.configuration.token = 'ann 2'")
    await advance_until(served, ann, 100.0, f"{CLOSES}.length > 0")
    await ann.run(WRITE, text="late")
    await served.until_text("late")
    await ann.until("!provider.hasUnsyncedChanges")
    assert await ann.get(CLOSES) == [3000]
