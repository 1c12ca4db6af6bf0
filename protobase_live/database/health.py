"""Whether what is written is stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from protobase_actors import Clock, within
from protobase_live.collection.overdue import Overdue
from protobase_live.collection.read_only import is_of_the_medium
from protobase_live.errors import StorageFailed
from protobase_storage import (
    CollectionInfo,
    Commit,
    Loaded,
    Snapshot,
    Storage,
    StorageBusy,
    StorageError,
    StorageFenced,
    StorageSilent,
    StorageStats,
    Vector,
)
from protobase_storage.contract import refused

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Health:
    """Counts what a storage fails to store, and tells the log when that begins and ends.

    A storage that hangs is given nothing more until it has answered: so whoever writes knows that nothing was
    done.
    """

    def __init__(self, clock: Clock, failed_seconds: float, storage_seconds: float = 30.0) -> None:
        """``failed_seconds``: how long a failure counts if nothing is written meanwhile. ``storage_seconds``:
        how long the storage may take to answer.
        """
        self._clock = clock
        self._storage_seconds = storage_seconds
        self._overdue = Overdue(clock, storage_seconds, self._note_silence)
        self._is_silent = False
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
        if silence := self._overdue.reason:
            return silence
        if self._reason is not None and self._clock.monotonic() - self._failed_at >= self._failed_seconds:
            return None
        return self._reason

    def watch(self, storage: Storage) -> Storage:
        """The same storage; the outcome of each append is noted here."""
        return cast("Storage", _Watched(storage, self))

    @property
    def silence(self) -> str | None:
        """For how long the storage has not answered, if that is too long."""
        return self._overdue.reason

    def require(self) -> None:
        """Raise StorageError, with nothing done, while the storage does not answer."""
        if silence := self._overdue.reason:
            raise StorageError(silence)

    def expect(self, appended: asyncio.Future[None]) -> None:
        """The storage was given something."""
        self._overdue.expect(appended)
        appended.add_done_callback(self.note)

    async def answered(self, asked: Coroutine[Any, Any, T]) -> T:
        """What the storage answers. Raises StorageSilent when it does not in time."""
        try:
            return await within(self._clock, self._storage_seconds, asked)
        except TimeoutError:
            seconds = f"{self._storage_seconds:g} seconds (storage_seconds)"
            raise StorageSilent(f"the storage did not answer within {seconds}") from None

    async def close(self, storage: Storage, seconds: float) -> None:
        """Look after it no more. Raises StorageFailed if it is not closed within ``seconds``."""
        self._overdue.close()
        try:
            await within(self._clock, seconds, storage.close())
        except TimeoutError:
            what = "what was not acknowledged may be stored, or not"
            message = f"the storage was not closed within {seconds:g} seconds (stop_seconds); {what}"
            raise StorageFailed(message) from None

    def _note_silence(self) -> None:
        if not self._is_silent:
            self._is_silent = True
            self.failures += 1
            told = "%s; what is written is refused, reading goes on"
            _log.error(told, self._overdue.reason, extra={"event": "storage_silent"})

    def note(self, appended: asyncio.Future[None]) -> None:
        """The outcome of an append is known."""
        if self._is_silent and self._overdue.reason is None:
            self._is_silent = False
            _log.warning("the storage answers again", extra={"event": "storage_answers"})
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
        return self._given(lambda: self._storage.append(commits))

    def append_behind(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
        return self._given(lambda: self._storage.append_behind(commits, known))

    def _given(self, append: Callable[[], asyncio.Future[None]]) -> asyncio.Future[None]:
        if silence := self._health.silence:
            return refused(StorageError(silence))
        appended = append()
        self._health.expect(appended)
        return appended

    async def load(self, collection: str) -> Loaded:
        """It may take long (``load_seconds``), unless the storage hangs."""
        loading = self._storage.load(collection)
        return await (self._health.answered(loading) if self._health.silence else loading)

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        return await self._health.answered(self._storage.list(prefix))

    async def stats(self) -> StorageStats:
        return await self._health.answered(self._storage.stats())

    async def recent_stats(self) -> StorageStats:
        return await self._health.answered(self._storage.recent_stats())

    async def compact(self, snapshot: Snapshot) -> None:
        self._health.require()
        await self._health.answered(self._storage.compact(snapshot))

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        self._health.require()
        await self._storage.delete(collection, remains)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)
