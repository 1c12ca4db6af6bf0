"""The actors of a database's collections, and their end."""

from __future__ import annotations

from collections.abc import Callable

from protobase_actors import ActorError, ActorPool, ActorSystem, Supervision
from protobase_live.collection.actor import CollectionActor
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Message, size_of
from protobase_live.database.health import Health
from protobase_storage import Storage


def collection_pool(
    system: ActorSystem, make: Callable[[str], CollectionActor], limits: Limits
) -> ActorPool[Message]:
    """A pool of them, within the limits; ``make`` makes one by its collection's name."""
    return ActorPool[Message](
        system,
        make,
        idle_seconds=limits.idle_seconds,
        limit=limits.collections,
        mailbox=limits.mailbox_messages,
        mailbox_bytes=limits.mailbox_bytes,
        mailbox_senders=limits.mailbox_senders,
        weigh=size_of,
        batch=limits.turn_messages,
        supervision=Supervision(
            backoff_cap_seconds=limits.restart_seconds,
            hook_seconds=limits.stop_seconds,
            start_seconds=limits.load_seconds,
        ),
    )


async def close_all(
    pool: ActorPool[Message], system: ActorSystem, health: Health, storage: Storage, seconds: float
) -> None:
    """Have them store what was acknowledged, and let go of the storage. Raises as `Health.close` does."""
    try:
        await pool.close()
        await system.close()
    except ExceptionGroup as group:
        if rest := group.split(ActorError)[1]:  # whom a failed collection concerns has been told
            raise rest from None
    finally:
        await health.close(storage, seconds)
