"""The way of one Yjs client's messages to its collection: in order, bounded, and none is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from protobase_actors import ActorError, Clock, MailboxFull, Ref
from protobase_live.collection.messages import (
    LARGE_UPDATE_BYTES,
    Editor,
    Leave,
    Message,
    Settle,
    Sync,
    Updates,
)
from protobase_live.errors import ProtocolError
from protobase_live.server.limits import ServerLimits
from protobase_live.server.read_ahead import ReadAhead


@dataclass(slots=True)
class LongSync:
    """A `Sync` whose state vector is so long that it is read before its turn, like a large update."""

    editor: Editor
    state: bytes


CROWDED_SECONDS = 0.1
"""Before it is tried again to stand in line for a mailbox, where too many senders stand already."""


class Source(Protocol):
    """Where the messages come from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Handover:
    """Hands messages to a collection; while it has no room for them, nothing is read from their source."""

    __slots__ = (
        "_clock",
        "_editor",
        "_kept",
        "_limits",
        "_marked",
        "_on_gone",
        "_paused",
        "_read_ahead",
        "_ref",
        "_sender",
        "_source",
        "_unsettled",
        "_waiting",
    )

    def __init__(
        self,
        editor: Editor,
        ref: Ref[Message],
        source: Source,
        clock: Clock,
        limits: ServerLimits,
        read_ahead: ReadAhead,
        on_gone: Callable[[], None],
    ) -> None:
        """``on_gone`` is called when the collection takes no more messages."""
        self._editor = editor
        self._ref = ref
        self._source = source
        self._clock = clock
        self._limits = limits
        self._read_ahead = read_ahead
        self._on_gone = on_gone
        self._waiting: list[Message | LongSync] = []  # of few; an empty deque takes ten times as much
        self._sender: asyncio.Task[None] | None = None
        self._unsettled = 0
        self._marked = 0
        self._kept = 0
        self._paused = False

    def keep(self, size: int) -> None:
        """Of what was read so many bytes are not to be sent yet."""
        self._kept = size
        self._regulate()

    def send(self, message: Message | LongSync, size: int = 0) -> None:
        """Send a message with so many bytes of updates, now or when there is room."""
        self._put(message)
        self._unsettled += size
        self._regulate()

    def settled(self) -> None:
        """What was sent before the last mark is durable."""
        self._unsettled -= self._marked
        self._marked = 0
        self._regulate()

    async def finish(self) -> None:
        """Send `Leave` behind everything else, and wait until it has been handed over."""
        self._put(Leave(self._editor))
        if self._sender is not None:
            await self._sender

    def _put(self, message: Message | LongSync) -> None:
        if self._sender is None:
            try:
                if not (isinstance(message, LongSync) or _is_large(message)):
                    self._ref.try_tell(message)
                    return
            except MailboxFull:
                pass
            except ActorError:
                self._on_gone()
                return
            self._sender = asyncio.get_running_loop().create_task(self._send_waiting())
        self._waiting.append(message)

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                await self._hand_over(self._waiting[0])
                del self._waiting[0]
                self._regulate()
        except ActorError:
            self._waiting.clear()
            self._on_gone()
        self._sender = None

    async def _hand_over(self, message: Message | LongSync) -> None:
        try:
            if isinstance(message, LongSync):
                state = await self._read_ahead.read_state(message.state)
                await self._stand_in_line(self._ref.tell, Sync(message.editor, state))
            elif _is_large(message):
                await self._read_and_send(message)
            else:
                await self._stand_in_line(self._ref.tell, message)
        except ProtocolError as error:
            self._editor.reject(error)

    async def _read_and_send(self, message: Updates) -> None:
        """Send a large update as it was read, and wait until it is taken: then its memory is free again."""
        async with self._read_ahead.read(message.updates[0]) as message.read:
            await self._stand_in_line(self._ref.ask, message)

    async def _stand_in_line(self, send: Callable[[Message], Awaitable[object]], message: Message) -> None:
        while True:
            try:
                await send(message)
                return
            except MailboxFull:
                await self._clock.sleep(CROWDED_SECONDS)

    def _regulate(self) -> None:
        limits = self._limits
        crowded = self._unsettled > limits.pending_bytes
        if crowded and not self._marked:
            self._marked = self._unsettled
            self._put(Settle(self._editor, None))
        full = crowded or self._kept > limits.put_back_bytes or len(self._waiting) >= limits.pending_chunks
        if full and not self._paused:
            self._source.pause_reading()
        elif self._paused and not full:
            self._source.resume_reading()
        self._paused = full


def _is_large(message: Message) -> TypeGuard[Updates]:
    return isinstance(message, Updates) and len(message.updates[0]) > LARGE_UPDATE_BYTES
