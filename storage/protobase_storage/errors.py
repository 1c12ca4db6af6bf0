"""Everything a storage can answer instead of a result, in one tree."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from .commit import Vector


class StorageError(Exception):
    """Base of all storage errors; raised itself for input/output errors with no better name.

    `retryable` says whether the same call may succeed later without anybody changing the call.
    """

    retryable: bool = False


def told_again(error: StorageError) -> StorageError:
    """A new error that says the same, where one is kept to be told to whoever comes: raised itself each time,
    it would keep what all of these had at hand."""
    told = copy(error)
    told.__cause__ = error.__cause__
    return told


class StorageLocked(StorageError):
    """Another process (or another object in this one) holds the database."""


class StorageFormatError(StorageError):
    """The file is not a database of ours, or of a format version this release does not know."""


class StorageFull(StorageError):
    """No room left on the medium; nothing of the call was stored."""

    retryable = True


class StorageBusy(StorageError):
    """The backlog limit is reached; nothing of the call was accepted."""

    retryable = True


class StorageUnreachable(StorageError):
    """The object store did not answer, or failed, as often as it was asked; nothing of the call counts."""

    retryable = True


class StorageSilent(StorageError):
    """The storage did not answer in time; what it was given may be stored later, or not at all."""

    retryable = True


class StorageOutdated(StorageError):
    """Others have stored something of collections that the call relied on; nothing of it was stored."""

    retryable = True

    def __init__(self, stored: Mapping[str, Vector]) -> None:
        super().__init__(f"other processes have stored something of {', '.join(map(repr, stored))} meanwhile")
        self.stored = stored
        """How far these collections are."""

    def __reduce__(self) -> tuple[type[StorageOutdated], tuple[Mapping[str, Vector]]]:
        return (StorageOutdated, (self.stored,))


class StorageFenced(StorageError):
    """Another writer took the database over. This one has stopped; what it acknowledged is with the other."""


class StorageDiverged(StorageError):
    """A folder may have commits that another writer of its bucket does not know of. Nothing was changed."""


class TooManyReads(StorageBusy):
    """So many reads as may wait do wait; nothing was read."""


class StorageClosed(StorageError):
    """The storage was closed before the call."""


class SequenceConflict(StorageError):
    """A commit's sequence is not above what the collection already holds of its origin."""


class StaleSnapshot(StorageError):
    """The snapshot lacks something that the stored snapshot includes."""


class InvalidName(StorageError):
    """A collection or origin name is empty, too long, or not encodable as UTF-8."""


class CollectionCorrupt(StorageError):
    """What is stored of one collection fails its checks; the other collections are not affected."""

    def __init__(self, collection: str, detail: str) -> None:
        super().__init__(f"collection {collection!r} is corrupt: {detail}")
        self.collection = collection
        self.detail = detail

    def __reduce__(self) -> tuple[type[CollectionCorrupt], tuple[str, str]]:
        return (CollectionCorrupt, (self.collection, self.detail))
