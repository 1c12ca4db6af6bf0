"""Collections that cannot be loaded: their bytes are kept, and who knocks costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from protobase_actors import Clock
from protobase_live.collection.pauses import Pauses
from protobase_live.errors import CollectionUnloadable
from protobase_storage import CollectionCorrupt, StorageError

_log = logging.getLogger("protobase_live")


def unloadable(collection: str, cause: BaseException) -> CollectionUnloadable:
    """The error that says so, in one line."""
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    return CollectionUnloadable(
        f"collection {collection!r} cannot be loaded: {reason}; its bytes are kept, "
        f"'protobase-live export --raw' prints them"
    )


@contextmanager
def loading(collection: str) -> Generator[None]:
    """Raises CollectionUnloadable for what goes wrong inside with what is stored, and StorageError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        raise
    except StorageError as error:
        if not isinstance(error, CollectionCorrupt):
            raise
        raise unloadable(collection, error) from error
    except BaseException as error:  # a panic of pycrdt derives from BaseException alone
        raise unloadable(collection, error) from error


class Quarantine:
    """The collections that could not be loaded, and when that is tried again."""

    def __init__(self, clock: Clock, most_seconds: float, most: int) -> None:
        """``most_seconds`` is the longest time between two attempts; ``most`` collections are remembered."""
        self._pauses = Pauses(clock, most_seconds, most)

    @property
    def reasons(self) -> Mapping[str, str]:
        """What was wrong with each of them, last time."""
        return self._pauses.reasons

    @contextmanager
    def loading(self, collection: str) -> Generator[None]:
        """Raises CollectionUnloadable, at once if that is known already; the outcome is noted."""
        self.require(collection)
        try:
            yield
        except CollectionUnloadable as error:
            self.add(collection, error)
            raise
        self.release(collection)

    def require(self, collection: str) -> None:
        """Raise CollectionUnloadable if the load failed and is not to be tried again yet."""
        if reason := self._pauses.reason_to_wait(collection):
            raise CollectionUnloadable(reason)

    def add(self, collection: str, error: CollectionUnloadable) -> None:
        """The load failed. The first time, the log is told."""
        if self._pauses.add(collection, str(error)):
            _log.error("%s", error, extra={"event": "collection_unloadable", "collection": collection})

    def release(self, collection: str) -> None:
        """It was loaded."""
        self._pauses.release(collection)
