"""Which way a transaction goes: to one collection, to several that are held together, or to their owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from protobase_actors import Clock, Ref, within
from protobase_live.cluster.replication import Replication
from protobase_live.collection.joint import JointTransaction, commit_jointly
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Message, Reach, Transact
from protobase_live.collection.outrun import Outrun
from protobase_live.database.home import Ask
from protobase_live.database.known_errors import errors_named
from protobase_live.errors import Conflict, Forbidden, LimitExceeded, Unavailable
from protobase_live.model.durability import Durability
from protobase_live.model.names import known_collection
from protobase_live.model.operations import Check, Op, Receipt
from protobase_live.permissions.permits import Permits
from protobase_storage import Storage, Vector

if TYPE_CHECKING:
    from protobase_live.cluster.owner import Owner


class Committing:
    """Carries out the transactions that come to one database."""

    def __init__(
        self,
        storage: Storage,
        ask: Ask,
        ref: Callable[[str], Awaitable[Ref[Message]]],
        replication: Replication,
        owner: Owner | None,
        limits: Limits,
        clock: Clock,
    ) -> None:
        """``ask`` and ``ref`` are the database's."""
        self._storage = storage
        self._ask = ask
        self._ref = ref
        self._replication = replication
        self._owner = owner
        self._limits = limits
        self._clock = clock

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check],
        author: str | None,
        durability: Durability,
        permits: Permits,
    ) -> Receipt:
        """See `Database.commit`."""
        names = list({**writes, **{check.collection: () for check in checks}})
        if not names:
            return Receipt({})
        if len(names) > (most := self._limits.joint_collections):
            raise LimitExceeded(
                f"a transaction takes at most {most} collections (joint_collections), not {len(names)}"
            )
        if self._owner is not None and self._owner.owns(names):
            for name in names:
                known_collection(name)
            _require_whole(names, permits)
            receipt = await self._owner.commit(writes, checks, author)
        else:
            receipt = await self._commit_behind_others(JointTransaction(writes, checks, author, permits))
        return await self._replication.reach(receipt, durability, self._clock)

    async def _commit_behind_others(self, transaction: JointTransaction) -> Receipt:
        """Commit it, again where other processes were faster: behind what these have stored, checks and all,
        and queued with them, or the fastest would go on for ever.

        Raises Conflict where they were so too often, and Unavailable if what they stored does not come here.
        """
        attempts = self._limits.outrun_attempts
        if not (transaction.writes and self._storage.contested(transaction.names)):
            attempts -= 1
            try:
                return await self._commit(transaction)
            except Outrun as error:
                await self._catch_up_anew(error.stored)
        return await self._commit_in_turn(transaction, attempts)

    async def _commit_in_turn(self, transaction: JointTransaction, attempts: int) -> Receipt:
        """Each attempt has a ticket of its own: nobody waits while this process catches up after it."""
        for _ in range(attempts):
            async with self._storage.queued(transaction.names) as seen:
                with suppress(Unavailable, TimeoutError):  # what they had stored may be deleted since
                    await self._catch_up(seen, self._limits.ahead_seconds)
                try:
                    return await self._commit(transaction)
                except Outrun as error:
                    stored = error.stored
            await self._catch_up_anew(stored)
        raise Conflict(
            f"other processes were faster {self._limits.outrun_attempts} times (outrun_attempts); "
            "nothing was done"
        )

    async def _catch_up_anew(self, stored: Mapping[str, Vector]) -> None:
        """Catch up once collections were set back, as they are behind an attempt: each is loaded again."""
        try:
            await self._catch_up(stored, self._limits.outrun_seconds)
        except TimeoutError:
            raise Unavailable(
                f"{', '.join(stored)}: what other processes have stored did not come here within "
                f"{self._limits.outrun_seconds:g} seconds (outrun_seconds); nothing was done"
            ) from None

    async def _catch_up(self, stored: Mapping[str, Vector], seconds: float) -> None:
        """Wait until what others have stored is here. Raises TimeoutError."""
        for name, vector in stored.items():
            await within(self._clock, seconds, self._reach(name, vector))

    async def _reach(self, name: str, vector: Vector) -> None:
        await self._ask(name, Reach(vector))

    async def _commit(self, transaction: JointTransaction) -> Receipt:
        if len(transaction.names) > 1:
            return await self._commit_jointly(transaction)
        [name] = transaction.names
        ops, permit = transaction.writes.get(name, ()), transaction.permits.get(name)
        message = Transact(ops, transaction.checks, transaction.author, permit)
        return Receipt({name: cast(str, await self._ask(name, message))})

    async def _commit_jointly(self, joint: JointTransaction) -> Receipt:
        with errors_named("this transaction", commits=True):
            cursors = await commit_jointly(self._storage, self._ref, joint, self._clock, self._limits)
        return Receipt({name: str(cursor) for name, cursor in cursors.items()})


def _require_whole(names: Sequence[str], permits: Permits) -> None:
    """Raise Forbidden for a permit: the node that carries it out may be another one, which knows no rules."""
    if limited := [name for name in names if name in permits]:
        raise Forbidden(
            f"{', '.join(limited)}: owned by one node, so that only who may read and write all of it can "
            "write in a transaction"
        )
