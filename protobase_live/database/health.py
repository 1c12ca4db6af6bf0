"""Whether what is written is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from protobase_actors import Clock
from protobase_live.collection.read_only import is_of_the_medium
from protobase_storage import Commit, Storage, StorageBusy, StorageFenced

_log = logging.getLogger(__name__)


class Health:
    """Counts what a storage fails to store, and tells the log when that begins and ends."""

    def __init__(self, clock: Clock, failed_seconds: float) -> None:
        """``failed_seconds``: how long a failure counts if nothing is written meanwhile."""
        self._clock = clock
        self._failed_seconds = failed_seconds
        self._reason: str | None = None
        self._failed_at = 0.0
        self.failures = 0
        """Appends that failed since the start."""
        self.taken_over = asyncio.Event()
        """Set when another process has the database: nothing will be stored by this one any more."""
        self.successor: str | None = None
        """What the storage said of that."""

    @property
    def failure(self) -> str | None:
        """Why nothing is stored; None when the last that was written was stored.

        A failure is forgotten after a while: who is told of it may write no more, and nobody would
        see that the storage is well again.
        """
        if self._reason is not None and self._clock.monotonic() - self._failed_at >= self._failed_seconds:
            return None
        return self._reason

    def watch(self, storage: Storage) -> Storage:
        """The same storage; the outcome of each append is noted here."""
        return cast("Storage", _Watched(storage, self))

    def note(self, appended: asyncio.Future[None]) -> None:
        """The outcome of an append is known."""
        error = None if appended.cancelled() else appended.exception()
        if isinstance(error, StorageFenced):
            self.successor = str(error)
            self.taken_over.set()
            return
        if error is not None and is_of_the_medium(error) and not isinstance(error, StorageBusy):
            if self._reason is None:
                reason = str(error)  # a log record that is kept must not keep the collection
                told = "the storage failed: %s; what is written is refused, reading goes on"
                _log.error(told, reason, extra={"event": "storage_failed"})
            self.failures += 1
            self._reason, self._failed_at = str(error), self._clock.monotonic()
        elif error is None and self._reason is not None:
            _log.warning("the storage works again", extra={"event": "storage_recovered"})
            self._reason = None


class _Watched:
    """Passes everything on: a storage that offers more goes on to offer it."""

    def __init__(self, storage: Storage, health: Health) -> None:
        self._storage = storage
        self._health = health

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        appended = self._storage.append(commits)
        appended.add_done_callback(self._health.note)
        return appended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)
