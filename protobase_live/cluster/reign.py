"""One term of one owner: what it does from when a majority has granted it the lease, to when that is over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from protobase_actors import Clock, WakeUp, within
from protobase_live.cluster.lease import Lease
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.proposal import OwnedCommit, Place, Proposal
from protobase_live.cluster.shadows import Request, Shadows
from protobase_live.cluster.voter import Vote
from protobase_live.collection.former import History
from protobase_live.collection.joint_replication import Answer
from protobase_live.errors import CollectionDropped, NoOwner, OutcomeUnknown, Overloaded, ProtoBaseError
from protobase_storage import Commit


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a transaction."""

    cursors: Mapping[str, str]
    """Of the collections that it wrote; of one that failed, of all that it read, as they are."""
    failure: ProtoBaseError | None = None
    nodes: int = 1
    """On how many nodes it is known to be durable."""


@dataclass(slots=True)
class _Waiting:
    request: Request
    done: asyncio.Future[Done]

    def tell(self, done: Done) -> None:
        if not self.done.done():
            self.done.set_result(done)


class Electorate(Protocol):
    """All nodes of the cluster, this one included."""

    async def propose(self, term: int, number: int, proposal: bytes) -> int:
        """On how many nodes it is stored, if these are a majority; else 0."""
        ...


class ReignOver(Exception):
    """The lease was lost."""


Take = Callable[[Mapping[str, Sequence[Commit]], Mapping[str, History]], Awaitable[Mapping[str, Answer]]]
"""Stores and shows commits here: `Home.replicate`."""


class Reign:
    """Serves transactions, one batch after the other. Nobody is shown any of it before a majority has it."""

    def __init__(
        self,
        term: int,
        lease: Lease,
        electorate: Electorate,
        shadows: Shadows,
        log: OwnedLog,
        take: Take,
        limits: ClusterLimits,
        clock: Clock,
    ) -> None:
        self.term = term
        self.lease = lease
        self.ready = False
        """Whether this node has all that was acknowledged in earlier terms."""
        self._electorate = electorate
        self._shadows = shadows
        self._log = log
        self._take = take
        self._limits = limits
        self._clock = clock
        self._number = 0
        """Of the last proposal of this term."""
        self._previous: tuple[Place, ...] = ()
        self._waiting: deque[_Waiting] = deque()
        self._wake_up = WakeUp()
        self._is_over = False

    async def transact(self, request: Request) -> Done:
        """Carry out a transaction. Raises NoOwner, OutcomeUnknown, Overloaded."""
        if self._is_over or not self.lease.holds:
            raise NoOwner("this node is no longer the owner; nothing was done")
        if len(self._waiting) >= self._limits.owner_transactions:
            most = f"{self._limits.owner_transactions} transactions (owner_transactions)"
            raise Overloaded(f"{most} wait at the owner already")
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._wake_up.wake()
        done = await waiting.done
        if isinstance(done.failure, NoOwner | OutcomeUnknown):
            raise done.failure
        return done

    async def run(self, votes: Sequence[Vote], places: Sequence[Place]) -> None:
        """Come to have what was stored before, of which those who voted tell, and serve.

        Ends after `stop`, with ReignOver, with TimeoutError if that or storing something here takes longer
        than ``owner_seconds``, or when it is cancelled.
        """
        try:
            await within(self._clock, self._limits.owner_seconds, self._recover(votes, places))
            self.ready = True
            while not self._is_over:
                if not self._waiting:
                    await self._wake_up.wait()
                    continue
                count = min(len(self._waiting), self._limits.owner_batch)
                batch = [self._waiting.popleft() for _ in range(count)]
                await self._serve([each for each in batch if not each.done.done()])  # some have given up
        finally:
            self._is_over = True
            self.ready = False
            self._shadows.close()
            for waiting in self._waiting:
                waiting.tell(Done({}, NoOwner("the owner lost its lease; nothing was done")))

    def stop(self) -> None:
        """Begin nothing more; what is under way goes on."""
        self._is_over = True
        self._wake_up.wake()

    async def _recover(self, votes: Sequence[Vote], places: Sequence[Place]) -> None:
        """A majority has, in its logs or as its last proposals, all that was ever acknowledged."""
        last = max(votes, key=lambda vote: vote.accepted)
        if last.proposal:
            await self._complete(Proposal.decode(last.proposal))
        await self._log.until(lambda: self._log.has(places))

    async def _complete(self, proposal: Proposal) -> None:
        """The last one of an earlier term: a majority may have stored it, and it may be acknowledged."""
        await self._log.until(lambda: self._log.fits(proposal.commits))
        if not await self._log.has(proposal.places):
            await self._choose(proposal)
            await self._store(proposal.commits)
        self._previous = proposal.places

    async def _serve(self, batch: Sequence[_Waiting]) -> None:
        lost: ProtoBaseError = NoOwner("the owner was lost; nothing was done")
        nodes, made = 1, list[OwnedCommit]()
        try:
            done = await self._carry_out([each.request for each in batch], made)
            batch, later = batch[: len(done)], batch[len(done) :]
            self._waiting.extendleft(reversed(later))
            if made:
                lost = OutcomeUnknown("the owner was lost; look whether the transaction was done")
                nodes = await self._choose(Proposal(self._previous, tuple(made)))
                await within(self._clock, self._limits.owner_seconds, self._store(made))
            elif not self.lease.holds:  # nothing was written, and what was read may be old
                raise ReignOver
        except BaseException:
            for each in batch:
                each.tell(Done({}, lost))
            raise
        for waiting, found in zip(batch, done, strict=True):
            waiting.tell(Done(found.cursors, found.failure, nodes))

    async def _carry_out(self, requests: Sequence[Request], made: list[OwnedCommit]) -> list[Done]:
        """What comes of each, if what is put into ``made`` comes to be stored.

        Of those that are many bytes together the last ones are left out.
        """
        done: list[Done] = []
        failed = await self._shadows.begin(sorted({name for each in requests for name in each.names}))
        for request in requests:
            if sum(len(each.commit.update) for each in made) >= self._limits.batch_bytes:
                break
            try:
                if unread := [failed[name] for name in request.names if name in failed]:
                    raise unread[0]
                commits, cursors = await self._shadows.transact(request)
            except ProtoBaseError as error:
                there = [name for name in request.names if name not in failed]
                done.append(Done(self._shadows.cursors(there), error))
            else:
                made += commits
                done.append(Done(cursors))
        return done

    async def _choose(self, proposal: Proposal) -> int:
        """Have a majority store it; answers how many have. Raises ReignOver."""
        self._number += 1
        packed = proposal.encode()
        while True:
            if nodes := await self._electorate.propose(self.term, self._number, packed):
                self._previous = proposal.places
                return nodes
            await self._pause()

    async def _store(self, owned: Sequence[OwnedCommit]) -> None:
        """Take what was chosen into the log of this node, and show it. Raises ReignOver."""
        commits: dict[str, list[Commit]] = {}
        for each in owned:
            commits.setdefault(each.commit.collection, []).append(each.commit)
        histories = {each.commit.collection: each.history for each in owned}
        while True:
            answers = (await self._take(commits, histories)).values()
            failures = [each for each in answers if isinstance(each, ProtoBaseError)]
            if all(isinstance(each, CollectionDropped) for each in failures):
                return
            await self._pause()

    async def _pause(self) -> None:
        if not self.lease.holds:
            raise ReignOver
        await self._clock.sleep(self._limits.beat_seconds / 5)
