"""What is told of other processes' commits, on a real server of which some messages are not heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protobase_storage import Commit, Joint, News, StorageClosed, StorageUnreachable
from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stored import Told
from protobase_storage.nats.stream import Message, Stream
from tests.support.nats_places import address_of, open_nats

pytestmark = pytest.mark.usefixtures("on_one")


class DeafStream:
    """A `Stream` that hears of messages only what ``hears`` says."""

    def __init__(self, stream: Any, hears: Callable[[Message], bool]) -> None:
        self._stream = stream
        self._hears = hears

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        def hear(message: Message, previous: int) -> None:
            if self._hears(message):
                heard(message, previous)

        return await self._stream.listen(subject, hear)


def deaf(hears: Callable[[Message], bool]) -> Callable[[Stream], Stream]:
    return lambda stream: DeafStream(stream, hears)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[NatsStorage]:
    """Another process."""
    storage = await open_nats(tmp_path)
    yield storage
    await storage.close()


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[NatsStorage]:
    """The one that follows."""
    storage = await open_nats(tmp_path)
    yield storage
    await storage.close()


async def told(storage: NatsStorage, collection: str, count: int) -> list[Commit]:
    """Wait for so many commits of a collection."""
    found: list[Commit] = []
    while len(found) < count:
        news = await storage.news()
        assert not news[collection].replaced
        found += news[collection].commits
    return found


async def test_what_was_stored_before_and_is_stored_after(writer: NatsStorage, storage: NatsStorage) -> None:
    commits = [make_commit("a", n) for n in range(1, 7)]
    for each in commits[:3]:
        await writer.append([each])
    storage.follow("a", {"node-a": 1})
    assert await told(storage, "a", 2) == commits[1:3]
    for each in commits[3:]:
        await writer.append([each])
    assert await told(storage, "a", 3) == commits[3:]


async def test_what_was_told_is_not_stored_again(writer: NatsStorage, storage: NatsStorage) -> None:
    storage.follow("a", {})
    await writer.append([make_commit("a", 1)])
    [commit] = await told(storage, "a", 1)
    own = make_commit("a", 1, origin=storage.identity)
    await storage.append([commit, own])
    assert (await writer.load("a")).commits == (commit, own)


async def test_own_commits_are_not_told(writer: NatsStorage, storage: NatsStorage) -> None:
    storage.follow("a", {})
    await writer.append([make_commit("a", 1)])
    assert await told(storage, "a", 1) == [make_commit("a", 1)]
    await storage.append([make_commit("a", 1, origin=storage.identity)])
    await writer.append([make_commit("a", 2)])
    assert await told(storage, "a", 1) == [make_commit("a", 2)]


async def test_what_is_not_heard_is_read(tmp_path: Path, writer: NatsStorage) -> None:
    """Of five messages the second and the fourth are not heard: the next ones tell that."""
    seen: list[int] = []

    def hears(message: Message) -> bool:
        seen.append(message.sequence)
        return len(seen) not in (2, 4)

    storage = await NatsStorage.open(address_of(tmp_path), wrap=deaf(hears))
    storage.follow("a", {})
    await writer.append([make_commit("a", 1)])
    assert await told(storage, "a", 1) == [make_commit("a", 1)]
    commits = [make_commit("a", n) for n in range(2, 6)]
    for each in commits:
        await writer.append([each])
    found: list[Commit] = []
    while commits[-1] not in found:
        found += await told(storage, "a", 1)
    assert found == commits
    await storage.close()


async def test_who_hears_nothing_looks(
    tmp_path: Path, writer: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protobase_storage.nats.follower.CHECK_SECONDS", 0.05)
    storage = await NatsStorage.open(address_of(tmp_path), wrap=deaf(lambda message: False))
    storage.follow("a", {})
    for n in range(1, 4):
        await writer.append([make_commit("a", n)])
        assert await told(storage, "a", 1) == [make_commit("a", n)]
    await storage.close()


def parts(*names: str) -> list[Commit]:
    return [replace(make_commit(name, 1), joint=Joint("j", names)) for name in names]


async def half_deaf(tmp_path: Path, writer: NatsStorage) -> NatsStorage:
    """A storage that follows "a" and "b", and hears of "a" alone."""
    storage = await NatsStorage.open(
        address_of(tmp_path), wrap=deaf(lambda message: message.subject.endswith(".a"))
    )
    storage.follow("a", {})
    storage.follow("b", {})
    await writer.append([make_commit("a", 1, origin="o"), make_commit("b", 1, origin="o")])
    assert len(await told(storage, "a", 1)) == 1  # both are listened to now
    return storage


async def test_parts_come_together_even_if_one_is_not_heard(tmp_path: Path, writer: NatsStorage) -> None:
    storage = await half_deaf(tmp_path, writer)
    joint = [replace(each, sequence=2, origin="o") for each in parts("a", "b", "elsewhere")]
    await writer.append(joint)
    news = await storage.news()
    assert {name: [commit.sequence for commit in each.commits][-1] for name, each in news.items()} == {
        "a": 2,
        "b": 2,
    }
    assert {each.commits[-1].joint for each in news.values()} == {Joint("j", ("a", "b"))}
    await storage.close()


async def test_a_part_waits_for_the_others_however_often_they_have_to_be_read(
    tmp_path: Path, writer: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protobase_storage.nats.follower.PARTS_READ", 1)
    storage = await half_deaf(tmp_path, writer)
    await writer.append([replace(each, sequence=2, origin="o") for each in parts("a", "b")])
    await writer.append([make_commit("a", 3, origin="o")])
    joint = Joint("j", ("a", "b"))
    told = list[tuple[str, Joint | None]]()
    while ("a", None) not in told:  # which may come later than the parts
        before = len(told)
        for name, news in (await storage.news()).items():
            told += [(name, each.joint) for each in news.commits if each.sequence > 1]
        assert told[before:].count(("a", joint)) == told[before:].count(("b", joint))
    assert [each for name, each in told if name == "a"] == [joint, None]
    assert [each for name, each in told if name == "b"] == [joint]
    await storage.close()


async def test_a_part_whose_others_are_not_followed_comes_alone(
    writer: NatsStorage, storage: NatsStorage
) -> None:
    storage.follow("a", {})
    await writer.append(parts("a", "b"))
    [commit] = await told(storage, "a", 1)
    assert commit.joint is None


async def test_a_deletion_replaces(writer: NatsStorage, storage: NatsStorage) -> None:
    await writer.append([make_commit("a", 1)])
    storage.follow("a", {"node-a": 1})
    await writer.delete("a", b"remains")
    await writer.append([make_commit("a", 1, origin="node-a/again")])
    assert await storage.news() == {"a": News(replaced=True)}


async def test_what_was_made_on_a_deleted_history_is_not_stored(
    writer: NatsStorage, storage: NatsStorage
) -> None:
    """Also where this process has stored nothing yet, and so does not know where the collection ended."""
    await writer.append([make_commit("a", 1)])
    storage.follow("a", (await storage.load("a")).vector)
    await writer.delete("a", b"remains")
    commits = [
        Commit(storage.identity, 1, "a", b"1", (), 1.0, {"node-a": 1}),
        Commit(storage.identity, 2, "a", b"2", (), 1.0, {"node-a": 1, storage.identity: 1}),
    ]
    for result in await asyncio.gather(
        *map(storage.append, [[each] for each in commits]), return_exceptions=True
    ):
        assert "deleted meanwhile" in str(result)
    assert (await writer.load("a")).commits == ()


async def test_a_snapshot_of_what_never_came_here_replaces(writer: NatsStorage, storage: NatsStorage) -> None:
    await writer.append([make_commit("a", n) for n in range(1, 4)])
    await writer.compact(make_snapshot("a", {"node-a": 3}))
    storage.follow("a", {"node-a": 1})
    assert await storage.news() == {"a": News(replaced=True)}


async def test_what_lacks_something_that_was_dropped_meanwhile_replaces(
    tmp_path: Path, writer: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold drops in no order; what it has not dropped yet would be told without the rest."""
    storage = await NatsStorage.open(address_of(tmp_path), wrap=deaf(lambda message: False))
    storage.follow("a", {})
    await writer.append([make_commit("a", 1)])
    assert await told(storage, "a", 1) == [make_commit("a", 1)]
    for n in (2, 3, 4):
        await writer.append([make_commit("a", n)])
    behind = storage._reader.behind

    async def without_the_second(collection: str, position: int) -> list[Told]:
        first, _, last = await behind(collection, position)
        return [first, last]

    monkeypatch.setattr(storage._reader, "behind", without_the_second)
    storage.look(["a"])
    assert await storage.news() == {"a": News(replaced=True)}
    await storage.close()


