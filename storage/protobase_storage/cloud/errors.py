"""What errors of an object store mean to who called the storage."""

from __future__ import annotations

from ..errors import StorageError, StorageUnreachable
from .objects import Refused


def storage_error(error: Exception) -> StorageError:
    """What an error of the object store means to who called the storage."""
    if isinstance(error, StorageError):
        return error
    translated = StorageError(str(error)) if isinstance(error, Refused) else StorageUnreachable(str(error))
    translated.__cause__ = error
    return translated
