"""What a folder and a bucket have of each other, and how they come to have the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum, auto

from ..commit import Commit, includes
from ..contract import MAX_SEQUENCE, Standing, Storage
from ..errors import CollectionCorrupt
from ..file import FileStorage

COLLECTIONS_AT_ONCE = 16
"""Collections that are read from the bucket at once."""


class Trust(Enum):
    """What is known before vectors are compared."""

    SAME_WRITER = auto()
    """Nobody else has written to the bucket: the folder is ahead in commits, or behind in deletions."""
    ALL_UPLOADED = auto()
    """Nothing is in the folder that is not in the bucket."""
    NOTHING = auto()
    """Another one has written to the bucket, and something in the folder may never have been uploaded."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Collections of which the folder has more, those of which the bucket has, and those of which the folder
    may have something that the bucket can never take."""

    ahead: Sequence[Standing] = ()
    behind: Sequence[str] = ()
    diverged: Sequence[str] = ()


async def all_standings(storage: Storage) -> dict[str, Standing]:
    """How far all collections are that can be read."""
    found: dict[str, Standing] = {}
    after = ""
    while page := await storage.standings(after):
        after = page[-1].collection
        found |= {each.collection: each for each in page}
    return found


async def compare(folder: Storage, bucket: Storage, trust: Trust) -> Difference:
    """What has to be done, and what cannot be. `ahead` says how far the bucket is."""
    here, there = await all_standings(folder), await all_standings(bucket)
    damaged = {info.name for side in (folder, bucket) for info in await side.list() if info.corrupt}
    ahead: list[Standing] = []
    behind: list[str] = []
    diverged: list[str] = []
    for name in sorted({*here, *there} - damaged):
        own, other = here.get(name, Standing(name, {})), there.get(name, Standing(name, {}))
        if own == other:
            continue
        if trust is Trust.SAME_WRITER and _is_ahead(own, other):
            ahead.append(other)
        elif trust is Trust.NOTHING and not await _has(bucket, own, other):
            diverged.append(name)
        else:
            behind.append(name)
    return Difference(ahead, behind, diverged)


def _is_ahead(own: Standing, other: Standing) -> bool:
    """The bucket comes first in deletions, and last in commits."""
    return own.remains == other.remains and includes(own.vector, other.vector)


async def _has(bucket: Storage, own: Standing, other: Standing) -> bool:
    """Whether the bucket is known to have all that the folder has. Folded, it cannot be known any more."""
    if not own.vector:
        return True
    return own.remains == other.remains and (await bucket.load(own.collection)).has_been_at(own.vector)


async def upload(folder: Storage, bucket: Storage, ahead: Sequence[Standing]) -> list[str]:
    """Store what the bucket lacks, all of it at once, so that no transaction is torn.

    Returns the collections of which the folder has a fold that the bucket has no commits for: there they were
    deleted, by this folder, which did not come to the end of it.
    """
    commits: list[Commit] = []
    deleted: list[str] = []
    for standing in ahead:
        lacking = await folder.commits_after(standing.collection, standing.vector, MAX_SEQUENCE)
        if lacking is None:
            deleted.append(standing.collection)
        else:
            commits += lacking
    if commits:
        await bucket.append(commits)
    return deleted


async def download(folder: FileStorage, bucket: Storage, behind: Sequence[str]) -> None:
    """Have collections in the folder as they are in the bucket.

    Some may have been deleted there, or erased, which looks the same: no byte is left of either.
    """
    here, there = await folder.standings_of(behind), await bucket.standings_of(behind)
    are_over = {(each.collection, each.remains) for each in here if each.vector}.difference(
        (each.collection, each.remains) for each in there
    )
    async with folder.cleaning() if are_over else nullcontext():
        await _download_all(folder, bucket, behind)


async def _download_all(folder: Storage, bucket: Storage, behind: Sequence[str]) -> None:
    for start in range(0, len(behind), COLLECTIONS_AT_ONCE):
        some = behind[start : start + COLLECTIONS_AT_ONCE]
        await asyncio.gather(*[_download(folder, bucket, name) for name in some])


async def _download(folder: Storage, bucket: Storage, name: str) -> None:
    try:
        loaded = await bucket.load(name)
    except CollectionCorrupt:
        return  # the folder has what it has
    await folder.delete(name, loaded.remains)
    if loaded.snapshot:
        await folder.compact(loaded.snapshot)
    if loaded.commits:
        await folder.append(loaded.commits)
