"""What a node grants and stores for the owner of collections, and what it does not go back on."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.promise import LOG_COMMITS, NAME, Promise, PromiseStore
from protobase_live.cluster.proposal import OwnedCommit, Place, Proposal
from protobase_live.cluster.voter import Vote, Voter
from protobase_live.collection.former import FIRST
from protobase_storage import Commit, MemoryStorage, StorageFull

LIMITS = ClusterLimits(lease_seconds=2.0, beat_seconds=0.25)
NOTHING = Proposal((), ()).encode()


def commit(sequence: int, **after: int) -> Commit:
    return Commit("~owner/1", sequence, "orders", b"x", (), float(sequence), after)


def proposal(*previous: Place, commits: tuple[Commit, ...] = ()) -> bytes:
    return Proposal(previous, tuple(OwnedCommit(FIRST, each) for each in commits)).encode()


class Node:
    """A voter, and what outlives it."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.clock = ManualClock()
        self.log = OwnedLog(self.storage)

    async def start(self, *, wait: bool = True) -> Voter:
        self.log = OwnedLog(self.storage)
        voter = Voter(PromiseStore(self.storage, self.clock), self.log, LIMITS, self.clock)
        await voter.start()
        if wait:
            await self.clock.advance(LIMITS.lease_seconds)
        return voter

    async def late(self, voter: Voter, term: int, holder: str, number: int, what: bytes) -> bool:
        """The answer to a proposal of which something does not come."""
        answer = asyncio.ensure_future(voter.accept(term, holder, number, what))
        await asyncio.sleep(0)
        await self.clock.advance(LIMITS.beat_seconds)
        return await answer

    async def write(self, *commits: Commit) -> None:
        await self.storage.append(commits)
        self.log.shown("orders", commits)


@pytest.fixture
def node() -> Node:
    return Node()


async def test_while_one_has_the_lease_no_other_is_granted_it(node: Node) -> None:
    voter = await node.start()
    assert (await voter.grant(1, "a")).granted
    assert voter.holder == "a"
    await node.clock.advance(1.75)
    assert await voter.grant(2, "b") == Vote(False, 1)
    assert (await voter.grant(1, "a")).granted
    await node.clock.advance(1.75)
    assert not (await voter.grant(2, "b")).granted
    await node.clock.advance(0.25)
    assert voter.holder is None
    assert (await voter.grant(2, "b")).granted


async def test_a_term_is_granted_once(node: Node) -> None:
    voter = await node.start()
    assert (await voter.grant(1, "a")).granted
    await node.clock.advance(5.0)
    assert await voter.grant(1, "b") == Vote(False, 1)
    assert (await voter.grant(3, "b")).granted
    assert await voter.grant(2, "a") == Vote(False, 3)
    assert await voter.grant(3, "a") == Vote(False, 3)


async def test_the_holder_may_begin_another_term_at_once(node: Node) -> None:
    voter = await node.start()
    assert (await voter.grant(1, "a")).granted
    assert (await voter.grant(2, "a")).granted
    assert not (await voter.grant(1, "a")).granted


async def test_after_a_restart_it_grants_nobody_else_anything_for_as_long_as_a_lease(node: Node) -> None:
    voter = await node.start()
    assert (await voter.grant(4, "a")).granted
    voter = await node.start(wait=False)
    assert voter.term == 4
    assert not (await voter.grant(5, "b")).granted
    assert not (await voter.grant(4, "b")).granted
    assert (await voter.grant(4, "a")).granted
    await node.clock.advance(2.0)
    assert not (await voter.grant(4, "b")).granted
    assert (await voter.grant(5, "b")).granted


async def test_a_first_start_waits_as_well(node: Node) -> None:
    voter = await node.start(wait=False)
    assert not (await voter.grant(1, "a")).granted
    await node.clock.advance(2.0)
    assert (await voter.grant(1, "a")).granted


