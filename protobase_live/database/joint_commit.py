"""Transactions over several collections: their actors are held in name order, one storage batch for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, cast

from protobase_actors import Ref
from protobase_live.database.messages import Hold, Message
from protobase_live.errors import ProtoBaseError, Unavailable
from protobase_live.live.show import Together
from protobase_live.operations import Check, Op
from protobase_storage import Storage

if TYPE_CHECKING:
    from protobase_live.database.collection_actor import CollectionActor

Refs = Callable[[str], Awaitable[Ref[Message]]]


async def commit_jointly(
    storage: Storage,
    ref: Refs,
    writes: Mapping[str, Sequence[Op]],
    checks: Sequence[Check],
    author: str | None,
) -> dict[str, str]:
    """Carry out all ``writes`` or none; a cursor for each collection, once all is durable."""
    names = sorted({*writes, *(check.collection for check in checks)})
    refs = {name: await ref(name) for name in names}  # loading may take long, holding must not
    async with AsyncExitStack() as stack:
        held = {name: await stack.enter_async_context(_held(refs[name])) for name in names}
        actors = {name: actor for name, (actor, _) in held.items()}
        for name, (actor, release) in held.items():
            if actor.failed or release.cancelled():  # while another one was waited for
                raise Unavailable(f"{name} failed and is loaded again; nothing was done")
        try:
            ready = {
                name: actor.verify(writes.get(name, ()), [each for each in checks if each.collection == name])
                for name, actor in actors.items()
            }
        except ProtoBaseError:
            await asyncio.gather(*(actor.shown() for actor in actors.values()))
            raise
        written = [name for name in writes if ready[name]]
        shown = _apply(storage, {actors[name]: ready[name] for name in written}, author)
    if shown:
        await asyncio.wait(shown)  # one that fails leaves none of the others waiting
    return {name: cursor.result() for name, cursor in zip(written, shown, strict=True)}


def _apply(
    storage: Storage, writes: Mapping[CollectionActor, Sequence[Op]], author: str | None
) -> list[asyncio.Future[str]]:
    """Without a pause: apply to each document, append one batch, queue what is to be shown."""
    try:
        together = Together()
        turns = [(actor, *actor.carry_out_held(ops, author, together)) for actor, ops in writes.items()]
    except BaseException as error:
        for actor in writes:  # verified, so this is no user's mistake: every document is suspect
            actor.context.fail(error)
        raise
    durable = storage.append([commit for _, _, commit in turns if commit is not None])
    return [actor.push_held(turn, durable) for actor, turn, _ in turns]


@asynccontextmanager
async def _held(ref: Ref[Message]) -> AsyncGenerator[tuple[CollectionActor, asyncio.Future[None]]]:
    """Hold one actor's turn. Nothing that is awaited meanwhile is slow: only the other holds.

    The future is cancelled if the actor fails meanwhile.
    """
    release: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    try:
        yield cast("CollectionActor", await ref.ask(Hold(release))), release
    finally:
        if not release.done():
            release.set_result(None)
