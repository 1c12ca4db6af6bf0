"""A database whose storage other processes write, too: what it promises, and how it hears of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from protobase_actors import Clock
from protobase_live.cluster.replication import Replication
from protobase_live.collection.audience import Audience
from protobase_live.collection.identity import Identity
from protobase_live.collection.messages import Message
from protobase_live.database.known_errors import errors_named
from protobase_live.errors import ValidationError
from protobase_live.model.durability import LOCAL, MAJORITY, Durability
from protobase_live.presence.hub import PresenceHub
from protobase_storage import SharedStorage, Storage, Vector

if TYPE_CHECKING:
    from protobase_live.cluster.following import Following
    from protobase_live.cluster.incoming import Home
    from protobase_live.live.level import Stored  # a database that is asked nothing starts without queries

SAFE_REPLICAS = 3
"""Of fewer replicas there is no majority that outlives one of them."""

_log = logging.getLogger(__name__)


def share(
    storage: Storage,
    replication: Replication,
    presence: PresenceHub,
    home: Home,
    ask: Callable[[str, Message], Awaitable[object]],
    identity: Identity,
    loaded: Mapping[str, Audience],
    clock: Clock,
) -> None:
    """Follow what others store, and who is there, if this is shared with others. See `Following`."""
    if isinstance(storage, SharedStorage):
        # Imported here, and below: a database that is alone on its storage starts without.
        from protobase_live.cluster.following import Following
        from protobase_live.cluster.members import Members
        from protobase_live.model.node_status import MemberStatus

        replication.following = Following(storage, home, ask, identity, loaded, clock)
        presence.share(storage.channel)
        limits, own = replication.limits, MemberStatus(identity.node, "")
        replication.members = Members(storage.identity, own, storage.channel, limits, clock)


def asking(following: Following | None) -> Stored | None:
    """What asks how far collections are stored, where others store, too."""
    if following is None:
        return None

    async def ask(collections: Collection[str]) -> Mapping[str, Vector]:
        with errors_named(", ".join(sorted(collections))):
            return await following.stored(collections)

    return ask


def check_sharing(storage: Storage, durability: Durability, owner: Sequence[str]) -> None:
    """Say in the log what an acknowledgement means, where others keep the replicas.

    Raises ValidationError for a ``durability`` that they do not give, and for owned collections.
    """
    if not isinstance(storage, SharedStorage):
        return
    from protobase_live.model.stream_status import promise

    if owner:
        raise ValidationError("collections in a stream have no owner: that takes nodes which are linked")
    if durability not in (LOCAL, MAJORITY):
        raise ValidationError(
            f"durability {durability} counts nodes with disks of their own; a stream has replicas: 'majority'"
        )
    if durability == MAJORITY and storage.replicas < SAFE_REPLICAS:
        raise ValidationError(
            f"durability 'majority' takes a stream with {SAFE_REPLICAS} replicas or 5; this one has "
            f"{storage.replicas}: make it with ?replicas={SAFE_REPLICAS}, or update it"
        )
    _log.info("%s", promise(storage.majority, storage.replicas), extra={"event": "stream_promise"})
