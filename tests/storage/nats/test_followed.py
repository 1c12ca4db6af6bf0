"""Collections that are followed, and damaged, or let go while servers are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Message
from protobase_storage.shared import News


class Slow(SimulatedStream):
    """One that says when it is asked to listen, and waits before it does."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.subscribed = 0

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        self.asked.set()
        await self.go_on.wait()
        end = await super().listen(subject, heard)
        self.subscribed += 1

        def ended() -> None:
            self.subscribed -= 1
            end()

        return ended


@pytest.fixture
def stream(servers: StreamServers) -> Slow:
    """The one of the storage that follows."""
    return Slow(servers)


async def test_what_is_damaged_keeps_nobody_from_hearing_of_the_rest(
    servers: StreamServers, stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    """It is told to be another one, as is all that cannot be followed: who loads it finds the damage."""
    for name in "ab":
        storage.follow(name, {})
        await other.append([make_commit(name, 1)])
    assert len(await storage.news()) == 2
    stream.faults.lost_word = 1.0
    for n in (2, 3):
        await other.append([make_commit("a", n)])
    stored = servers._subjects["s.log.a"]
    del stored[sorted(stored)[1]]
    await other.append([make_commit("b", 2)])
    storage.look(["a", "b"])
    assert await storage.news() == {"a": News(replaced=True), "b": News((make_commit("b", 2),))}


@pytest.mark.parametrize("is_followed_anew", [False, True])
async def test_what_is_let_go_while_servers_are_asked_leaves_no_subscription(
    stream: Slow, storage: NatsStorage, other: NatsStorage, is_followed_anew: bool
) -> None:
    stream.go_on.clear()
    news = asyncio.create_task(storage.news())
    storage.follow("a", {})
    await stream.asked.wait()
    storage.unfollow("a")
    if is_followed_anew:
        storage.follow("a", {})
    stream.go_on.set()
    storage.follow("b", {})
    await other.append([make_commit("b", 1)])
    assert await news == {"b": News((make_commit("b", 1),))}
    assert stream.subscribed == 1 + is_followed_anew
    for name in "ab":
        storage.unfollow(name)
    assert stream.subscribed == 0
