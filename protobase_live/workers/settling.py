"""Whether a store has everything that another one has."""

from __future__ import annotations

from protobase_live.cluster.recent import Recent
from protobase_live.cluster.source import Position, Source
from protobase_storage import Storage, includes

PAGE = 1_000
"""Collections that are compared in one go."""


async def has_all_of(first: Storage, other: Storage) -> bool:
    """Whether nothing is lost with the other one. Raises StorageError."""
    here = {each.collection: each for each in await _positions(first)}
    return all(_has(here.get(each.collection), each) for each in await _positions(other))


async def _positions(storage: Storage) -> list[Position]:
    return [each async for page in Source(storage, Recent(0), PAGE).pages() for each in page]


def _has(here: Position | None, there: Position) -> bool:
    if here is None:
        return False
    return here.history > there.history or (
        here.history == there.history and includes(here.vector, there.vector)
    )
