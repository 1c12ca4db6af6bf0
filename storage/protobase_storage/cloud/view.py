"""Looking at a database without taking it over: nothing is created or deleted, and who writes it goes on."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..commit import Commit, Snapshot
from ..contract import READS_LIMIT, StorageStats, refused
from ..errors import StorageClosed, StorageError, StorageFormatError, StorageUnreachable
from .errors import storage_error
from .log import Replay
from .marks import read_marks, tell_marks
from .objects import ObjectError, ObjectStore
from .patient import Patience, PatientObjects
from .readable import Readable
from .reading import Reader
from .state import State
from .takeover import latest, missing, read_slots
from .values import Manifest

LOOKS = 10
"""How often what is being read may be deleted, because something else has its place, before a look fails."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was at one moment, and the bytes of its slots. The last slot counts: its writer may have
    given it up, as a successor could not know either."""

    manifest: Manifest
    state: State
    slot_bytes: int


async def look(store: ObjectStore) -> Seen:
    """What is durable now. Raises `ObjectError`, `StorageError`."""
    for _ in range(LOOKS):
        manifest = await latest(store)
        if manifest is None:
            raise missing(store)
        try:
            return await _look(store, manifest)
        except StorageFormatError:
            now = await latest(store)
            if now is None or now.number == manifest.number:
                raise
    raise StorageUnreachable(f"{store.address} has changed {LOOKS} times while it was looked at")


async def _look(store: ObjectStore, manifest: Manifest) -> Seen:
    state = State(manifest.collections)
    replay = Replay(state, manifest.start, manifest.previous)
    await read_slots(store, replay, replay.take)
    replay.finish()
    return Seen(manifest, state, replay.size)


class CloudView(Readable):
    """All of a database as it was at one moment. Made by `open`.

    What a checkpoint replaces is deleted with the next one. When something that is read is gone because of
    that, what is read from then on is of a later moment, for all collections.
    """

    def __init__(self, store: ObjectStore, seen: Seen, reads_limit: int) -> None:
        reader = Reader(store, seen.state, self._renew)
        super().__init__(seen.manifest.identity, seen.state, reader, reads_limit)
        self.manifest = seen.manifest
        """The one that it was of in the beginning."""
        self._store = store
        self._slot_bytes = seen.slot_bytes
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        store: ObjectStore,
        *,
        reads_limit: int = READS_LIMIT,
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
        draw: Callable[[], float] = random.random,
    ) -> CloudView:
        """Look at what is in ``store``, which is closed with it, and if opening fails.

        For the options see `CloudStorage.open`. Raises `StorageFormatError`, `StorageUnreachable`,
        `StorageError`.
        """
        patient = PatientObjects(store, patience, draw)
        try:
            seen = await look(patient)
            tell_marks(patient, await read_marks(patient))
            return cls(patient, seen, reads_limit)
        except ObjectError as error:
            await patient.close()
            raise storage_error(error) from error
        except BaseException:
            await patient.close()
            raise

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """Nothing is stored."""
        return refused(self._refusal())

    async def compact(self, snapshot: Snapshot) -> None:
        """Nothing is stored."""
        raise self._refusal()

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """Nothing is deleted."""
        raise self._refusal()

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """Nothing is erased."""
        raise self._refusal()

    async def stats(self) -> StorageStats:
        """See `Storage.stats`."""
        self._check_readable()
        return StorageStats(len(self._state.collections), self._slot_bytes + self._state.bytes, 0, 0, 0.0, 0)

    async def close(self) -> None:
        """See `Storage.close`."""
        if not self._is_closed:
            self._is_closed = True
            await self._store.close()

    async def _renew(self) -> None:
        """Go on with what is there now."""
        seen = await look(self._store)
        self._state.collections, self._slot_bytes = seen.state.collections, seen.slot_bytes
        _log.warning(
            "%s is written to while it is read: what is read from here on is of a later moment",
            self._store.address,
            extra={"event": "bucket_changed"},
        )

    def _refusal(self) -> StorageError:
        return StorageError(f"{self._store.address} is opened for reading alone")

    def _check_readable(self) -> None:
        if self._is_closed:
            raise StorageClosed(f"the storage at {self._store.address} is closed")
