"""Transactions over several collections: all are held in name order, and meet; one storage batch for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from protobase_actors import ActorFailed, ActorState, ActorStopped, Clock, Ref, mark_heard, within
from protobase_live.collection.former import History
from protobase_live.collection.limits import Limits
from protobase_live.collection.meeting import Meeting
from protobase_live.collection.messages import Hold, HoldPart, HoldSnapshot, Message, Question
from protobase_live.collection.outrun import Outrun
from protobase_live.errors import Overloaded, Unavailable
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.permissions.permits import Permits
from protobase_storage import Commit, Snapshot, Storage, StorageError, StorageOutdated

Refs = Callable[[str], Awaitable[Ref[Message]]]
Parts = Mapping[str, asyncio.Task[object]]
"""What each collection will answer to `Hold`."""


@dataclass(frozen=True, slots=True)
class JointTransaction:
    """What a transaction over several collections does and relies on."""

    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check]
    author: str | None
    permits: Permits

    @property
    def names(self) -> list[str]:
        """The collections it concerns, in the order in which they are held."""
        return sorted({*self.writes, *(check.collection for check in self.checks)})

    def part(self, name: str, meeting: Meeting) -> Hold:
        """What it wants of one collection."""
        checks = [check for check in self.checks if check.collection == name]
        held = asyncio.get_running_loop().create_future()
        return Hold(meeting, self.writes.get(name, ()), checks, self.author, held, self.permits.get(name))


@dataclass(frozen=True, slots=True)
class JointParts:
    """The commits of another node that are carried out together, by collection and in order.

    A transaction, or all that transactions connect.
    """

    commits: Mapping[str, Sequence[Commit]]
    histories: Mapping[str, History]
    """Of which history each is, where that is known."""

    @property
    def names(self) -> list[str]:
        """The collections it concerns, in the order in which they are held."""
        return sorted(self.commits)

    def part(self, name: str, meeting: Meeting) -> HoldPart:
        """What it wants of one collection."""
        held = asyncio.get_running_loop().create_future()
        return HoldPart(meeting, self.commits[name], held, self.histories.get(name))


@dataclass(frozen=True, slots=True)
class JointSnapshots:
    """Snapshots of another node that are shown as one, by collection."""

    snapshots: Mapping[str, tuple[Snapshot, History]]

    @property
    def names(self) -> list[str]:
        """The collections it concerns, in the order in which they are held."""
        return sorted(self.snapshots)

    def part(self, name: str, meeting: Meeting) -> HoldSnapshot:
        """What it wants of one collection."""
        held = asyncio.get_running_loop().create_future()
        snapshot, history = self.snapshots[name]
        return HoldSnapshot(meeting, snapshot, self.names, held, history)


AnyJoint = JointTransaction | JointParts | JointSnapshots


class NotHeld(Exception):
    """A collection did not answer in time, or was passivated before it could be held."""

    def __init__(self, collection: str) -> None:
        super().__init__(collection)
        self.collection = collection


async def commit_jointly(
    storage: Storage, ref: Refs, joint: AnyJoint, clock: Clock, limits: Limits
) -> dict[str, object]:
    """Carry out all writes or none; once all is durable, what each collection that was written answers.

    The collections are loaded first, which may take long, and then held, which must not: others wait
    meanwhile. If one does not answer within ``joint_hold_seconds``, all are let go, that one is waited for,
    and all is tried again. The same happens if one was passivated before it could be held.

    Raises Overloaded after ``joint_hold_attempts`` tries, Conflict and whatever else keeps the operations
    from being carried out, Unavailable, ActorError, and what ``ref`` raises.
    """
    for _ in range(limits.joint_hold_attempts):
        refs = await _loaded(ref, joint.names)
        for each in refs.values():
            if each.state is not ActorState.RUNNING:  # it will surely take its time
                await _wait_for(each)
        meeting = Meeting(storage, len(refs), own=isinstance(joint, JointTransaction))
        try:
            parts = await _hold_all(refs, joint, meeting, clock, limits.joint_hold_seconds)
        except NotHeld as missed:
            await _wait_for(refs[missed.collection])
        else:
            meeting.begin()
            return await _outcome(meeting, parts)
    raise Overloaded(
        f"{len(joint.names)} collections could not be held at once in {limits.joint_hold_attempts} attempts "
        f"(joint_hold_attempts, joint_hold_seconds, and how many collections may be in memory); "
        f"nothing was done"
    )


async def _loaded(ref: Refs, names: Sequence[str]) -> dict[str, Ref[Message]]:
    """All at the same time, or one after the other where there is no room for that."""
    with suppress(Overloaded):
        return dict(zip(names, await asyncio.gather(*map(ref, names)), strict=True))
    return {name: await ref(name) for name in names}


async def _hold_all(
    refs: Mapping[str, Ref[Message]],
    joint: AnyJoint,
    meeting: Meeting,
    clock: Clock,
    seconds: float,
) -> Parts:
    """Hold the collections one after the other: all within ``seconds`` after the first is held."""
    parts: dict[str, asyncio.Task[object]] = {}
    deadline: float | None = None
    try:
        for name, ref in refs.items():
            hold = joint.part(name, meeting)
            parts[name] = asyncio.get_running_loop().create_task(ref.ask(hold))
            parts[name].add_done_callback(mark_heard)
            left = None if deadline is None else max(0.0, deadline - clock.monotonic())
            await _until_held(name, parts[name], hold.held, clock, left)
            if deadline is None:
                deadline = clock.monotonic() + seconds
    except BaseException:
        meeting.dissolve()
        for part in parts.values():
            part.cancel()
        raise
    return parts


async def _until_held(
    name: str, part: asyncio.Task[object], held: asyncio.Future[None], clock: Clock, seconds: float | None
) -> None:
    """Raises NotHeld, and what else keeps a collection from being held."""
    either = _either(part, held)
    try:
        await (either if seconds is None else within(clock, seconds, either))
        if not held.done():
            part.result()
    except (TimeoutError, ActorStopped) as error:
        raise NotHeld(name) from error


async def _either(part: asyncio.Task[object], held: asyncio.Future[None]) -> None:
    await asyncio.wait([part, held], return_when=asyncio.FIRST_COMPLETED)


async def _wait_for(ref: Ref[Message]) -> None:
    """Wait until the actor takes a message, holding nothing."""
    with suppress(ActorStopped):  # the next one who asks for it starts another
        await ref.ask(Question(Read(RECORDS, "count")))


async def _outcome(meeting: Meeting, parts: Parts) -> dict[str, object]:
    """The answers. Raises the refusal when all that was looked at is durable, Unavailable, ActorError."""
    try:
        wrote = await meeting.outcome()
    except StorageOutdated as error:
        raise Outrun(error) from error
    concerned = parts.keys() if wrote is None else wrote
    errors = await _errors(parts[name] for name in concerned)
    for error in errors:
        if isinstance(error, Outrun):  # nothing was done; a refusal may rest on what is lost
            raise error
    if meeting.refusal is not None:
        if errors and not isinstance(meeting.refusal, Unavailable):
            raise Unavailable(f"what was read is not stored, nothing was done: {errors[0]}") from errors[0]
        raise meeting.refusal
    if errors:
        raise min(errors, key=lambda error: not _says_nothing_done(error))
    return {name: parts[name].result() for name in concerned}


async def _errors(parts: Iterable[asyncio.Task[object]]) -> list[BaseException]:
    """Wait for all: one that fails leaves none of the others waiting."""
    waited = list(parts)
    if waited:
        await asyncio.wait(waited)
    return [error for part in waited if (error := part.exception())]


def _says_nothing_done(error: BaseException) -> bool:
    """The parts are one append: if one of them is not stored, none is."""
    cause = error.cause if isinstance(error, ActorFailed) else error
    return isinstance(cause, StorageError | Unavailable)
