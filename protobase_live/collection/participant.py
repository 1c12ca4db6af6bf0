"""A collection's part in a transaction over several: it meets the others, and does what all agree to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from protobase_actors import Envelope, in_steps
from protobase_live.collection.former import History
from protobase_live.collection.gates import Gates
from protobase_live.collection.limits import Limits
from protobase_live.collection.meeting import Contribution, Meeting
from protobase_live.collection.messages import Hold, HoldPart, HoldSnapshot, Message
from protobase_live.collection.mistakes import nothing_done
from protobase_live.collection.outrun import Outrun
from protobase_live.collection.pipeline import Pipeline
from protobase_live.collection.read_only import ReadOnly
from protobase_live.collection.replica import Replica
from protobase_live.collection.state import leaps
from protobase_live.collection.transactor import Transactor
from protobase_live.collection.turn import Installed, Receipt, Refusal, Reply, Turn
from protobase_live.collection.unreadable import NEVER_TAKEN
from protobase_live.errors import MalformedUpdate, ProtoBaseError, Unavailable
from protobase_storage import Commit, Snapshot, StorageOutdated, Vector
from protobase_storage.commit import NOTHING

T = TypeVar("T")


class Participant:
    """What one collection does when it is held."""

    def __init__(
        self,
        name: str,
        replica: Replica,
        limits: Limits,
        read_only: ReadOnly,
        gates: Gates,
        pipeline: Pipeline[Turn],
        *,
        shared: bool,
    ) -> None:
        """``shared``: whether other processes write the storage, too."""
        self._shared = shared
        self._name = name
        self._gates = gates
        self._replica = replica
        self._limits = limits
        self._read_only = read_only
        self._pipeline = pipeline

    async def meet(self, envelope: Envelope[Message], hold: Hold | HoldPart | HoldSnapshot) -> bool:
        """Meet the other collections of a transaction, and carry out this one's part if all can do so.

        False, with nothing done, if it has to be served anew.
        """
        try:
            if self._shared and not isinstance(hold, Hold):
                # Others have stored it, and what is on its way here may be lost to that: then it would be
                # shown elsewhere alone.
                await self._pipeline.settled()
                if self._pipeline.failed:
                    return False
            if self._pipeline.full:
                await self._pipeline.room()
            if not hold.held.done():
                hold.held.set_result(None)
            if await hold.meeting.begun():
                await self._take_any(envelope, hold)
        except BaseException as error:
            hold.meeting.fail(self._name, error)
            raise
        return True

    async def _take_any(self, envelope: Envelope[Message], hold: Hold | HoldPart | HoldSnapshot) -> None:
        match hold:
            case Hold():
                await self._take_part(envelope, hold)
            case HoldPart():
                await self._take_in_part(envelope, hold)
            case HoldSnapshot():
                await self._take_in_snapshot(envelope, hold)

    async def _take_part(self, envelope: Envelope[Message], hold: Hold) -> None:
        turn, durable = Turn(batch=[envelope], moments=[self._gates.now()]), None
        writes = bool(hold.ops)  # not what a permit leaves of them: that would tell of what it hides
        transactor = Transactor(self._name, self._replica, self._limits, self._read_only)
        ready = await self._agreed(hold.meeting, transactor.prepare(hold.ops, hold.checks, hold.permit))
        seen = self._replica.vector
        turn.moments.append(self._gates.now())
        if ready is None:
            turn.notices.append(Reply(envelope))  # when all that was looked at is durable
        else:
            with transactor.writing():
                await transactor.write(ready, hold.author)
            outcome = await in_steps(self._replica.document.finish_in_steps())
            self._replica.write_in(turn, outcome, transacted=True)
            durable = await self._store(hold.meeting, turn, turn.stored, writes=writes, seen=seen)
            if turn.commits:
                turn.commits[0].commit = hold.meeting.commits[self._name]
            turn.notices.append(Receipt(envelope))
        self._pipeline.push(turn, durable if ready is not None and writes else None)

    async def _take_in_part(self, envelope: Envelope[Message], hold: HoldPart) -> None:
        """`_take_part` with commits that another node has made."""
        turn, durable = Turn(batch=[envelope], moments=[self._gates.now()]), None
        preparing = self._or_leave_out(turn, (), self._lacking(hold.commits, hold.history))
        lacking = await self._agreed(hold.meeting, preparing)
        turn.moments.append(self._gates.now())
        try:
            for commit in lacking or ():
                turn.commits.append(await self._replica.apply(commit))
        except MalformedUpdate as error:
            turn.notices.append(Refusal(envelope, error))  # the others are shown without it
        if lacking is not None:
            durable = await self._store(hold.meeting, turn, turn.stored, writes=bool(turn.commits))
        turn.notices = turn.notices or [Reply(envelope)]
        self._pipeline.push(turn, durable if turn.commits else None)

    async def _take_in_snapshot(self, envelope: Envelope[Message], hold: HoldSnapshot) -> None:
        """All are appended as one, and shown as one; each is folded in between."""
        turn, durable, snapshot = Turn(batch=[envelope]), None, hold.snapshot
        preparing = self._or_leave_out(turn, False, self._lacks(snapshot, hold.history))
        lacks = await self._agreed(hold.meeting, preparing)
        if lacks is not None:
            # Each leap names all: of more collections than this the names would be most of the log.
            named = hold.together if len(hold.together) <= self._limits.joint_collections else ()
            commits = leaps(snapshot, self._replica.vector, named) if lacks else []
            if lacks:
                outcome = await self._replica.take_in(snapshot)
                turn.installed = Installed(outcome, self._replica.vector, self._replica.indexes())
            durable = await self._store(hold.meeting, turn, commits, writes=lacks)
            if lacks and durable is not None:
                await self._replica.fold_behind(durable)
        turn.notices = turn.notices or [Reply(envelope)]
        self._pipeline.push(turn, durable if lacks else None)

    async def _lacks(self, snapshot: Snapshot, history: History | None) -> bool:
        self._read_only.require(self._name)
        self._replica.require_history(history)
        return self._replica.lacks(snapshot)

    async def _store(
        self, meeting: Meeting, turn: Turn, commits: Sequence[Commit], *, writes: bool, seen: Vector = NOTHING
    ) -> asyncio.Future[None] | None:
        """Store what was applied with what the others have applied, to be shown with that."""
        turn.moments.append(self._gates.now())
        if turn.commits or turn.installed is not None:
            turn.joint_change = meeting.joint_change
            turn.joint_change.expect()
        return await meeting.store(Contribution(self._name, commits, writes, self._pipeline, seen))

    async def _lacking(self, commits: Sequence[Commit], history: History | None) -> Sequence[Commit]:
        self._read_only.require(self._name)
        self._replica.require_history(history)
        return self._replica.lacking(commits)

    @staticmethod
    async def _or_leave_out(turn: Turn, nothing: T, preparing: Awaitable[T]) -> T:
        """What of another node's is to be taken in; ``nothing``, which is told, if it can never be.

        The others are shown without it: refused as a whole, they would come one by one, and be seen so.
        """
        try:
            return await preparing
        except NEVER_TAKEN as error:
            turn.notices.append(Refusal(turn.batch[0], error))
            return nothing

    async def _agreed(self, meeting: Meeting, preparing: Awaitable[T]) -> T | None:
        """What this collection does, if it and all others can carry out their parts."""
        try:
            ready = await preparing
            if (loss := self._pipeline.loss) is not None:  # while others were waited for
                if isinstance(loss, StorageOutdated):
                    raise Outrun(loss)
                raise Unavailable(f"{self._name} failed and is loaded again; nothing was done")
        except ProtoBaseError as error:
            meeting.refuse(error)
        except Exception as error:
            meeting.refuse(nothing_done("a transaction", error, self._name))
        else:
            return ready if await meeting.agree() else None
        return None
