"""The way of what Yjs clients sent into a collection's document: in order, and each update for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from protobase_actors import Clock, in_steps
from protobase_live.collection.editors import Editors
from protobase_live.collection.messages import LARGE_UPDATE_BYTES, Editor, Updates
from protobase_live.collection.room import make_room
from protobase_live.collection.threshold import Threshold
from protobase_live.document import BrokenDocument, Document, JudgeChanged
from protobase_live.errors import LimitExceeded, MalformedUpdate, Unavailable
from protobase_live.protocol.yjs.state_vector import encode_state_vector
from protobase_live.protocol.yjs.structs import OfFormer, Unforeseen

JUDGE_CHANGES = 10
"""What senders may write may change so often while it is taken in a turn; then they are to try again."""

PAUSE_BYTES = 8 * 1024
"""About how much of smaller updates is taken without a pause: a keystroke may be 15 bytes."""


@dataclass(slots=True)
class Intake:
    """What was taken in one turn."""

    document: Document
    greetings: dict[Editor, bytes] = field(default_factory=dict["Editor", bytes])
    """Who is to be asked for what the state vector beside him lacks."""
    room: int = 0
    """Bytes that surely fit into the document: counting how large it is takes as long as a keystroke."""
    unpaused: int = 0
    """How many bytes were taken since others ran."""
    refused: set[Editor] = field(default_factory=set["Editor"])
    """Who has sent something of a history that is over: nothing behind it is taken."""


class Taker:
    """Takes updates into the document of one collection."""

    def __init__(
        self,
        editors: Editors,
        clock: Clock,
        document_bytes: int,
        threshold: Threshold,
        reload: Callable[[], Awaitable[Document]],
    ) -> None:
        """``threshold`` refuses copies of what was deleted; ``reload`` makes a fresh document of what is
        durable."""
        self._editors = editors
        self._threshold = threshold
        self._clock = clock
        self._document_bytes = document_bytes
        self._reload = reload

    async def take(self, document: Document, sent: Sequence[Updates]) -> Intake:
        """Take and apply what was sent. The document is another one if pycrdt failed on some of it."""
        intake = Intake(document)
        try:
            for message in sent:
                await self._take_one(message, intake)
            await in_steps(document.apply_in_steps())
        except BrokenDocument:
            await self._take_apart(sent, intake)
        return intake

    async def _take_one(self, message: Updates, intake: Intake) -> None:
        """Take the updates of one message. Raises BrokenDocument where pycrdt fails."""
        editor, document = message.editor, intake.document
        if editor in intake.refused:
            return
        if document.ends_run(editor.author):
            await in_steps(document.apply_in_steps())
        for update in message.updates:
            intake.unpaused += len(update)
            if intake.unpaused >= PAUSE_BYTES:
                intake.unpaused = 0
                await asyncio.sleep(0)
            try:
                if update[:1] != b"\x00":  # else it brings no structs: deleting needs no room
                    if len(update) > intake.room:
                        await self._find_room(len(update), intake)
                    intake.room -= len(update)
                fits = await self._take_update(update, message, document)
            except (MalformedUpdate, LimitExceeded) as error:
                editor.reject(error)
                return
            except OfFormer:
                intake.refused.add(editor)
                self._threshold.refuse_copy(editor)
                return
            if not fits:
                self._ask_for_missing(editor, intake)

    async def _take_update(self, update: bytes, message: Updates, document: Document) -> bool:
        """Whether all of it fits. What is small and surely allowed needs no pauses."""
        read, imported = None, message.imported
        if len(update) > LARGE_UPDATE_BYTES:
            read, message.read = message.read, None
        else:
            with suppress(Unforeseen):
                return document.take(update, message.editor, imported=imported)
        return await in_steps(document.take_in_steps(update, message.editor, read, imported=imported))

    async def _take_apart(self, sent: Sequence[Updates], intake: Intake) -> None:
        """Something in `sent` breaks pycrdt: find out what, on documents loaded afresh."""
        left, changes = list(sent), 0
        while (failed := await self._take_anew(left, intake)) is not None:
            message, error = failed
            again = isinstance(error, JudgeChanged)
            changes += again
            if not again or changes >= JUDGE_CHANGES:
                left = [each for each in left if each is not message]
                message.editor.reject((Unavailable if again else MalformedUpdate)(str(error)))

    async def _take_anew(
        self, messages: Sequence[Updates], intake: Intake
    ) -> tuple[Updates, BrokenDocument] | None:
        """Take these into a document loaded afresh; the one at which that has failed, and how."""
        intake.document, intake.refused = await self._reload(), set()
        for message in messages:
            try:
                await self._take_one(message, intake)
                await in_steps(intake.document.apply_in_steps())
            except BrokenDocument as error:
                return message, error
        return None

    async def _find_room(self, size: int, intake: Intake) -> None:
        """Raise LimitExceeded if the document has no room for so many bytes."""
        intake.room = self._document_bytes - intake.document.size
        if size > intake.room:
            await in_steps(intake.document.apply_in_steps())
            await make_room(intake.document, size, self._document_bytes)
            intake.room = self._document_bytes - intake.document.size

    def _ask_for_missing(self, editor: Editor, intake: Intake) -> None:
        now = self._clock.monotonic()
        if self._editors.may_ask(editor, now):  # writing the state vector may take long
            state = encode_state_vector(intake.document.vector)
            for asked in self._editors.to_ask(editor, state, now):
                intake.greetings[asked] = state
