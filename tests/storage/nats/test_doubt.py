"""What is stored or not though no answer came, and what others did meanwhile leaves no trace of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from protobase_storage.commit import Commit
from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import SequenceConflict, StorageError, StorageOutdated, StorageSilent
from protobase_storage.nats import seats
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft, Refused, Unanswered

LARGE = bytes(300_000)
"""More than stands in a message itself."""


class Doubtful(SimulatedStream):
    """One that gives no answer to what it is to store next, behind which something else happens."""

    def __init__(self, servers: StreamServers) -> None:
        super().__init__(servers)
        self.behind: Callable[[], Awaitable[object]] | None = None
        self.is_lost = False
        """Whether that is not stored."""
        self.refusal: StorageError | None = None
        """What is answered from then on."""

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        if self.behind is None:
            if self.refusal:
                raise self.refusal
            return await super().publish(drafts)
        happen, self.behind = self.behind, None
        if not self.is_lost:
            await super().publish(drafts)
        await happen()
        raise Unanswered("no answer comes")


@pytest.fixture
def stream(servers: StreamServers) -> Doubtful:
    """The one that the storage writes to."""
    return Doubtful(servers)


async def nothing() -> None:
    """Nothing happens."""


async def test_a_snapshot_is_not_named_again_whose_pieces_others_have_dropped(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """They have folded it away, with one of the same commits."""
    await storage.append([make_commit("a", 1)])
    snapshot = make_snapshot("a", {"node-a": 1}, update=LARGE)
    stream.behind = lambda: other.compact(snapshot)
    with pytest.raises(StorageSilent):
        await storage.compact(snapshot)
    for each in (storage, other):
        assert (await each.load("a")).snapshot == snapshot


async def test_a_deletion_is_not_stored_twice(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """What others have stored behind it, and folded, stays."""
    await storage.append([make_commit("a", 1)])

    async def write_and_fold() -> None:
        await other.append([make_commit("a", 1, origin="new")])
        await other.compact(make_snapshot("a", {"new": 1}))

    stream.behind = write_and_fold
    with pytest.raises(StorageSilent):
        await storage.delete("a")
    assert (await other.load("a")).vector == {"new": 1}


async def test_another_commit_of_that_number_is_not_this_one(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """A process that slept so long that another one has its seat, and writes as it does. If that has folded
    its commit, nobody can tell what became of this one's."""
    for name in "ab":
        await storage.append([make_commit(name, 1, origin="me/first")])
    stream.is_lost = True
    theirs = make_commit("a", 2, origin="me/second")
    stream.behind = lambda: other.append([theirs])
    with pytest.raises(SequenceConflict):
        await storage.append([make_commit("a", 2, origin="me/first")])
    assert (await other.load("a")).commits[1:] == (theirs,)

    async def write_and_fold() -> None:
        await other.append([make_commit("b", 2, origin="me/second")])
        await other.compact(make_snapshot("b", {"me/second": 2}))

    stream.behind = write_and_fold
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("b", 2, origin="me/first")])


async def test_a_successor_does_not_answer_for_who_slept(
    servers: StreamServers, stream: Doubtful, storage: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "EXPIRED_SECONDS", -1.0)
    successor = await NatsStorage.on(SimulatedStream(servers), "s")
    assert successor.identity == storage.identity
    stream.is_lost = True
    theirs = make_commit("a", 1, origin=f"{successor.identity}/b")
    stream.behind = lambda: successor.append([theirs])
    with pytest.raises(SequenceConflict):
        await storage.append([make_commit("a", 1, origin=f"{storage.identity}/a")])
    await successor.close()


async def test_of_a_transaction_that_was_folded_and_deleted_nobody_says_that_it_failed(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    async def fold_and_delete() -> None:
        await other.compact(make_snapshot("b", {"node-a": 1}))
        await other.delete("a")

    stream.behind = fold_and_delete
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
    assert (await other.load("b")).vector == {"node-a": 1}


async def test_what_is_damaged_then_is_no_answer(
    servers: StreamServers, stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    async def damage() -> None:
        await other.append([make_commit("a", 1, origin="other")])
        stored = servers._subjects["s.log.a"]
        number = max(stored)
        stored[number] = replace(stored[number], message=replace(stored[number].message, data=b"\1garbage"))

    stream.behind = damage
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("a", 1), make_commit("b", 1)])
    assert (await other.load("b")).vector == {"node-a": 1}


