"""A collection's actor in a process whose death is looked into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protobase_actors import Envelope
from protobase_live.collection.actor import CollectionActor
from protobase_live.collection.messages import Message, Updates
from protobase_live.collection.recorder import Doing, Recorder, recorded
from protobase_live.errors import CollectionUnloadable, MalformedUpdate


class RecordedActor(CollectionActor):
    """Tells a `Recorder` what its code runs for, and takes nothing that a process died of."""

    def __init__(self, recorder: Recorder, name: str, *parts: Any) -> None:
        """``parts`` are those of `CollectionActor`."""
        super().__init__(name, *parts)
        self._recorder = recorder

    async def on_start(self) -> None:
        """Raises CollectionUnloadable."""
        if reason := self._recorder.unloadable(self._name):
            raise CollectionUnloadable(reason)
        await recorded(self._recorder, Doing("load", self._name), super().on_start())

    async def turn(self, batch: Sequence[Envelope[Message]]) -> None:
        """A turn, or several where something is to be taken alone."""
        for part in self._parts(self._admitted(batch)):
            sent = [each.message for each in part if isinstance(each.message, Updates)]
            await recorded(self._recorder, Doing("turn", self._name, sent), super().turn(part))

    def _admitted(self, batch: Sequence[Envelope[Message]]) -> Iterator[Envelope[Message]]:
        for envelope in batch:
            message = envelope.message
            reason = self._recorder.refusal(message) if isinstance(message, Updates) else None
            if reason is None:
                yield envelope
            else:
                assert isinstance(message, Updates)
                message.editor.reject(MalformedUpdate(reason))
                envelope.reply()

    def _parts(self, batch: Iterator[Envelope[Message]]) -> Iterator[list[Envelope[Message]]]:
        """In order; who is suspected stands alone."""
        part: list[Envelope[Message]] = []
        for envelope in batch:
            if not (isinstance(envelope.message, Updates) and self._recorder.is_suspect(envelope.message)):
                part.append(envelope)
                continue
            if part:
                yield part
            yield [envelope]
            part = []
        if part:
            yield part
