"""What each node does for the owner of collections: it grants the lease, and stores proposals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from protobase_actors import Clock, within
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.promise import Promise, PromiseStore
from protobase_live.cluster.proposal import OwnedCommit, Proposal
from protobase_live.protocol.packing import as_bytes, as_number, pack, unpack
from protobase_storage import CollectionCorrupt

OWNER = "~owner"
"""The origin of what is written for owned collections, whichever node does: a node that all are in turn."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer to who asks for the lease."""

    granted: bool
    term: int
    """The one that was granted, or the one for which it is refused."""
    accepted: tuple[int, int] = (0, 0)
    proposal: bytes = b""
    """As in `Promise`."""

    def encode(self) -> bytes:
        """As `decode` reads it."""
        return pack([self.granted, self.term, self.accepted, self.proposal])

    @classmethod
    def decode(cls, data: bytes) -> Vote:
        """Raises TypeError, ValueError, ProtocolError."""
        granted, term, (of, number), proposal = unpack(data)
        return cls(bool(granted), as_number(term), (of, number), as_bytes(proposal))


class Voter:
    """One node's vote. What it answers is durable."""

    def __init__(self, store: PromiseStore, log: OwnedLog, limits: ClusterLimits, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._limits = limits
        self._clock = clock
        self._promise = Promise()
        self._until = 0.0
        """Until then the lease is nobody else's, by this node's clock."""
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Load what was promised. To whom, and when, before that, is not known: all of it may still hold."""
        self._promise = await self._store.load()
        self._until = self._clock.monotonic() + self._limits.lease_seconds
        if await self._left(self._promise.proposal) != self._promise.proposal:
            await self.forget()

    @property
    def term(self) -> int:
        """The last term that was granted."""
        return self._promise.term

    @property
    def holder(self) -> str | None:
        """Who may have the lease now."""
        return self._promise.holder if self._clock.monotonic() < self._until else None

    async def grant(self, term: int, holder: str) -> Vote:
        """Grant ``holder`` the lease for ``lease_seconds`` from now on. Raises StorageError."""
        async with self._lock:
            known = self._promise
            if self._is_over(term, holder):
                return Vote(False, known.term)
            if term > known.term:
                if holder != known.holder and self.holder is not None:
                    return Vote(False, known.term)
                await self._keep(replace(known, term=term, holder=holder))
            self._until = self._clock.monotonic() + self._limits.lease_seconds
            return Vote(True, term, known.accepted, known.proposal)

    def release(self, term: int, holder: str) -> None:
        """``holder`` gives back the lease. Nothing happens if a later term was granted."""
        if (term, holder) == (self._promise.term, self._promise.holder):
            self._until = self._clock.monotonic()

    async def accept(self, term: int, holder: str, number: int, proposal: bytes) -> bool:
        """Store a proposal of the owner, behind the one before it. Raises StorageError, ProtocolError."""
        if self._is_over(term, holder) or not await self._follows(Proposal.decode(proposal)):
            return False
        async with self._lock:
            if self._is_over(term, holder) or (term, number) < self._promise.accepted:
                return False  # also what was overtaken by the one behind it: that is not to be forgotten
            await self._keep(Promise(term, holder, (term, number), await self._left(proposal)))
            return True

    async def forget(self) -> None:
        """Have no byte left of commits whose histories are over. Raises StorageError, ProtocolError."""
        async with self._lock:
            self._promise = replace(self._promise, proposal=await self._left(self._promise.proposal))
            await self._store.forget(self._promise)

    async def _left(self, proposal: bytes) -> bytes:
        """A proposal with nothing in commits whose histories are over."""
        if not proposal:
            return proposal
        told = Proposal.decode(proposal)
        over = [each for each in told.commits if await self._is_of_the_past(each)]
        return told.without(over).encode() if over else proposal

    async def _is_of_the_past(self, owned: OwnedCommit) -> bool:
        try:
            return await self._log.history(owned.commit.collection) > owned.history
        except CollectionCorrupt:  # it fails alone
            return False

    def _is_over(self, term: int, holder: str) -> bool:
        known = self._promise
        return term < known.term or (term == known.term and holder != known.holder)

    async def _keep(self, promise: Promise) -> None:
        await self._store.store(promise)
        self._promise = promise

    async def _follows(self, proposal: Proposal) -> bool:
        """Wait until all that it builds on has come here, which is on its way."""

        async def has_come() -> bool:
            return await self._log.has(proposal.previous) and await self._log.fits(proposal.commits)

        try:
            await within(self._clock, self._limits.beat_seconds, self._log.until(has_come))
        except TimeoutError:
            return False
        return True
