"""Whether a store, or another node, has everything that is stored elsewhere."""

from __future__ import annotations

from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.source import Position, Source
from protobase_live.collection.former import FIRST
from protobase_storage import Storage

PAGE = 1_000
"""Collections that are compared in one go."""


async def has_all_of(first: Storage, other: Storage) -> bool:
    """Whether nothing is lost with the other one. Raises StorageError."""
    here = {each.collection: each for each in await _positions(_source(first))}
    return all(_of(here, each).has(each) for each in await _positions(_source(other)))


async def is_known_to_have_all(outgoing: Outgoing, source: Source) -> bool:
    """Whether all that is stored here is known to be durable at the other end of a link.

    What is about to be read, or was sent in a snapshot, is not there yet; nor is anything before both have
    said what they have. Raises StorageError.
    """
    if not outgoing.heard or outgoing.lacking_seconds:
        return False
    there = {
        name: Position(name, each.confirmed, each.confirmed_vector) for name, each in outgoing.known.items()
    }
    return all(_of(there, each).has(each) for each in await _positions(source))


def _source(storage: Storage) -> Source:
    return Source(storage, Recent(0), PAGE)


async def _positions(source: Source) -> list[Position]:
    return [each async for page in source.pages() for each in page]


def _of(positions: dict[str, Position], like: Position) -> Position:
    """Where the same collection is there; one that is not there was never written."""
    return positions.get(like.collection, Position(like.collection, FIRST, {}))
