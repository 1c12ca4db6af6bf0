"""Nodes agree on who is there, whatever happened to them, their links and their clients."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.presence.limits import PresenceLimits
from tests.support.presence_cluster import Cluster

LATE = 1.5
"""Seconds until a node or a link's end notices at the latest that somebody is gone."""

STEPS = 40


class Story:
    """What happens to a cluster, drawn at random."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.nodes = random.randint(2, 4)
        self.cluster = Cluster(self.nodes)
        self.pairs = [(one, two) for two in range(self.nodes) for one in range(two)]

    def step(self) -> None:
        match self.random.randrange(10):
            case 0 | 1:
                self.connect_or_cut(self.random.choice(self.pairs))
            case 2 | 3 | 4:
                self.come_or_go(self.random.randrange(5))
            case 5 if self.random.random() < 0.2:
                self.cluster.crash(self.random.randrange(self.nodes))
            case _:
                self.move()

    def connect_or_cut(self, pair: tuple[int, int]) -> None:
        if pair not in self.cluster.cables:
            self.cluster.connect(*pair)
        else:
            self.cluster.cut(*pair, self.late(), self.late())

    def come_or_go(self, client: int) -> None:
        if client in self.cluster.lines:
            self.cluster.exit(client, self.late())
        if self.random.random() < 0.7:
            self.cluster.enter(client, self.random.randrange(self.nodes))

    def move(self) -> None:
        if self.cluster.lines:
            client = self.random.choice(list(self.cluster.lines))
            self.cluster.tabs[client].set({"n": self.random.randrange(1000)})

    def late(self) -> float:
        return self.random.choice([0, 0, 0.01, 0.2, LATE])

    async def settle(self) -> None:
        await self.cluster.clock.advance(self.random.choice([0, 0.001, 0.03, 0.05, 0.3, 3]))

    def check_own(self) -> None:
        """Nobody's node has lost it."""
        for client, (node, _) in self.cluster.lines.items():
            assert client in self.cluster.shown(node)

    async def heal(self) -> None:
        for pair in self.pairs:
            if pair not in self.cluster.cables and (pair[0] + 1 == pair[1] or self.random.random() < 0.3):
                self.cluster.connect(*pair)
        await self.cluster.clock.advance(LATE + PresenceLimits().peer_seconds + 1)

    def check(self) -> None:
        for node in range(self.nodes):
            assert self.cluster.shown(node) == self.cluster.there()


async def run(random: Random) -> None:
    story = Story(random)
    for _ in range(random.randint(1, STEPS)):
        story.step()
        await story.settle()
    await story.heal()
    story.check()
    for client in story.cluster.lines:  # as stock clients do every 15 seconds
        tab = story.cluster.tabs[client]
        tab.set(tab.state)
    await story.cluster.clock.advance(1)
    story.check()
    assert story.cluster.seen() == dict.fromkeys(story.cluster.lines, story.cluster.there())


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_nodes_agree(random: Random):
    asyncio.run(run(random))


@pytest.mark.parametrize("seed", range(30))
async def test_nodes_agree_after_long_stories(seed: int):
    await run(Random(seed))