@pytest.mark.parametrize("error", [Refused("no more bytes"), StorageError("something else")])
async def test_what_is_refused_then_is_no_answer(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage, error: StorageError
) -> None:
    stream.behind, stream.refusal = nothing, error
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("a", 1)])
    assert (await other.load("a")).vector == {"node-a": 1}
    stream.refusal = None


async def test_what_others_were_faster_than_is_refused_as_ever(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """That they have what follows the last known message proves that it was not stored."""
    await storage.append([make_commit("a", 1)])
    stream.is_lost = True
    stream.behind = lambda: other.append([make_commit("a", 1, origin="other")])
    await storage.append([make_commit("a", 2)])
    assert (await other.load("a")).vector == {"node-a": 2, "other": 1}


@pytest.mark.parametrize("commits", [[], [make_commit("a", 1)]])
async def test_what_relies_on_what_others_have_changed_is_surely_not_stored(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage, commits: list[Commit]
) -> None:
    stream.is_lost = True
    stream.behind = lambda: other.append([make_commit("b", 1)])
    with pytest.raises(StorageOutdated):
        await storage.append_behind(commits, {"a": {}, "b": {}})
    assert (await other.load("a")).commits == ()


async def test_what_relies_on_what_others_have_changed_and_folded_may_be_stored(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """Where others have folded both, that they changed one of them may have been before or after."""
    await other.append([make_commit("a", 1), make_commit("b", 1)])

    async def write_and_fold() -> None:
        for name in "ab":
            await other.append([make_commit(name, 2)])
            await other.compact(make_snapshot(name, {"node-a": 2}))

    stream.is_lost, stream.behind = True, write_and_fold
    with pytest.raises(StorageSilent):
        await storage.append_behind([make_commit("a", 1, origin="new")], {"b": {"node-a": 1}})


async def test_an_erasure_whose_answer_was_lost_drops_what_was_there(
    servers: StreamServers, stream: Doubtful, storage: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1, update=b"the secret")])
    stream.behind = nothing
    await storage.erase("a")
    stored = [each.message.data for subject in servers._subjects.values() for each in subject.values()]
    assert not [each for each in stored if b"the secret" in each]
    assert not servers.subjects("s.erasing.*")


async def test_an_erasure_is_completed_up_to_the_last_deletion(
    servers: StreamServers, storage: NatsStorage, other: NatsStorage
) -> None:
    """Others deleted the collection, too, before that of the erasure was stored."""
    await storage._stream.store("s.erasing.a", b"")
    for n in (1, 2):
        await other.append([make_commit("a", 1, origin=f"o{n}", update=b"the secret")])
        await other._writer.delete("a", b"")  # and nothing is dropped
    await storage._eraser.finish()
    stored = [each.message.data for subject in servers._subjects.values() for each in subject.values()]
    assert not [each for each in stored if b"the secret" in each]
    assert not servers.subjects("s.erasing.*")


@pytest.mark.parametrize("is_followed", [False, True])
async def test_what_was_folded_since_was_stored(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage, is_followed: bool
) -> None:
    await storage.append([make_commit("a", 1)])
    if is_followed:
        storage.follow("a", {"node-a": 1})
    stream.behind = lambda: other.compact(make_snapshot("a", {"node-a": 2}))
    await storage.append([make_commit("a", 2)])
    await storage.append([make_commit("a", 3)])
    assert (await other.load("a")).vector == {"node-a": 3}


async def test_of_several_collections_all_were(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    async def fold() -> None:
        await other.compact(make_snapshot("a", {"node-a": 1}))
        await other.compact(make_snapshot("b", {"node-a": 1}))

    stream.behind = fold
    await storage.append([make_commit("a", 1), make_commit("b", 1)])
    assert (await other.load("b")).vector == {"node-a": 1}


async def test_of_what_was_deleted_since_nobody_says_that_it_was_not_stored(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    stream.behind = lambda: other.delete("a")
    with pytest.raises(StorageSilent):
        await storage.append([make_commit("a", 2)])


async def test_a_history_that_is_over_says_nothing_of_the_next(
    stream: Doubtful, storage: NatsStorage, other: NatsStorage
) -> None:
    """What is deleted has commits with the same numbers."""
    await storage.append([make_commit("a", 1)])
    stream.behind = lambda: other.append([make_commit("a", 1, origin="node-b")])

    async def append() -> None:
        await storage.append([make_commit("a", 1)])

    await asyncio.gather(storage.delete("a"), append())
    assert (await other.load("a")).vector == {"node-a": 1, "node-b": 1}