async def test_what_shares_a_transaction_with_what_is_replaced_is_replaced_too(
    writer: NatsStorage, storage: NatsStorage
) -> None:
    """Nobody knows what the snapshot has of the transaction: the other part would be seen alone."""
    joint = parts("a", "b")
    await writer.append(joint)
    await writer.compact(make_snapshot("a", {joint[0].origin: joint[0].sequence}))
    storage.follow("a", {})
    storage.follow("b", {})
    news = await storage.news()
    assert {name: each.replaced for name, each in news.items()} == {"a": True, "b": True}
    storage.follow("b", {})  # it is loaded sooner than the other
    assert (await storage.news())["b"].replaced
    storage.follow("a", {joint[0].origin: joint[0].sequence})
    storage.follow("b", {})
    assert await told(storage, "b", 1) == [replace(joint[1], joint=None)]


async def test_a_snapshot_of_what_is_here_says_nothing_new(writer: NatsStorage, storage: NatsStorage) -> None:
    await writer.append([make_commit("a", 1)])
    storage.follow("a", {})
    assert await told(storage, "a", 1) == [make_commit("a", 1)]
    await writer.compact(make_snapshot("a", {"node-a": 1}))
    await writer.append([make_commit("a", 2)])
    assert await told(storage, "a", 1) == [make_commit("a", 2)]


