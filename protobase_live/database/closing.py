"""The end of a database: its collections first, then what they are stored in."""

from __future__ import annotations

from typing import Any

from protobase_actors import ActorError, ActorPool, ActorSystem
from protobase_live.database.health import Health
from protobase_storage import Storage


async def end(
    pool: ActorPool[Any], system: ActorSystem, health: Health, storage: Storage, seconds: float
) -> None:
    """Store what was acknowledged, and let go of the storage. Raises StorageFailed as `Health.close` does."""
    try:
        await pool.close()
        await system.close()
    except ExceptionGroup as group:
        if rest := group.split(ActorError)[1]:  # whom a failed collection concerns has been told
            raise rest from None
    finally:
        await health.close(storage, seconds)
