"""Transactions over several collections: their actors are held in name order, one storage batch for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from protobase_actors import ActorState, ActorStopped, AskTimeout, Clock, Ref
from protobase_live.database.messages import Hold, Message
from protobase_live.database.mistakes import nothing_done
from protobase_live.database.turn import Turn
from protobase_live.errors import OutcomeUnknown, Overloaded, ProtoBaseError, Unavailable
from protobase_live.live.show import Together
from protobase_live.operations import Check, Op
from protobase_storage import Commit, Storage

if TYPE_CHECKING:
    from protobase_live.database.collection_actor import CollectionActor

HOLD_ATTEMPTS = 8
"""How often a transaction tries to hold all its collections at once before it fails with Overloaded."""

Refs = Callable[[str], Awaitable[Ref[Message]]]


@dataclass(frozen=True, slots=True)
class Joint:
    """What a transaction over several collections does and relies on."""

    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check]
    author: str | None

    @property
    def names(self) -> list[str]:
        """The collections it concerns, in the order in which they are held."""
        return sorted({*self.writes, *(check.collection for check in self.checks)})

    def checks_of(self, name: str) -> list[Check]:
        """What it relies on in one collection."""
        return [check for check in self.checks if check.collection == name]


@dataclass(frozen=True, slots=True)
class _Held:
    """An actor that waits in its turn. The future is cancelled if the actor fails meanwhile."""

    actor: CollectionActor
    release: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Pending:
    """What a transaction waits for once its actors are released."""

    cursors: Mapping[str, asyncio.Future[str]]
    refusal: ProtoBaseError | None = None
    """What is told instead of the cursors, when all that was looked at is durable."""

    async def outcome(self) -> dict[str, str]:
        """The cursors. Raises the refusal, Unavailable if nothing was stored, OutcomeUnknown."""
        if self.cursors:
            await asyncio.wait(self.cursors.values())  # one that fails leaves none of the others waiting
        errors = [error for cursor in self.cursors.values() if (error := cursor.exception())]
        if errors and self.refusal is not None:
            raise Unavailable(f"what was read is not stored, nothing was done: {errors[0]}") from errors[0]
        if errors:  # one that knows that nothing was done knows it of all
            raise min(errors, key=lambda error: isinstance(error, OutcomeUnknown))
        if self.refusal is not None:
            raise self.refusal
        return {name: cursor.result() for name, cursor in self.cursors.items()}


async def commit_jointly(
    storage: Storage, ref: Refs, joint: Joint, clock: Clock, hold_seconds: float
) -> dict[str, str]:
    """Carry out all writes or none; a cursor for each collection written, once all is durable.

    The collections are loaded first, which may take long, and then held, which must not: others wait
    meanwhile. If one does not answer within ``hold_seconds``, all are let go, that one is waited for, and all
    is tried again. The same happens if one was passivated before it could be held.

    Raises Overloaded after HOLD_ATTEMPTS tries, Conflict and whatever else keeps the operations from being
    carried out, Unavailable, OutcomeUnknown, and what ``ref`` raises.
    """
    for _ in range(HOLD_ATTEMPTS):
        refs = {name: await ref(name) for name in joint.names}
        try:
            async with AsyncExitStack() as stack:
                held = await _hold_all(stack, refs, clock, hold_seconds)
                pending = _carry_out(storage, held, joint)
        except (AskTimeout, ActorStopped) as missed:
            await _wait_for(refs[missed.name])
        else:
            return await pending.outcome()
    raise Overloaded(
        f"{len(joint.names)} collections could not be held at once in {HOLD_ATTEMPTS} attempts "
        f"(joint_hold_seconds, and how many collections may be in memory); nothing was done"
    )


async def _hold_all(
    stack: AsyncExitStack, refs: Mapping[str, Ref[Message]], clock: Clock, seconds: float
) -> dict[str, _Held]:
    """Hold the actors one after the other: all within ``seconds`` after the first is held."""
    for ref in refs.values():
        if ref.state is not ActorState.RUNNING:  # it will surely take its time
            await _wait_for(ref)
    held: dict[str, _Held] = {}
    deadline: float | None = None
    for name, ref in refs.items():
        left = None if deadline is None else max(0.0, deadline - clock.monotonic())
        held[name] = await stack.enter_async_context(_held(ref, left))
        if deadline is None:
            deadline = clock.monotonic() + seconds
    return held


@asynccontextmanager
async def _held(ref: Ref[Message], seconds: float | None) -> AsyncGenerator[_Held]:
    """Hold one actor's turn. Raises AskTimeout if it is not reached within ``seconds``."""
    release: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        actor = await ref.ask(Hold(release), timeout=seconds)
        yield _Held(cast("CollectionActor", actor), release)
    finally:
        if not release.done():
            release.set_result(None)


async def _wait_for(ref: Ref[Message]) -> None:
    """Wait until the actor takes a message, holding nothing."""
    with suppress(ActorStopped):  # the next one who asks for it starts another
        async with _held(ref, None):
            pass


def _carry_out(storage: Storage, held: Mapping[str, _Held], joint: Joint) -> Pending:
    """Without a pause: verify all parts, apply them, append one batch, queue what is to be shown."""
    for name, each in held.items():
        if each.actor.failed or each.release.cancelled():  # while another one was waited for
            raise Unavailable(f"{name} failed and is loaded again; nothing was done")
    actors = {name: each.actor for name, each in held.items()}
    try:
        ready = {
            name: actor.verify(joint.writes.get(name, ()), joint.checks_of(name))
            for name, actor in actors.items()
        }
    except ProtoBaseError as error:  # which may tell of what is not durable yet
        return Pending({name: actor.push_held(Turn(), None) for name, actor in actors.items()}, error)
    except Exception as error:
        raise nothing_done("a transaction", error) from error
    writes = {name: (actors[name], ready[name]) for name in joint.writes if ready[name]}
    return Pending(_apply(storage, writes, joint.author))


def _apply(
    storage: Storage, writes: Mapping[str, tuple[CollectionActor, Sequence[Op]]], author: str | None
) -> dict[str, asyncio.Future[str]]:
    together = Together()
    turns: dict[str, tuple[Turn, Commit | None]] = {}
    try:
        for name, (actor, ops) in writes.items():
            turns[name] = actor.carry_out_held(ops, author, together)
        durable = storage.append([commit for _, commit in turns.values() if commit is not None])
    except BaseException as error:
        for actor, _ in writes.values():  # verified, so this is no user's mistake: every document is suspect
            actor.context.fail(error)
        if not isinstance(error, Exception):
            raise
        raise nothing_done("a transaction", error) from error
    return {name: writes[name][0].push_held(turn, durable) for name, (turn, _) in turns.items()}