async def test_who_gives_back_the_lease_is_waited_for_no_longer(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    await voter.grant(2, "a")
    voter.release(1, "a")
    voter.release(2, "b")
    assert voter.holder == "a", "what was granted since is another lease"
    voter.release(2, "a")
    assert voter.holder is None
    assert (await voter.grant(3, "b")).granted
    voter.release(2, "a")
    assert voter.holder == "b"


async def test_what_it_has_accepted_is_told_to_the_next_owner(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    assert await voter.accept(1, "a", 7, NOTHING)
    voter = await node.start()
    assert await voter.grant(2, "b") == Vote(True, 2, (1, 7), NOTHING)


async def test_nothing_of_an_earlier_term_is_accepted(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    await node.clock.advance(2.0)
    await voter.grant(2, "b")
    assert not await voter.accept(1, "a", 1, NOTHING)
    assert not await voter.accept(2, "a", 1, NOTHING)
    assert await voter.accept(2, "b", 1, NOTHING)
    assert await voter.accept(3, "c", 1, NOTHING), "a majority has granted that term"
    assert not await voter.accept(2, "b", 2, NOTHING)
    assert await voter.grant(3, "a") == Vote(False, 3)


async def test_a_proposal_waits_for_what_it_builds_on(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    second = proposal(Place("orders", FIRST, "~owner/1", 1), commits=(commit(2, **{"~owner/1": 1}),))
    assert not await node.late(voter, 1, "a", 2, second)
    answer = asyncio.ensure_future(voter.accept(1, "a", 2, second))
    await asyncio.sleep(0)
    assert not answer.done()
    await node.write(commit(1))
    assert await answer
    assert await voter.accept(1, "a", 2, second), "also again"


async def test_what_comes_late_does_not_take_the_place_of_the_next(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    assert await voter.accept(1, "a", 2, proposal(commits=(commit(1),)))
    assert not await voter.accept(1, "a", 1, NOTHING)
    assert (await voter.grant(2, "a")).accepted == (1, 2)
    assert await voter.accept(2, "a", 1, NOTHING), "each term counts from the beginning"


async def test_a_proposal_waits_for_what_other_nodes_wrote_before_it(node: Node) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    first = proposal(commits=(commit(1, **{"x/1": 1}),))
    assert not await node.late(voter, 1, "a", 1, first)
    await node.write(Commit("x/1", 1, "orders", b"", (), 1.0))
    assert await voter.accept(1, "a", 1, first)


async def test_what_cannot_be_stored_is_neither_granted_nor_accepted(node: Node, monkeypatch) -> None:
    voter = await node.start()
    await voter.grant(1, "a")
    append = node.storage.append

    def full(commits):
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StorageFull("no room"))
        return failed

    monkeypatch.setattr(node.storage, "append", full)
    with pytest.raises(StorageFull):
        await voter.accept(1, "a", 1, NOTHING)
    with pytest.raises(StorageFull):
        await voter.grant(2, "a")
    assert (voter.term, voter.holder) == (1, "a")
    monkeypatch.setattr(node.storage, "append", append)
    assert await voter.accept(1, "a", 1, NOTHING)


async def test_a_vote_survives_its_form() -> None:
    vote = Vote(True, 3, (2, 9), b"proposal")
    assert Vote.decode(vote.encode()) == vote


async def test_promises_take_the_room_of_a_few(node: Node) -> None:
    store = PromiseStore(node.storage, node.clock)
    assert await store.load() == Promise()
    for term in range(1, 3 * LOG_COMMITS):
        await store.store(Promise(term, "a", (term, 1), b"p"))
    assert len((await node.storage.load(NAME)).commits) < LOG_COMMITS
    again = PromiseStore(node.storage, node.clock)
    assert await again.load() == Promise(3 * LOG_COMMITS - 1, "a", (3 * LOG_COMMITS - 1, 1), b"p")
    await again.store(Promise(1_000, "b"))
    assert await PromiseStore(node.storage, node.clock).load() == Promise(1_000, "b")
