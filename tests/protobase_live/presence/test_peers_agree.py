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

MOMENT = 0.01
"""Seconds in which a client hears its node, and answers."""

STEPS = 40


class Story:
    """What happens to a cluster, drawn at random."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.nodes = random.randint(2, 4)
        self.cluster = Cluster(self.nodes)
        self.pairs = [(one, two) for two in range(self.nodes) for one in range(two)]

    def step(self) -> None:
        match self.random.randrange(14):
            case 0 | 1:
                self.connect_or_cut(self.random.choice(self.pairs))
            case 2 | 3 | 4:
                self.come_or_go(self.random.randrange(5))
            case 5 if self.random.random() < 0.2:
                self.cluster.crash(self.random.randrange(self.nodes))
            case 6 | 7:
                self.come_or_go_person(100 + self.random.randrange(3))
            case 8:
                self.change_person()
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

    def come_or_go_person(self, client: int) -> None:
        if client in self.cluster.people:
            self.cluster.exit_person(client, self.late())
        if self.random.random() < 0.7:
            node = self.random.randrange(self.nodes)
            self.cluster.enter_person(client, node, {"n": self.random.randrange(1000)})

    def change_person(self) -> None:
        if self.cluster.people:
            _, person = self.random.choice(list(self.cluster.people.values()))
            person.set({"n": self.random.randrange(1000)})

    def late(self) -> float:
        return self.random.choice([0, 0, 0.01, 0.2, LATE])

    async def settle(self) -> None:
        await self.cluster.clock.advance(self.random.choice([0, 0.001, 0.03, 0.05, 0.3, 3]))

    async def check_own(self) -> None:
        """Nobody's node has lost it, unless it is about to say that it is there."""
        if any(map(self.lacks, self.cluster.lines)):
            await self.cluster.clock.advance(MOMENT)
        assert not any(map(self.lacks, [*self.cluster.lines, *self.cluster.people]))

    def lacks(self, client: int) -> bool:
        node, _ = (self.cluster.lines | self.cluster.people)[client]
        return client not in self.cluster.shown(node)

    def connect_all(self) -> None:
        for pair in self.pairs:
            if pair not in self.cluster.cables and (pair[0] + 1 == pair[1] or self.random.random() < 0.3):
                self.cluster.connect(*pair)

    async def heal(self) -> None:
        self.connect_all()
        await self.cluster.clock.advance(LATE + PresenceLimits().peer_seconds + 1)

    async def renew(self) -> None:
        """Stock clients say their states again every 15 seconds, and hubs those of programs."""
        for client in self.cluster.lines:
            tab = self.cluster.tabs[client]
            tab.set(tab.state)
        await self.cluster.clock.advance(PresenceLimits().renew_seconds + 1)

    def check(self) -> None:
        for node in range(self.nodes):
            assert self.cluster.shown(node) == self.cluster.there()


async def run(random: Random) -> None:
    story = Story(random)
    for _ in range(random.randint(1, STEPS)):
        story.step()
        await story.settle()
        await story.check_own()
    await story.heal()
    story.check()
    await story.renew()
    story.check()
    assert story.cluster.seen() == dict.fromkeys(story.cluster.there(), story.cluster.there())


async def stay_seen(story: Story, bad_days: bool) -> None:
    """Clients come, go and move, and sit still: none has to say itself again to be seen."""
    for _ in range(STEPS):
        match story.random.randrange(8):
            case 0:
                story.come_or_go_person(100 + story.random.randrange(3))
            case 1:
                story.move()
            case 2 if bad_days:
                story.cluster.crash(story.random.randrange(story.nodes))
                story.connect_all()
            case _:
                story.come_or_go(story.random.randrange(5))
        await story.cluster.clock.advance(story.random.choice([0.3, 1]))
    await story.cluster.clock.advance(LATE + 2 * PresenceLimits().peer_seconds)
    assert story.cluster.seen() == dict.fromkeys(story.cluster.there(), story.cluster.there())


@pytest.mark.parametrize("bad_days", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_who_sits_still_is_seen_by_all_who_move(seed: int, bad_days: bool):
    story = Story(Random(seed))
    story.connect_all()
    await stay_seen(story, bad_days)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_nodes_agree(random: Random):
    asyncio.run(run(random))


@pytest.mark.parametrize("seed", range(30))
async def test_nodes_agree_after_long_stories(seed: int):
    await run(Random(seed))
