"""How a node comes to be the owner of collections, and stays it: a majority grants it the lease."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from random import Random
from typing import TypeVar

from protobase_actors import Clock, OrderedSet, within
from protobase_live.cluster.lease import Lease
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.link import Link
from protobase_live.cluster.proposal import Place, unpack_places
from protobase_live.cluster.reign import Reign, ReignOver
from protobase_live.cluster.replication import Replication
from protobase_live.cluster.voter import Vote, Voter
from protobase_live.errors import ProtoBaseError, Unavailable
from protobase_live.protocol.packing import as_bytes, as_number, as_text, pack, unpack
from protobase_storage import StorageError

GRANT, ACCEPT, PLACES, RESIGN = "grant", "accept", "places", "resign"
YES, NO = b"\1", b""

T = TypeVar("T")
MakeReign = Callable[[int, Lease, "Election"], Reign]

_log = logging.getLogger(__name__)


class Election:
    """Stands for the lease when nobody has it, and renews it; asks the others to store proposals."""

    def __init__(
        self,
        node: str,
        patterns: Sequence[str],
        voter: Voter,
        replication: Replication,
        make: MakeReign,
        limits: ClusterLimits,
        clock: Clock,
        random: Random,
    ) -> None:
        self.reign: Reign | None = None
        """This node's term as the owner, while it has the lease."""
        self.voter = voter
        self._node = node
        self._patterns = list(patterns)
        self._replication = replication
        self._make = make
        self._limits = limits
        self._clock = clock
        self._random = random
        self._seen = 0
        """The latest term that was heard of."""
        self._reigning: asyncio.Task[None] | None = None
        self._asking: OrderedSet[asyncio.Task[object]] = OrderedSet()
        """Questions that nobody waits for any more; each ends within two beats."""
        self._complaints: dict[str, str] = {}
        """What the log was told of each node that has asked."""
        self._asker = ""
        """Who has asked for the lease last, or for more of it."""
        self._asked_at = -inf
        self._rests_until = -inf
        """Until then it does not stand: it could not do what an owner has to."""

    @property
    def holder(self) -> str | None:
        """Who seems to have the lease: a majority may have granted it, and this node something else."""
        if self._clock.monotonic() < self._asked_at + self._limits.lease_seconds:
            return self._asker
        return self.voter.holder

    async def run(self) -> None:
        """For ever."""
        await self._begin()
        try:
            while True:
                await self._round()
                await self._clock.sleep(self._limits.beat_seconds * self._random.uniform(0.8, 1.2))
        finally:
            await self._end()

    async def propose(self, term: int, number: int, proposal: bytes) -> int:
        """See `Electorate.propose`."""
        body = pack([term, self._node, number, proposal])
        asked = [self._own(self.voter.accept(term, self._node, number, proposal))]
        asked += [self._other(link, ACCEPT, body, lambda answer: answer == YES) for link in self._links]
        stored = await self._first(asked, self._majority)
        return len(stored) if len(stored) >= self._majority else 0

    async def answer(self, name: str, body: bytes) -> bytes:
        """Answer what another node asks. Raises ProtocolError, Unavailable, StorageError."""
        if name == GRANT:
            term, holder, patterns, nodes = unpack(body)
            self._require_same(as_text(holder), list(patterns), as_number(nodes))
            self._asker, self._asked_at = holder, self._clock.monotonic()
            return (await self.voter.grant(as_number(term), holder)).encode()
        if name == RESIGN:
            term, holder = unpack(body)
            self._resigned(as_number(term), as_text(holder))
            return YES
        term, holder, number, proposal = unpack(body)
        vote = self.voter.accept(as_number(term), as_text(holder), as_number(number), as_bytes(proposal))
        return YES if await vote else NO

    @property
    def _majority(self) -> int:
        return self._replication.configured // 2 + 1

    @property
    def _links(self) -> list[Link]:
        return list(self._replication.links.values())

    async def _begin(self) -> None:
        while True:
            try:
                return await self.voter.start()
            except (StorageError, ProtoBaseError) as error:
                _log.error("this node cannot vote for an owner: %s", error, extra={"event": "vote_failed"})
                await self._clock.sleep(self._limits.retry_seconds)

    async def _end(self) -> None:
        """Be the owner no more: first what is under way ends, and then a lease that holds is given back."""
        reign, reigning = self.reign, self._reigning
        if reign is None or reigning is None:
            return
        await self._stop(reign, reigning)
        self._reigning = self.reign = None
        _log.info("no longer the owner", extra={"event": "owner_ended"})
        if reign.lease.holds:
            await self._resign(reign.term)

    async def _stop(self, reign: Reign, reigning: asyncio.Task[None]) -> None:
        reign.stop()
        if reign.ready:
            with suppress(TimeoutError):
                await within(self._clock, 2 * self._limits.beat_seconds, asyncio.wait([reigning]))
        reigning.cancel()
        await asyncio.wait([reigning])  # and nothing is raised here but that this is cancelled itself
        failure = None if reigning.cancelled() else reigning.exception()
        if failure is not None and not isinstance(failure, (ReignOver, TimeoutError)):
            _log.error("the owner failed: %s", failure, extra={"event": "owner_failed"})

    async def _resign(self, term: int) -> None:
        """Give back what was granted for a term that is over here, and let others stand first."""
        self._rests_until = self._clock.monotonic() + self._limits.lease_seconds
        self.voter.release(term, self._node)
        await asyncio.gather(*(self._tell(link, RESIGN, pack([term, self._node])) for link in self._links))

    def _resigned(self, term: int, holder: str) -> None:
        self.voter.release(term, holder)
        if self._asker == holder:
            self._asked_at = -inf

    async def _round(self) -> None:
        if self.reign is not None and not self._is_reigning(self.reign):
            await self._end()
        if self.reign is not None:
            await self._renew(self.reign)
        elif await self._may_stand():
            await self._stand()

    def _is_reigning(self, reign: Reign) -> bool:
        return reign.lease.holds and self._reigning is not None and not self._reigning.done()

    async def _may_stand(self) -> bool:
        """Whether nobody has the lease; the nodes are asked one after the other, in their order."""
        rank = sorted([self._node, *self._replication.links]).index(self._node)
        await self._clock.sleep(rank * self._limits.beat_seconds)
        rests = self._clock.monotonic() < self._rests_until
        return not rests and self.voter.holder in (None, self._node)

    async def _renew(self, reign: Reign) -> None:
        asked_at = self._clock.monotonic()
        body = self._ask_for(reign.term)
        asked = [self._own(self._granted(self.voter.grant(reign.term, self._node)))]
        asked += [self._other(link, GRANT, body, _granted) for link in self._links]
        if len(await self._first(asked, self._majority)) >= self._majority:
            reign.lease.renew(asked_at)

    async def _stand(self) -> None:
        """Ask for a new term. This node votes for itself last: else its vote would be gone for nothing."""
        asked_at = self._clock.monotonic()
        term = max(self._seen, self.voter.term) + 1
        others = await self._first([self._ask_one(link, term) for link in self._links], self._majority - 1)
        if len(others) < self._majority - 1:
            return
        own = await self._first([self._own(self._granted(self.voter.grant(term, self._node)))], 1)
        if not own:
            await self._resign(term)
            return
        lease = Lease(self._clock, self._limits.lease_seconds, self._limits.lease_drift)
        lease.renew(asked_at)
        self.reign = self._make(term, lease, self)
        votes, places = [*own, *(vote for vote, _ in others)], [each for _, told in others for each in told]
        self._reigning = asyncio.get_running_loop().create_task(self.reign.run(votes, places))
        owned = ", ".join(self._patterns)
        _log.info("the owner of %s, in term %d", owned, term, extra={"event": "owner_began"})

    async def _ask_one(self, link: Link, term: int) -> tuple[Vote, list[Place]] | None:
        """A vote for this node, and what that node has in its log then."""
        vote = await self._other(link, GRANT, self._ask_for(term), Vote.decode)
        if vote is None or not vote.granted:
            self._seen = max(self._seen, vote.term if vote else 0)
            return None
        places = await self._other(link, PLACES, b"", unpack_places)
        return None if places is None else (vote, places)

    def _ask_for(self, term: int) -> bytes:
        return pack([term, self._node, self._patterns, self._replication.configured])

    def _require_same(self, holder: str, patterns: list[str], nodes: int) -> None:
        """Raises Unavailable if another node has other settings, or there are more nodes than told."""
        complaint = ""
        if patterns != self._patterns or nodes != self._replication.configured:
            complaint = f"{holder!r} has other patterns of owned collections, or other peers, than this node"
        elif len(self._replication.keeping.nodes) >= nodes:
            complaint = f"more nodes than {nodes} were linked with this one: nobody is granted the lease"
        if complaint and complaint != self._complaints.get(holder):
            _log.warning("%s", complaint, extra={"event": "owner_refused", "node": holder})
        if len(self._complaints) > self._limits.links:
            self._complaints.clear()
        self._complaints[holder] = complaint
        if complaint:
            raise Unavailable(complaint)

    async def _granted(self, vote: Awaitable[Vote]) -> Vote | None:
        found = await vote
        return found if found.granted else None

    async def _own(self, vote: Awaitable[T]) -> T | None:
        """This node's answer; None if it cannot store it."""
        try:
            return await vote
        except (StorageError, ProtoBaseError):
            return None

    async def _other(self, link: Link, name: str, body: bytes, read: Callable[[bytes], T]) -> T | None:
        """Another node's answer within two beats, if there is one."""
        with suppress(ProtoBaseError, TimeoutError, TypeError, ValueError):
            asked = link.calls.ask(name, body)
            return read(await within(self._clock, 2 * self._limits.beat_seconds, asked))
        return None

    async def _tell(self, link: Link, name: str, body: bytes) -> None:
        """Say something to another node within a beat, if it takes that."""
        with suppress(ProtoBaseError, TimeoutError):
            await within(self._clock, self._limits.beat_seconds, link.calls.tell(name, body))

    async def _first(self, asked: Sequence[Awaitable[T | None]], count: int) -> list[T]:
        """The first answers that are any, so many of them or all; the other questions go on by themselves."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(_await(each)) for each in asked]
        for task in tasks:
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        while True:
            found = [task.result() for task in tasks if task.done()]
            answers = [each for each in found if each]
            waiting = [task for task in tasks if not task.done()]
            if len(answers) >= count or not waiting:
                return answers
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


async def _await(asked: Awaitable[T]) -> T:
    return await asked


def _granted(answer: bytes) -> bool:
    return Vote.decode(answer).granted
