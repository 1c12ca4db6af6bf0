"""One term of an owner: what it does first, what it stores where, and what it says when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.lease import Lease
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.proposal import OwnedCommit, Place, Proposal
from protobase_live.cluster.reign import Reign, ReignOver
from protobase_live.cluster.shadows import Request, Shadows
from protobase_live.cluster.voter import Vote
from protobase_live.collection.former import FIRST
from protobase_live.collection.limits import DEFAULT_LIMITS
from protobase_live.collection.messages import Replicated
from protobase_live.collection.shadow import Shadow
from protobase_live.errors import (
    CollectionUnloadable,
    NoOwner,
    OutcomeUnknown,
    Overloaded,
    RecordExists,
    Unavailable,
    ValidationError,
)
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.model.schemas import Schemas
from protobase_storage import Commit, MemoryStorage

LIMITS = ClusterLimits(owner_transactions=3, owner_batch=2)
NO_VOTE = Vote(True, 2)


class Term:
    """A reign, and what it has stored by whom."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.storage = MemoryStorage()
        self.log = OwnedLog(self.storage)
        self.proposed: list[Proposal] = []
        self.is_stored = True
        """Whether a majority stores what is proposed."""
        self.lease = Lease(self.clock, 4.0, 0.0)
        self.lease.renew(self.clock.monotonic())
        how = self.clock, Random(1), DEFAULT_LIMITS, Schemas(), 10
        shadows = Shadows(self.storage, self.log, 2, *how)
        self.reign = Reign(2, self.lease, self, shadows, self.log, self.take, LIMITS, self.clock)
        self.running: asyncio.Task[None] | None = None

    async def propose(self, term: int, number: int, proposal: bytes) -> int:
        self.proposed.append(Proposal.decode(proposal))
        return 3 if self.is_stored else 0

    async def take(self, commits: Mapping[str, Sequence[Commit]], histories: object) -> dict[str, Replicated]:
        for name, each in commits.items():
            await self.storage.append(each)
            self.log.shown(name, each)
        return {name: Replicated({}, 0) for name in commits}

    def begin(self, *votes: Vote, places: Sequence[Place] = ()) -> None:
        self.running = asyncio.get_running_loop().create_task(self.reign.run(votes or [NO_VOTE], places))

    def lose_lease_while_loading(self) -> None:
        """Loading a collection takes longer than the lease holds."""
        load = self.storage.load

        async def slow(name: str):
            await self.clock.advance(4.0)
            return await load(name)

        self.storage.load = slow  # type: ignore[method-assign]
        self.reign._shadows.forget("orders")

    def transact(self, *ops: Op, reads: str | None = None) -> asyncio.Future[object]:
        checks = [Check("orders", Read(RECORDS, "get", (reads,)), values.digest(None))] if reads else []
        return asyncio.ensure_future(
            self.reign.transact(Request({"orders": ops} if ops else {}, checks, None))
        )


@pytest.fixture
async def term() -> AsyncIterator[Term]:
    made = Term()
    yield made
    if made.running is not None:
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)


def insert(key: str) -> Op:
    return Op(RECORDS, "insert", (key, {}))


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_is_acknowledged_was_stored_by_a_majority(term: Term) -> None:
    term.begin()
    term.is_stored = False
    told = term.transact(insert("k"))
    await settle()
    assert len(term.proposed) == 1
    assert not told.done()
    assert (await term.storage.load("orders")).commits == (), "it is in no log before"
    term.is_stored = True
    await term.clock.advance(0.05)
    await settle()
    assert (await told).nodes == 3  # type: ignore[attr-defined]
    assert len((await term.storage.load("orders")).commits) == 1


async def test_what_waits_is_proposed_together_and_each_is_told_what_came_of_it(term: Term) -> None:
    first, again, third = (term.transact(insert(key)) for key in ("k", "k", "l"))
    term.begin()
    await settle()
    assert (await first).failure is None  # type: ignore[attr-defined]
    assert isinstance((await again).failure, RecordExists)  # type: ignore[attr-defined]
    assert (await third).failure is None  # type: ignore[attr-defined]
    assert [len(each.commits) for each in term.proposed] == [1, 1]
    assert term.proposed[1].previous == term.proposed[0].places


async def test_what_is_long_is_proposed_by_itself(term: Term) -> None:
    long = Op(RECORDS, "put", ("k", {"text": "x" * LIMITS.batch_bytes}))
    told = [term.transact(long), term.transact(insert("l"))]
    term.begin()
    await asyncio.gather(*told)
    assert [len(each.commits) for each in term.proposed] == [1, 1]


async def test_so_many_may_wait(term: Term) -> None:
    waiting = [term.transact(insert(f"k{n}")) for n in range(3)]
    await settle()
    with pytest.raises(Overloaded, match="owner_transactions"):
        await term.transact(insert("k"))
    for each in waiting:
        each.cancel()
    term.begin()
    await settle()
    assert term.proposed == [], "who gave up is not served"


