"""Who is not served by a collection: whoever belongs to a history of it that is over."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakSet

from protobase_actors import ActorStopped, Envelope, in_steps
from protobase_live.collection.editors import Editors
from protobase_live.collection.messages import (
    CatchUp,
    Editor,
    Greet,
    Install,
    Message,
    Replicate,
    Settle,
    Sync,
    Updates,
)
from protobase_live.collection.replica import Replica
from protobase_live.document import Document
from protobase_live.errors import CollectionDropped, MalformedUpdate, ProtoBaseError

_OF_CLIENTS = (Greet, Sync, CatchUp, Updates, Settle)


class Threshold:
    """What a collection's actor passes each batch of messages over."""

    def __init__(self, collection: str, editors: Editors) -> None:
        """``editors`` are told to begin again when the actor ends."""
        self.over = False
        """Whether the actor's own history is over, and the actor about to end."""
        self._collection = collection
        self._editors = editors
        self._refused: WeakSet[Editor] = WeakSet()  # they may have left before they are refused

    def admit(self, batch: Sequence[Envelope[Message]], replica: Replica) -> Sequence[Envelope[Message]]:
        """What is to be served of a batch.

        A Yjs client that has a copy of what was deleted is closed, and heard no more.
        """
        if self.over:
            for envelope in batch:
                self._pass_on(envelope)
            return ()
        for envelope in batch:
            if isinstance(envelope.message, Sync):
                self._look_at(envelope.message, replica)
        if not self._refused:
            return batch
        return self._heard(batch)

    async def admit_readers(
        self, batch: Sequence[Envelope[Message]], document: Document, refusal: ProtoBaseError
    ) -> Sequence[Envelope[Message]]:
        """What is to be served of a batch while nothing can be stored.

        A Yjs client that brings something new is closed with ``refusal``, and heard no more. Another node is
        told so, too, and sends it again.
        """
        for envelope in batch:
            message = envelope.message
            if isinstance(message, Replicate | Install):
                envelope.fail(refusal)
            elif isinstance(message, Updates) and await _bring_news(document, message.updates):
                self._turn_away(message.editor, refusal)
        return [envelope for envelope in self._heard(batch) if not envelope.answered]

    def refuse_copy(self, editor: Editor) -> None:
        """Close a Yjs client that has a copy of what was deleted, and hear it no more."""
        error = CollectionDropped(f"collection {self._collection!r} was deleted; drop your copy of it")
        self._turn_away(editor, error)

    def meet(self, batch: Sequence[Envelope[Message]]) -> None:
        """Whoever is served from now on has to be told if the collection fails."""
        for envelope in batch:
            if isinstance(envelope.message, _OF_CLIENTS):
                self._editors.met[envelope.message.editor] = None

    def _heard(self, batch: Sequence[Envelope[Message]]) -> Sequence[Envelope[Message]]:
        """A batch without what comes from those who are heard no more, whom nobody keeps waiting."""
        heard: list[Envelope[Message]] = []
        for envelope in batch:
            if self._is_refused(envelope.message):
                envelope.reply()
            else:
                heard.append(envelope)
        return heard

    def _turn_away(self, editor: Editor, error: ProtoBaseError) -> None:
        if editor not in self._refused:
            self._refused.add(editor)
            editor.reject(error)

    def _look_at(self, sync: Sync, replica: Replica) -> None:
        if replica.former.has_left(sync.state, replica.document.vector):
            self.refuse_copy(sync.editor)

    def _is_refused(self, message: Message) -> bool:
        return isinstance(message, _OF_CLIENTS) and message.editor in self._refused

    def _pass_on(self, envelope: Envelope[Message]) -> None:
        """It came before the actor had ended: asks are made again, of the next one, and so are sessions."""
        if isinstance(envelope.message, _OF_CLIENTS):
            self._editors.met[envelope.message.editor] = None
        envelope.fail(ActorStopped(self._collection, retryable=True))


async def _bring_news(document: Document, updates: Sequence[bytes]) -> bool:
    """Whether something in these updates is not in the document. One that is none is the intake's matter."""
    try:
        for update in updates:
            if not await in_steps(document.knows_in_steps(update)):
                return True
    except MalformedUpdate:
        pass
    return False
