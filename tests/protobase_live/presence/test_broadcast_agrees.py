"""Nodes that hear each other over a channel agree on who is there, whatever is lost."""

from __future__ import annotations

import asyncio
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.presence.broadcast import RENEWALS
from protobase_live.presence.limits import PresenceLimits
from tests.protobase_live.presence.test_peers_agree import Story, stay_seen
from tests.support.presence_bus import Bus

STEPS = 40
LIMITS = PresenceLimits()


class BusStory(Story):
    """What happens to nodes on a bus."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.bus = self.cluster = Bus(self.nodes, random)
        self.bus.losses = random.choice([0.0, 0.0, 0.1, 0.5])

    def connect_or_cut(self, pair: tuple[int, int]) -> None:
        self.bus.cut_pairs ^= {pair}

    def connect_all(self) -> None:
        """They need no links."""

    async def heal(self) -> None:
        """Nothing is lost any more, and in a while it does not matter what was."""
        self.bus.cut_pairs.clear()
        self.bus.losses = 0.0
        for _ in range(2 * RENEWALS + 1):
            await self.renew()

    async def check_shown(self) -> None:
        for node in range(self.nodes):
            assert await self.bus.shown_soon(node) == self.bus.there()

    def check_seen(self) -> None:
        """Stock clients show each other again when they have renewed their states."""
        there = self.bus.there()
        assert self.bus.seen() == dict.fromkeys(there, there)


async def run(random: Random) -> None:
    story = BusStory(random)
    for _ in range(random.randint(1, STEPS)):
        story.step()
        await story.settle()
        await story.check_own()
    await story.heal()
    await story.check_shown()
    story.check_seen()


@pytest.mark.parametrize("bad_days", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_who_sits_still_is_seen_by_all_who_move(seed: int, bad_days: bool):
    story = BusStory(Random(seed))
    story.bus.losses = 0.0
    await stay_seen(story, bad_days)


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_nodes_agree(random: Random):
    asyncio.run(run(random))


@pytest.mark.parametrize("seed", range(20))
async def test_nodes_agree_after_long_stories(seed: int):
    await run(Random(seed))


@pytest.mark.parametrize("seed", range(10))
async def test_without_losses_they_agree_at_once(seed: int):
    story = BusStory(Random(seed))
    story.bus.losses = 0.0
    for _ in range(STEPS):
        story.come_or_go(story.random.randrange(5))
        story.come_or_go_person(100 + story.random.randrange(3))
        story.move()
        await story.settle()
    await story.bus.clock.advance(2)
    await story.check_shown()


@pytest.mark.parametrize("seed", range(10))
async def test_after_a_long_cut_they_agree_at_once(seed: int):
    story = BusStory(Random(seed))
    story.bus.losses = 0.0
    for client in range(4):
        story.bus.enter(client, client % story.nodes)
    await story.bus.clock.advance(1)
    story.bus.cut_pairs.update(combinations(range(story.nodes), 2))
    await story.bus.clock.advance(1)
    story.bus.exit(0)
    story.bus.tabs[1].set({"n": 7})
    await story.bus.clock.advance(LIMITS.peer_seconds + 1)
    for node in range(story.nodes):
        at = {client for client, (where, _) in story.bus.lines.items() if where == node}
        assert (await story.bus.shown_soon(node)).keys() == at
    story.bus.cut_pairs.clear()
    await story.bus.clock.advance(LIMITS.peer_seconds)
    await story.check_shown()
    story.check_seen()