async def test_nothing_is_told_of_what_is_not_followed_any_more(
    writer: NatsStorage, storage: NatsStorage
) -> None:
    storage.follow("a", {})
    storage.follow("b", {})
    storage.unfollow("a")
    await writer.append([make_commit("a", 1)])
    await writer.append([make_commit("b", 1)])
    assert await storage.news() == {"b": News((make_commit("b", 1),))}


async def test_after_closing_there_is_no_more(tmp_path: Path) -> None:
    storage = await open_nats(tmp_path)
    storage.follow("a", {})
    await storage.close()
    with pytest.raises(StorageClosed):
        await storage.news()


async def test_how_far_it_is_behind_is_known_until_what_was_told_is_shown(
    storage: NatsStorage, writer: NatsStorage
) -> None:
    state = await storage.state()
    assert (state.followed, state.behind, state.behind_seconds) == (0, 0, 0.0)
    storage.follow("a", {})
    state = await storage.state()
    assert (state.followed, state.behind) == (1, 1)
    news = asyncio.create_task(storage.news())
    await writer.append([make_commit("a", 1)])
    assert "a" in await news
    first = (await storage.state()).behind_seconds
    assert first > 0
    assert (await storage.state()).behind_seconds > first
    news = asyncio.create_task(storage.news())
    async with asyncio.timeout(30):
        while (await storage.state()).behind:  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(0)
    news.cancel()


async def test_what_cannot_be_read_stays_behind(tmp_path: Path) -> None:
    servers = StreamServers()
    storage = await NatsStorage.on(SimulatedStream(servers), "s", seconds=0.0)
    storage.follow("a", {})
    servers.has_leader = False
    before = -1.0
    for _ in range(3):
        with pytest.raises(StorageUnreachable):
            await storage.news()
        state = await storage.state()
        assert state.behind == 1
        assert state.behind_seconds > before
        before = state.behind_seconds
    await storage.close()
