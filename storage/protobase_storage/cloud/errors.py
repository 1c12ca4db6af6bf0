"""What errors of an object store mean to who called the storage."""

from __future__ import annotations

from ..errors import StorageClosed, StorageError, StorageUnreachable
from .objects import Closed, Refused


def storage_error(error: Exception) -> StorageError:
    """What an error of the object store means to who called the storage."""
    if isinstance(error, StorageError):
        return error
    translated = _kind(error)(str(error))
    translated.__cause__ = error
    return translated


def _kind(error: Exception) -> type[StorageError]:
    if isinstance(error, Closed):
        return StorageClosed
    return StorageError if isinstance(error, Refused) else StorageUnreachable
