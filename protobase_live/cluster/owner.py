"""Owned collections: one node at a time carries out their transactions, the others forward theirs to it.

How that comes to be safe is in docs/design.md, "Owned collections".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import partial
from random import Random

from protobase_actors import Clock, within
from protobase_live.cluster.election import ACCEPT, GRANT, PLACES, RESIGN, Election
from protobase_live.cluster.forwarding import decode_done, decode_request, encode_done, encode_request
from protobase_live.cluster.incoming import Home
from protobase_live.cluster.lease import Lease
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.promise import PromiseStore
from protobase_live.cluster.proposal import pack_places
from protobase_live.cluster.reign import Done, Electorate, Reign
from protobase_live.cluster.replication import Replication
from protobase_live.cluster.shadows import Request, Shadows
from protobase_live.cluster.voter import OWNER, Voter
from protobase_live.collection.limits import Limits
from protobase_live.errors import (
    Closed,
    NoOwner,
    OutcomeUnknown,
    ProtoBaseError,
    Unavailable,
    ValidationError,
)
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import Check, Op, Receipt
from protobase_live.model.schemas import Schemas
from protobase_storage import Storage

TRANSACT = "transact"


class Owner:
    """What one node does for owned collections. From `start` to `close`; else nothing is carried out."""

    def __init__(
        self,
        node: str,
        patterns: Sequence[str],
        storage: Storage,
        home: Home,
        replication: Replication,
        limits: Limits,
        schemas: Schemas,
        clock: Clock,
        random: Random,
    ) -> None:
        """``patterns`` say which collections are owned, as in shells: ``orders*``. ``schemas`` say what is
        written into them where this node is the owner."""
        self._node = node
        self.patterns = tuple(patterns)
        self._storage = storage
        self._home = home
        self._replication = replication
        self._limits = replication.limits
        self._collection_rules = limits, schemas
        self._clock = clock
        self._random = random
        self._log = OwnedLog(storage)
        voter = Voter(PromiseStore(storage, clock), self._log, self._limits, clock)
        self._election = Election(
            node, self.patterns, voter, replication, self._make, self._limits, clock, random
        )
        self._running: asyncio.Task[None] | None = None
        replication.owned, replication.forget = self._log, voter.forget
        replication.serve = self._answer

    def start(self) -> None:
        """Take part from now on: this node can be linked with others."""
        self._running = asyncio.get_running_loop().create_task(self._election.run())

    async def close(self) -> None:
        """Take part no more. The owner ends what is under way, and gives back the lease; takes two beats at
        most."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    @property
    def is_owner(self) -> bool:
        """Whether this node is the owner now."""
        reign = self._election.reign
        return reign is not None and reign.lease.holds

    @property
    def holder(self) -> str:
        """Who seems to be the owner; empty if nobody does."""
        holder = self._election.holder or ""
        return holder if holder != self._node or self.is_owner else ""

    def owns(self, names: Sequence[str]) -> bool:
        """Whether these collections are owned. Raises ValidationError if some are and others are not."""
        owned = [name for name in names if self._owns(name)]
        if owned and len(owned) < len(names):
            other = next(name for name in names if name not in owned)
            raise ValidationError(
                f"{owned[0]!r} is owned and {other!r} is not: no transaction is on both (owner)"
            )
        return bool(owned)

    async def commit(
        self, writes: Mapping[str, Sequence[Op]], checks: Sequence[Check], author: str | None
    ) -> Receipt:
        """Have the owner carry out a transaction, and wait until what came of it can be read here.

        Raises what that raises there, NoOwner if it did not begin within ``owner_seconds``, and
        OutcomeUnknown if it did, and it is not known what came of it.
        """
        if self._running is None:
            raise NoOwner("this node takes no part: its server has not started; nothing was done")
        done = await self._find_and_ask(Request(writes, checks, author))
        with suppress(TimeoutError):  # whoever reads too early is told so by the next owner
            await within(self._clock, self._limits.owner_seconds, self._until_here(done.cursors))
        if done.failure is not None:
            raise done.failure
        return Receipt(done.cursors, done.nodes)

    async def _find_and_ask(self, request: Request) -> Done:
        search = _Search(partial(self._ask, request, encode_request(request)), self._clock, self._limits)
        try:
            return await within(self._clock, self._limits.owner_seconds, search.run())
        except TimeoutError:
            raise search.failure from None

    async def _ask(self, request: Request, encoded: bytes) -> Done:
        """Have the owner that is known now carry it out. Raises NoOwner, OutcomeUnknown, Overloaded."""
        if (reign := self._election.reign) is not None:
            return await self._transact_here(reign, request)
        holder = self._election.holder
        link = None if holder is None else self._replication.links.get(holder)
        if link is None:
            raise NoOwner("no node that can be reached is the owner of these collections; nothing was done")
        try:
            return decode_done(await link.calls.ask(TRANSACT, encoded))
        except Closed as error:
            raise OutcomeUnknown(
                f"the owner {holder!r} was lost; look whether the transaction was done"
            ) from error

    async def _transact_here(self, reign: Reign, request: Request) -> Done:
        if not reign.ready:
            raise NoOwner("the owner does not have all yet; nothing was done")
        return await reign.transact(request)

    async def _answer(self, name: str, body: bytes) -> bytes:
        """What another node asks. Raises ProtoBaseError, StorageError."""
        if name in (GRANT, ACCEPT, RESIGN):
            return await self._election.answer(name, body)
        if name == PLACES:
            return pack_places(await self._log.places(self._owns, OWNER))
        if name == TRANSACT:
            return encode_done(await self._transact_for_other(body))
        raise Unavailable(f"this node does not answer {name!r}")

    async def _transact_for_other(self, body: bytes) -> Done:
        try:
            if (reign := self._election.reign) is None:
                raise NoOwner("this node is not the owner; nothing was done")
            return await self._transact_here(reign, decode_request(body))
        except ProtoBaseError as error:
            return Done({}, error)

    async def _until_here(self, cursors: Mapping[str, str]) -> None:
        for name, cursor in cursors.items():
            vector = Cursor.decode(cursor).vector

            async def has_come(name: str = name, vector: Mapping[str, int] = vector) -> bool:
                return await self._log.includes(name, vector)

            await self._log.until(has_come)

    def _owns(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def _make(self, term: int, lease: Lease, electorate: Electorate) -> Reign:
        how = self._clock, self._random, *self._collection_rules, self._limits.owner_documents
        shadows = Shadows(self._storage, self._log, term, *how)
        parts = self._log, self._home.replicate, self._limits, self._clock
        return Reign(term, lease, electorate, shadows, *parts)


class _Search:
    """One transaction that looks for the owner until it finds it."""

    def __init__(self, ask: Callable[[], Awaitable[Done]], clock: Clock, limits: ClusterLimits) -> None:
        """``ask`` raises NoOwner while it is not found."""
        self._ask = ask
        self._clock = clock
        self._limits = limits
        self._refusal = NoOwner("no owner was found; nothing was done")
        self._is_under_way = False

    async def run(self) -> Done:
        """What the owner says."""
        while True:
            self._is_under_way = True
            try:
                done = await self._ask()
                if not isinstance(done.failure, NoOwner):
                    return done
                self._refusal = done.failure
            except NoOwner as error:
                self._refusal = error
            self._is_under_way = False
            await self._clock.sleep(self._limits.beat_seconds / 5)

    @property
    def failure(self) -> ProtoBaseError:
        """What to say when there is no more time."""
        late = f"within {self._limits.owner_seconds:g} s (owner_seconds)"
        if self._is_under_way:
            return OutcomeUnknown(f"the owner did not answer {late}; look whether the transaction was done")
        return NoOwner(f"{self._refusal}, {late}")
