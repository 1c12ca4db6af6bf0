"""Collections that are only read for now, because the storage did not take what was written last."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_actors import Clock
from protobase_live.collection.pauses import FIRST_PAUSE_SECONDS, Pauses
from protobase_live.errors import OutcomeUnknown, Unavailable
from protobase_storage import (
    CollectionCorrupt,
    SequenceConflict,
    StorageBusy,
    StorageClosed,
    StorageError,
    StorageFenced,
    StorageOutdated,
    StorageSilent,
    TooManyReads,
)

NOT_OF_THE_MEDIUM = (StorageClosed, StorageFenced, StorageOutdated, SequenceConflict, CollectionCorrupt)
"""What says nothing about the medium, and of which trying again makes nothing better."""


def is_of_the_medium(error: BaseException) -> bool:
    """Whether the storage was well asked, could not, stored nothing, and may be able to another time."""
    return isinstance(error, StorageError) and not isinstance(error, NOT_OF_THE_MEDIUM)


def reason_of(error: BaseException | None) -> str:
    """What went wrong, with the name of the limit if it was one of the storage's."""
    if isinstance(error, StorageBusy):
        return f"{error} ({'waiting_reads' if isinstance(error, TooManyReads) else 'unstored_bytes'})"
    return str(error)


def not_stored(collection: str, error: BaseException | None) -> Unavailable:
    """What is told to whoever wrote something that the storage did not take."""
    return refused(collection, reason_of(error))


def not_known(collection: str, error: BaseException) -> OutcomeUnknown:
    """What is told to whoever wrote something that the storage was given and has not answered."""
    return OutcomeUnknown(f"collection {collection!r}: {error}; look whether the commit was done")


def refused(collection: str, reason: str) -> Unavailable:
    """What is told to whoever writes while the storage takes nothing."""
    return Unavailable(f"collection {collection!r} is read-only for now, nothing was done: {reason}")


class ReadOnly:
    """Which they are, and when a write is tried again."""

    def __init__(self, clock: Clock, most_seconds: float, most: int) -> None:
        """``most_seconds`` is how long writes are refused, at most, without trying one; at least a second.

        ``most`` of them are remembered.
        """
        self._pauses = Pauses(clock, max(most_seconds, FIRST_PAUSE_SECONDS), most)
        self._closed: dict[str, str] = {}
        """Those in memory of which the storage has not answered something, and for how long."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """What the storage said, by collection. One that is no longer written to stays here."""
        return {**self._pauses.reasons, **self._closed}

    def __contains__(self, collection: object) -> bool:
        return collection in self._pauses or collection in self._closed

    def __len__(self) -> int:
        return len(self._pauses) + len(self._closed)

    def close(self, collection: str, error: BaseException) -> None:
        """Refuse all writes until `reopen`: what is written now might follow what is stored later."""
        self._closed[collection] = reason_of(error)

    def reopen(self, collection: str) -> None:
        """The storage has answered, or the collection is no longer in memory."""
        self._closed.pop(collection, None)

    def begin(self, collection: str, failure: BaseException, *, unanswered: bool) -> None:
        """Refuse writes for a while, which begins now: loading may have taken longer than the pause.

        Or until the storage has answered, if it has not yet.
        """
        if unanswered:
            self.close(collection, failure)
            return
        self.reopen(collection)
        if not isinstance(failure, StorageSilent):
            self.add(collection, failure)

    def refusal(self, collection: str) -> Unavailable | None:
        """What is told to who writes; None when the storage is to be asked."""
        reason = self._closed.get(collection) or self._pauses.reason_to_wait(collection)
        return None if reason is None else refused(collection, reason)

    def require(self, collection: str) -> None:
        """Raise Unavailable if writes are refused."""
        if error := self.refusal(collection):
            raise error

    def add(self, collection: str, error: BaseException) -> None:
        """The storage did not take what was written."""
        self._pauses.add(collection, reason_of(error))

    def release(self, collection: str) -> None:
        """It took something, or the collection is gone."""
        self._pauses.release(collection)