async def test_the_last_proposal_of_a_term_before_is_completed_first(term: Term) -> None:
    commit = Commit("~owner/1", 1, "orders", b"\0\0", (), 1.0)
    before = Proposal((), (OwnedCommit(FIRST, commit),))
    older = Proposal((), (OwnedCommit(FIRST, Commit("~owner/1", 1, "orders", b"\0\0\0", (), 1.0)),))
    term.begin(Vote(True, 2, (1, 8), older.encode()), Vote(True, 2, (1, 9), before.encode()))
    told = term.transact(insert("k"))
    await settle()
    await told
    assert term.proposed[0] == before
    assert term.proposed[1].previous == before.places
    first, second = (await term.storage.load("orders")).commits
    assert first == commit
    assert dict(second.after) == {"~owner/1": 1}


async def test_a_proposal_that_is_in_the_log_is_not_proposed_again(term: Term) -> None:
    commit = Commit("~owner/1", 1, "orders", b"\0\0", (), 1.0)
    await term.storage.append([commit])
    before = Proposal((), (OwnedCommit(FIRST, commit),))
    term.begin(Vote(True, 2, (1, 9), before.encode()))
    await term.transact(insert("k"))
    assert [each.previous for each in term.proposed] == [before.places]


async def test_it_waits_for_what_the_voters_have(term: Term) -> None:
    term.begin(places=[Place("orders", FIRST, "~owner/1", 1)])
    told = term.transact(insert("k"))
    await settle()
    assert not term.reign.ready
    assert term.proposed == []
    commit = Commit("~owner/1", 1, "orders", b"\0\0", (), 1.0)
    await term.take({"orders": [commit]}, {})
    await settle()
    assert term.reign.ready
    await told


async def test_what_does_not_come_ends_it(term: Term) -> None:
    term.begin(places=[Place("orders", FIRST, "~owner/1", 1)])
    told = term.transact(insert("k"))
    await settle()
    await term.clock.advance(LIMITS.owner_seconds)
    with pytest.raises(NoOwner):
        await told
    assert term.running is not None
    with pytest.raises(TimeoutError):
        await term.running


async def test_when_the_lease_is_lost_it_is_unknown_what_came_of_what_was_proposed(term: Term) -> None:
    term.begin()
    term.is_stored = False
    first, second, third = (term.transact(insert(f"k{n}")) for n in range(3))
    await settle()
    await term.clock.advance(4.5)
    await settle()
    for each in (first, second):
        with pytest.raises(OutcomeUnknown):
            await each
    with pytest.raises(NoOwner):
        await third
    assert term.running is not None
    with pytest.raises(ReignOver):
        await term.running
    with pytest.raises(NoOwner):
        await term.reign.transact(Request({}, (), None))
    assert (await term.storage.load("orders")).commits == ()


async def test_what_only_reads_is_answered_under_the_lease_alone(term: Term) -> None:
    term.begin()
    read = term.transact(reads="k")
    await settle()
    assert read.done()
    term.lose_lease_while_loading()
    with pytest.raises(NoOwner):
        await term.transact(reads="k")


async def test_what_changes_nothing_is_acknowledged_under_the_lease_alone(term: Term) -> None:
    same = Op(RECORDS, "put", ("k", {"n": 1}))
    term.begin()
    await term.transact(same)
    await term.transact(same)
    assert len(term.proposed) == 1
    term.lose_lease_while_loading()
    with pytest.raises(NoOwner):
        await term.transact(same)


async def test_a_collection_that_cannot_be_loaded_fails_alone(term: Term) -> None:
    await term.storage.append([Commit("x/1", 1, "orders/bad", b"nonsense", (), 1.0)])
    term.begin()
    ops = {"orders/bad": (insert("k"),)}
    with_bad = asyncio.ensure_future(term.reign.transact(Request(ops, (), None)))
    others = term.transact(insert("k"))
    assert isinstance((await with_bad).failure, CollectionUnloadable)
    assert (await others).failure is None  # type: ignore[attr-defined]
    await term.storage.append([Commit("x/1", 1, "orders", b"nonsense", (), 1.0)])
    told = await term.transact(insert("l"))
    assert isinstance(told.failure, CollectionUnloadable), "also one that could be loaded before"  # type: ignore[attr-defined]
    assert term.reign.ready


async def test_a_transaction_that_fails_on_a_mistake_fails_alone(term: Term, monkeypatch) -> None:
    prepare = Shadow.prepare

    async def mistaken(shadow: Shadow, ops: Sequence[Op], checks: Sequence[Check]) -> list[Op]:
        if ops[0].args[0] == "bad":
            raise ZeroDivisionError
        return await prepare(shadow, ops, checks)

    monkeypatch.setattr(Shadow, "prepare", mistaken)
    bad, good = term.transact(insert("bad")), term.transact(insert("good"))
    term.begin()
    assert isinstance((await bad).failure, Unavailable)  # type: ignore[attr-defined]
    assert (await good).failure is None  # type: ignore[attr-defined]


async def test_nothing_is_made_on_what_was_written_in_part(term: Term, monkeypatch) -> None:
    async def late(shadow: Shadow, ready: Sequence[Op], author: str | None, origin: str) -> Commit | None:
        raise ValidationError("too late")

    monkeypatch.setattr(Shadow, "write", late)
    told = term.transact(insert("k"))
    term.begin()
    with pytest.raises(NoOwner):
        await told
    assert term.proposed == []
    assert term.running is not None
    with pytest.raises(RuntimeError):
        await term.running
