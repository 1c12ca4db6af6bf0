"""What goes on in a database: its collections, who listens to them, and what their actors do.

All of it is read from outside while the actors work: nobody is asked, so a busy collection is told of like
any other, and telling of it costs it nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import islice

from protobase_actors import ActorStats
from protobase_live.collection.audience import Listeners
from protobase_live.database.database import Database
from protobase_live.database.known_errors import errors_named
from protobase_live.model.names import is_listed
from protobase_storage import CollectionInfo as Stored


@dataclass(frozen=True, slots=True)
class ActorFigures:
    """What the actor of a collection does; counts are from when it was loaded on, over all restarts."""

    state: str
    mailbox: int
    """Messages that wait to be taken."""
    waiting: int
    """Senders that wait for room in the mailbox."""
    turns: int
    messages: int
    """Those that turns have taken."""
    turn_seconds: float
    """Time in turns."""
    turn_seconds_max: float
    """The longest turn."""
    restarts: int
    failure: str | None
    """What it last failed with."""

    @classmethod
    def of(cls, stats: ActorStats) -> ActorFigures:
        """As the runtime counts them."""
        return cls(
            state=stats.state.value,
            mailbox=stats.depth,
            waiting=stats.waiting,
            turns=stats.turns,
            messages=stats.messages,
            turn_seconds=stats.turn_seconds,
            turn_seconds_max=stats.turn_seconds_max,
            restarts=stats.restarts,
            failure=None if stats.failure is None else str(stats.failure),
        )


@dataclass(frozen=True, slots=True)
class InspectedCollection:
    """One collection, as it is now. What it takes is that of what is stored, 0 while that is nothing."""

    name: str
    snapshot_bytes: int
    log_commits: int
    log_bytes: int
    corrupt: str | None
    """What is wrong with what is stored, where that cannot be read."""
    read_only: str | None
    """Why the last write was not stored; None if it was."""
    listeners: Listeners
    people: int
    """Who is present, at whatever node."""
    actor: ActorFigures | None
    """None: it is not in memory."""


@dataclass(frozen=True, slots=True)
class InspectedStorage:
    """What the storage holds and does; counts are from its opening on."""

    collections: int
    bytes: int
    """What they take on the medium."""
    commits: int
    """Those that were made durable."""
    flushes: int
    """What carried them."""
    last_flush_seconds: float
    backlog: int
    """Bytes that are not durable yet."""
    failures: int
    """What could not be stored."""
    failure: str | None
    """Why nothing is stored now."""


async def inspected_storage(database: Database) -> InspectedStorage:
    """How the storage is. Raises StorageFailed."""
    with errors_named("the storage"):
        stats = await database.storage.stats()
    return InspectedStorage(
        stats.collections,
        stats.bytes,
        stats.commits,
        stats.flushes,
        stats.last_flush_seconds,
        stats.backlog,
        database.health.failures,
        database.health.failure,
    )


async def inspected_collections(
    database: Database, prefix: str, after: str, limit: int, *, loaded: bool
) -> Sequence[InspectedCollection]:
    """A page of at most ``limit`` of the collections whose names begin with ``prefix``, in their order.

    It begins behind the name ``after``. ``loaded``: only those in memory. The server's own are left out.
    Raises StorageFailed.
    """
    with errors_named("the storage"):
        stored = await database.storage.list(prefix)
    stats = database.actor_stats()
    names = {name for name in stats if name > after and name.startswith(prefix) and is_listed(name, "")}
    if not loaded:
        behind = islice(stored, bisect_right(stored, after, key=_name_of), None)
        names |= set(islice((each.name for each in behind if is_listed(each.name, "")), limit))
    page = sorted(names)[:limit]
    return [_inspected(database, name, _stored_as(name, stored), stats.get(name)) for name in page]


def _name_of(stored: Stored) -> str:
    return stored.name


def _stored_as(name: str, stored: Sequence[Stored]) -> Stored:
    """What is stored of a collection, of all that is, in the order of names."""
    at = bisect_left(stored, name, key=_name_of)
    return stored[at] if at < len(stored) and stored[at].name == name else Stored(name, 0, 0, 0)


def _inspected(
    database: Database, name: str, stored: Stored, stats: ActorStats | None
) -> InspectedCollection:
    audience = database.audiences.get(name)
    return InspectedCollection(
        **{each.name: getattr(stored, each.name) for each in fields(stored)},
        read_only=database.read_only.reasons.get(name),
        listeners=Listeners() if audience is None else audience.listeners,
        people=database.presence_hub.count(name),
        actor=None if stats is None else ActorFigures.of(stats),
    )
