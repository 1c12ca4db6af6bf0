"""What turns served that the storage did not take."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_actors import Envelope
from protobase_live.collection.messages import Hold, HoldPart, HoldSnapshot, Message, Transact
from protobase_live.collection.outrun import Outrun
from protobase_live.collection.read_only import is_of_the_medium, not_known, not_stored
from protobase_live.collection.turn import Turn
from protobase_storage import StorageOutdated, StorageSilent

_Joint = Hold | HoldPart | HoldSnapshot


def can_be_undone(error: BaseException) -> bool:
    """Whether nothing of what follows what is shown was stored, and the collection goes on from that."""
    return isinstance(error, StorageOutdated) or is_of_the_medium(error)


class Lost:
    """Messages that are served anew; who is to be told of the loss is told."""

    def __init__(self, collection: str) -> None:
        self._collection = collection
        self._envelopes: list[Envelope[Message]] = []

    def add(self, turn: Turn, error: BaseException) -> None:
        """A turn is lost to an error that can be undone."""
        unknown = turn.written if isinstance(error, StorageSilent) else ()
        for envelope in turn.batch:
            if envelope in unknown:
                envelope.fail(not_known(self._collection, error))
            elif told := self._told(envelope.message, error):
                envelope.fail(told)
            else:
                self.keep(envelope)

    def keep(self, envelope: Envelope[Message]) -> None:
        """One that could not be served behind what is lost, or was, in one turn or two that are lost."""
        if envelope not in self._envelopes:
            self._envelopes.append(envelope)

    def _told(self, message: Message, error: BaseException) -> BaseException | None:
        """What is to be told; None: it can be served anew."""
        if isinstance(message, _Joint) and message.held.done():  # the others of its transaction hear of it
            if isinstance(error, StorageOutdated) and isinstance(message, Hold):
                return Outrun(error)
            return not_stored(self._collection, error)
        if isinstance(error, StorageOutdated):
            return Outrun(error) if isinstance(message, Transact) else None
        return not_stored(self._collection, error) if isinstance(message, _Joint) else None

    def take(self) -> Sequence[Envelope[Message]]:
        """What is to be served anew, now."""
        envelopes, self._envelopes = self._envelopes, []
        return envelopes

    def fail(self, error: BaseException | None) -> None:
        """Nobody serves it any more."""
        for envelope in self.take():
            envelope.fail(not_stored(self._collection, error))
