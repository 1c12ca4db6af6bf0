"""A bounded queue with many senders and one receiver."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .envelope import Envelope
from .errors import ActorError, MailboxFull
from .limits import DEFAULT_MAILBOX_BYTES, DEFAULT_MAILBOX_SENDERS

M = TypeVar("M")
Room = asyncio.Future[None]


class Mailbox(Generic[M]):
    """At most `limit` envelopes in order of arrival, and a line of at most `most_senders` that wait for room.

    If `weigh` says how many bytes a message has, there is no room either while `most_bytes` are reached; a
    message that is longer than that is taken alone.

    Somebody only waits while the mailbox is full: room that becomes free is filled from the line at once,
    in order, so that no wake-up can get lost and nobody can jump the line.
    """

    __slots__ = (
        "_bytes",
        "_closed",
        "_most_bytes",
        "_most_senders",
        "_name",
        "_queue",
        "_sleeper",
        "_waiting",
        "_weigh",
        "limit",
        "room",
    )

    def __init__(
        self,
        name: str,
        limit: int,
        most_bytes: int = DEFAULT_MAILBOX_BYTES,
        weigh: Callable[[M], int] | None = None,
        most_senders: int = DEFAULT_MAILBOX_SENDERS,
    ) -> None:
        if limit < 1:
            raise ValueError(f"a mailbox holds at least 1 message, not {limit}")
        self._name = name
        self._queue: deque[Envelope[M]] = deque()
        self._waiting: OrderedDict[Envelope[M], Room | None] = OrderedDict()
        self._sleeper: asyncio.Future[None] | None = None
        self._closed: Callable[[], ActorError] | None = None
        self._bytes = 0
        self._most_bytes = most_bytes
        self._most_senders = most_senders
        self._weigh = weigh
        self.limit = limit
        self.room = limit
        """The limit as `put` sees it: 0 once closed, and while there are too many bytes, which spares the hot
        path a second question."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def waiting(self) -> int:
        """How many senders wait for room."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """True while a sender would have to wait for room."""
        return self._closed is None and len(self._queue) >= self.room

    @property
    def closed(self) -> bool:
        """True once the mailbox takes no more messages."""
        return self._closed is not None

    def put(self, envelope: Envelope[M]) -> None:
        """Append without waiting. Raises MailboxFull, or what `close` was given."""
        if len(self._queue) >= self.room:
            raise self._refusal()
        self._append(envelope)
        if self._sleeper is not None:
            self.wake()

    def offer(self, envelope: Envelope[M]) -> Room | None:
        """Append, or join the line. Returns what a teller has to wait for, None when there is nothing.

        Raises what `close` was given, or MailboxFull when `most_senders` wait already.
        """
        if len(self._queue) < self.room:
            self.put(envelope)
            return None
        if self._closed is not None:
            raise self._closed()
        if len(self._waiting) >= self._most_senders:
            raise MailboxFull(self._name, self._most_senders, "waiting senders")
        room = asyncio.get_running_loop().create_future() if envelope.answer is None else None
        self._waiting[envelope] = room
        return room

    def forget(self, envelope: Envelope[M]) -> None:
        """Leave the line, if the envelope still stands in it."""
        self._waiting.pop(envelope, None)

    def take(self, count: int) -> list[Envelope[M]]:
        """Remove up to `count` envelopes, leave out the withdrawn ones, and let the line move up."""
        queue = self._queue
        if not queue:
            return []  # an actor looks once more before it sleeps
        taken = [queue.popleft() for _ in range(min(count, len(queue)))]
        if self._weigh is not None:
            self._count(-sum([envelope.size for envelope in taken]))
        while self._waiting and len(queue) < self.room:
            envelope, room = self._waiting.popitem(last=False)
            self._append(envelope)
            _resolve(room)
        return [envelope for envelope in taken if not envelope.cancelled]

    async def sleep(self) -> None:
        """Return at the next `put` or `wake`. Only the receiver may call this."""
        self._sleeper = asyncio.get_running_loop().create_future()
        try:
            await self._sleeper
        finally:
            self._sleeper = None

    def wake(self) -> None:
        """End the receiver's sleep, if it sleeps."""
        sleeper, self._sleeper = self._sleeper, None
        _resolve(sleeper)

    def close(self, refusal: Callable[[], ActorError]) -> None:
        """Take no more messages: senders get `refusal()`, those in the line at once. What is queued stays."""
        self._closed = refusal
        self.room = 0
        while self._waiting:
            envelope, room = self._waiting.popitem(last=False)
            envelope.fail(refusal())
            if room is not None and not room.done():
                room.set_exception(refusal())

    def discard(self, error: Callable[[], ActorError]) -> None:
        """Answer everything that is queued with `error()` and drop it."""
        while self._queue:
            self._queue.popleft().fail(error())
        self._count(-self._bytes)

    def _append(self, envelope: Envelope[M]) -> None:
        self._queue.append(envelope)
        if self._weigh is not None:
            envelope.size = self._weigh(envelope.message)
            self._count(envelope.size)

    def _count(self, size: int) -> None:
        """So many bytes more are queued, fewer if it is negative."""
        self._bytes += size
        if self._closed is None:
            self.room = 0 if self._bytes >= self._most_bytes else self.limit

    def _refusal(self) -> ActorError:
        if self._closed is not None:
            return self._closed()
        if len(self._queue) >= self.limit:
            return MailboxFull(self._name, self.limit)
        return MailboxFull(self._name, self._most_bytes, "bytes")


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
