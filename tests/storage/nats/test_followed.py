"""Collections that are followed, and damaged, deleted, or let go while servers are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from protobase_storage import Commit, Joint, StorageError
from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Message
from protobase_storage.shared import News


class Slow(SimulatedStream):
    """One that says when it is asked to listen, and waits before it does. Has something happen behind the
    next answer to a reading."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.subscribed = 0
        self.behind: Callable[[], Awaitable[None]] | None = None

    async def read(self, subject: str, after: int) -> list[Message]:
        found = await super().read(subject, after)
        behind, self.behind = self.behind, None
        if behind is not None:
            await behind()
        return found

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


def parts(origin: str) -> list[Commit]:
    """A transaction of another process."""
    return [replace(make_commit(name, 1, origin=origin), joint=Joint(origin, ("a", "b"))) for name in "ab"]


async def follow_both(storage: NatsStorage, other: NatsStorage) -> None:
    """Until something of each is told."""
    for name in "ab":
        storage.follow(name, {})
        await other.append([make_commit(name, 1)])
    told: set[str] = set()
    while len(told) < 2:
        told |= {*await storage.news()}


async def test_what_was_read_while_it_was_deleted_here_is_not_told_in_the_next_history(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    """Of a transaction with it the other part is told, which the deletion has left."""
    joint = parts("o")
    await other.append(joint)

    async def delete() -> None:
        await storage.delete("a", b"remains")
        storage.follow("a", {}, b"remains")

    stream.behind = delete
    storage.follow("a", {})
    storage.follow("b", {})
    assert await storage.news() == {"b": News((replace(joint[1], joint=None),))}


async def test_what_was_read_and_let_go_of_meanwhile_is_not_told(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    for name in "ab":
        await other.append([make_commit(name, 1)])

    async def unfollow() -> None:
        storage.unfollow("a")

    stream.behind = unfollow
    storage.follow("a", {})
    storage.follow("b", {})
    assert await storage.news() == {"b": News((make_commit("b", 1),))}


async def test_what_stands_before_a_deletion_of_its_own_is_not_told(
    storage: NatsStorage, other: NatsStorage
) -> None:
    await follow_both(storage, other)
    await other.append([make_commit("a", 2)])
    await storage.delete("a", b"remains")
    await other.append([make_commit("b", 2)])
    assert await storage.news() == {"b": News((make_commit("b", 2),))}


async def test_what_stands_behind_a_deletion_of_its_own_is_told_once_that_is_followed(
    servers: StreamServers, storage: NatsStorage, other: NatsStorage
) -> None:
    """Until then, what shares a transaction with it is not told alone."""
    await follow_both(storage, other)
    await storage.delete("a", b"remains")
    third, joint = await NatsStorage.on(SimulatedStream(servers), "s"), parts("o")
    await third.append(joint)
    await third.close()
    news = await storage.news()
    assert {name: each.replaced for name, each in news.items()} == {"b": True}
    storage.follow("a", {}, b"remains")
    storage.follow("b", {"node-a": 1})
    assert await storage.news() == {name: News((each,)) for name, each in zip("ab", joint, strict=True)}


async def test_what_is_followed_anew_before_its_reading_begins_is_told(
    stream: Slow, storage: NatsStorage, other: NatsStorage
) -> None:
    await follow_both(storage, other)
    stream.faults.lost_word = 1.0
    await other.append([make_commit("a", 2)])
    news = asyncio.create_task(storage.news())
    for _ in range(3):
        await asyncio.sleep(0)  # it waits for something to read
    storage.look(["a"])
    asyncio.get_running_loop().call_soon(storage.follow, "a", {"node-a": 1})
    await asyncio.wait([news], timeout=3.0)
    assert news.done()
    assert news.result() == {"a": News((make_commit("a", 2),))}


async def test_what_was_deleted_before_anything_is_known_of_it_is_another_one(
    storage: NatsStorage, other: NatsStorage
) -> None:
    await other.append([make_commit("a", 1)])
    await other.delete("a", b"remains")
    await other.append([make_commit("a", 1, origin="again")])
    storage.follow("a", {})
    assert await storage.news() == {"a": News(replaced=True)}
    storage.follow("a", {}, b"remains")
    assert await storage.news() == {"a": News((make_commit("a", 1, origin="again"),))}


async def test_what_was_made_on_a_deleted_history_is_not_stored_once_that_was_told(
    storage: NatsStorage, other: NatsStorage
) -> None:
    await follow_both(storage, other)
    await other.delete("a", b"remains")
    assert await storage.news() == {"a": News(replaced=True)}
    made = Commit(storage.identity, 1, "a", b"1", (), 1.0, {"node-a": 1})
    with pytest.raises(StorageError, match="deleted meanwhile"):
        await storage.append([made])
    assert (await other.load("a")).commits == ()
