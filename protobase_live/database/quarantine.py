"""Collections that cannot be loaded: their bytes are kept, and who knocks costs next to nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from protobase_actors import Clock
from protobase_live.errors import CollectionUnloadable

FIRST_RETRY_SECONDS = 1.0
"""How long after the first failure a load is tried again; each failure doubles it."""

MAX_RETRY_SECONDS = 300.0
"""Longest time between two attempts."""

MAX_QUARANTINED = 10_000
"""Most collections that are remembered; then those that failed first are forgotten."""

_log = logging.getLogger("protobase_live")


def unloadable(collection: str, cause: BaseException) -> CollectionUnloadable:
    """The error that says so, in one line."""
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    return CollectionUnloadable(
        f"collection {collection!r} cannot be loaded: {reason}; its bytes are kept, "
        f"'protobase-live export --raw' prints them"
    )


@dataclass(slots=True)
class _Failed:
    reason: str
    pause: float
    retry_at: float


class Quarantine:
    """The collections that could not be loaded, and when that is tried again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, _Failed] = {}

    @property
    def reasons(self) -> Mapping[str, str]:
        """What was wrong with each of them, last time."""
        return {name: failed.reason for name, failed in self._failed.items()}

    def require(self, collection: str) -> None:
        """Raise CollectionUnloadable if the load failed and is not to be tried again yet."""
        failed = self._failed.get(collection)
        if failed is not None and self._clock.monotonic() < failed.retry_at:
            raise CollectionUnloadable(failed.reason)

    def add(self, collection: str, error: CollectionUnloadable) -> None:
        """The load failed. The first time, the log is told."""
        known = self._failed.pop(collection, None)
        if known is None:
            _log.error("%s", error)
        pause = FIRST_RETRY_SECONDS if known is None else min(2 * known.pause, MAX_RETRY_SECONDS)
        self._failed[collection] = _Failed(str(error), pause, self._clock.monotonic() + pause)
        if len(self._failed) > MAX_QUARANTINED:
            del self._failed[next(iter(self._failed))]

    def release(self, collection: str) -> None:
        """It was loaded."""
        self._failed.pop(collection, None)
