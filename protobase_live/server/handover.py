"""The way of one Yjs client's messages to its collection: in order, bounded, and none is left behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from protobase_actors import ActorError, Clock, MailboxFull, Ref
from protobase_live.database.messages import Leave, Message, Settle, Subscriber
from protobase_live.server.limits import ServerLimits

CROWDED_SECONDS = 0.1
"""Before it is tried again to stand in line for a mailbox, where too many senders stand already."""


class Source(Protocol):
    """Where the messages come from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Handover:
    """Hands messages to a collection; while it has no room for them, nothing is read from their source."""

    def __init__(
        self,
        subscriber: Subscriber,
        ref: Ref[Message],
        source: Source,
        clock: Clock,
        limits: ServerLimits,
        on_gone: Callable[[], None],
    ) -> None:
        """``on_gone`` is called when the collection takes no more messages."""
        self._subscriber = subscriber
        self._ref = ref
        self._source = source
        self._clock = clock
        self._limits = limits
        self._on_gone = on_gone
        self._waiting: deque[Message] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._unsettled = 0
        self._marked = 0
        self._paused = False

    def send(self, message: Message, size: int = 0) -> None:
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
        self._put(Leave(self._subscriber))
        if self._sender is not None:
            await self._sender

    def _put(self, message: Message) -> None:
        if self._sender is None:
            try:
                self._ref.try_tell(message)
                return
            except MailboxFull:
                self._sender = asyncio.get_running_loop().create_task(self._send_waiting())
            except ActorError:
                self._on_gone()
                return
        self._waiting.append(message)

    async def _send_waiting(self) -> None:
        try:
            while self._waiting:
                await self._tell(self._waiting[0])
                self._waiting.popleft()
                self._regulate()
        except ActorError:
            self._waiting.clear()
            self._on_gone()
        self._sender = None

    async def _tell(self, message: Message) -> None:
        while True:
            try:
                return await self._ref.tell(message)
            except MailboxFull:
                await self._clock.sleep(CROWDED_SECONDS)

    def _regulate(self) -> None:
        crowded = self._unsettled > self._limits.pending_bytes
        if crowded and not self._marked:
            self._marked = self._unsettled
            self._put(Settle(self._subscriber, None))
        full = crowded or len(self._waiting) >= self._limits.pending_chunks
        if full and not self._paused:
            self._source.pause_reading()
        elif self._paused and not full:
            self._source.resume_reading()
        self._paused = full
