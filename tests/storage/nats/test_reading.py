"""Reading what others fold, delete and drop meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import StorageBusy
from protobase_storage.nats import reading
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Message
from protobase_storage.shared import News

LARGE = bytes(300_000)
"""More than stands in a message itself."""

Meanwhile = Callable[[], Awaitable[object]]


class Lagging(SimulatedStream):
    """One that has something happen while it reads messages of a kind, from a replica that has not taken all
    of it yet."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.meanwhile: dict[str, Meanwhile] = {}
        self.lacks_stored = False
        """Whether the replica has not, in that reading, what was stored meanwhile."""
        self.has_dropped = False
        """Whether it has for good what was dropped meanwhile."""
        self._dropped: dict[int, Message] = {}

    async def read(self, subject: str, after: int) -> list[Message]:
        before = {each.sequence: each for each in await super().read(subject, after)}
        happen = self.meanwhile.pop(subject.split(".")[1], None)
        if happen is not None:
            await happen()
        there = {each.sequence: each for each in await super().read(subject, after)}
        if happen is not None and self.lacks_stored:
            there = {number: each for number, each in there.items() if number in before}
        if happen is not None and self.has_dropped:
            self._dropped = before
        held = {number: each for number, each in self._dropped.items() if number > after}
        return [each for _, each in sorted((held | there).items()) if each.subject == subject]


@pytest.fixture
def stream(servers: StreamServers) -> Lagging:
    """The one that the storage reads from."""
    return Lagging(servers)


@pytest.fixture
async def storage(stream: Lagging) -> AsyncIterator[NatsStorage]:
    """The one that reads."""
    storage = await NatsStorage.on(stream, "s", seconds=0.1)
    yield storage
    await storage.close()


async def test_what_is_folded_while_it_is_read_is_read_anew(
    stream: Lagging, storage: NatsStorage, other: NatsStorage
) -> None:
    """What the snapshot covers is gone, and the message that says so is not read yet."""
    for n in range(1, 4):
        await other.append([make_commit("a", n)])
    snapshot = make_snapshot("a", {"node-a": 2})
    stream.meanwhile["log"] = lambda: other.compact(snapshot)
    stream.lacks_stored = True
    loaded = await storage.load("a")
    assert (loaded.snapshot, loaded.commits) == (snapshot, (make_commit("a", 3),))


async def test_what_others_fold_without_end_is_given_up(
    stream: Lagging, storage: NatsStorage, other: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READINGS", 3)
    for n in (1, 2):
        await other.append([make_commit("a", n)])
    folds = 0

    async def fold() -> None:
        nonlocal folds
        folds += 1
        await other.append([make_commit("a", folds + 2)])
        await other.compact(make_snapshot("a", {"node-a": folds}))
        stream.meanwhile["log"] = fold

    stream.meanwhile["log"] = fold
    stream.lacks_stored = True
    with pytest.raises(StorageBusy, match="'a' was folded 3 times"):
        await storage.load("a")


async def test_pieces_are_not_missed_that_nobody_needs(
    stream: Lagging, storage: NatsStorage, other: NatsStorage
) -> None:
    """A replica has a message yet whose pieces are gone, however often it is read."""
    await other.append([make_commit("a", 1, update=LARGE)])
    await other.append([make_commit("a", 2)])
    snapshot = make_snapshot("a", {"node-a": 1})
    stream.meanwhile["log"] = lambda: other.compact(snapshot)
    stream.has_dropped = True
    loaded = await storage.load("a")
    assert (loaded.snapshot, loaded.commits) == (snapshot, (make_commit("a", 2),))


async def test_a_deletion_is_not_missed_that_is_dropped_already(
    stream: Lagging, storage: NatsStorage, other: NatsStorage
) -> None:
    """It was dropped behind a snapshot that is not read yet, sooner than what it had dropped."""
    stream.faults.lost_word = 1.0
    await other.append([make_commit("a", 1)])
    storage.follow("a", {})
    assert await storage.news() == {"a": News((make_commit("a", 1),))}
    await other.append([make_commit("a", 2)])
    stored = stream._servers._subjects["s.log.a"]
    second = dict([stored.popitem()])
    await other.delete("a")
    await other.append([make_commit("a", 1, origin="new")])
    await other.append([make_commit("a", 1, origin="newer")])

    stored.update(second)

    async def fold() -> None:
        await other.compact(make_snapshot("a", {"new": 1}))
        stored.update(second)

    stream.meanwhile["log"] = fold
    stream.lacks_stored = True
    storage.look(["a"])
    assert await storage.news() == {"a": News(replaced=True)}


async def test_erasing_is_completed_while_others_fold(
    stream: Lagging, storage: NatsStorage, other: NatsStorage
) -> None:
    await other.append([make_commit("a", 1)])
    await other._stream.store("s.erasing.a", b"")
    await other.delete("a")
    await other.append([make_commit("a", 1, origin="new", update=LARGE)])
    stream.meanwhile["piece"] = lambda: other.compact(make_snapshot("a", {"new": 1}))
    await storage._eraser.finish()
