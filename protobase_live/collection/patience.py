"""Waiting for a storage that has too much to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from protobase_actors import Clock
from protobase_storage import Commit, Storage, StorageBusy, Vector

FIRST_WAIT_SECONDS = 0.05
"""Before commits that were refused are handed over again; each time doubles it."""


def append(storage: Storage, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
    """`Storage.append`, and `Storage.append_behind` where others may write, too."""
    return storage.append_behind(commits, known) if known and storage.shared else storage.append(commits)


async def append_patiently(
    storage: Storage,
    commits: Sequence[Commit],
    clock: Clock,
    seconds: float,
    is_lost: Callable[[], bool],
    known: Mapping[str, Vector] = MappingProxyType({}),
) -> asyncio.Future[None]:
    """`append`, again and again for about ``seconds`` while the storage is too busy to take it.

    It is given up as soon as something before it ``is_lost``. The first time it is handed over before
    anything else may run.
    """
    wait, waited = FIRST_WAIT_SECONDS, 0.0
    while _is_refused(appended := append(storage, commits, known)) and waited < seconds:
        await clock.sleep(wait)
        if is_lost():
            break
        waited += wait
        wait *= 2
    return appended


def _is_refused(appended: asyncio.Future[None]) -> bool:
    return appended.done() and not appended.cancelled() and isinstance(appended.exception(), StorageBusy)
