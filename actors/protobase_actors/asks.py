"""Who still waits for an answer from an incarnation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from .envelope import Envelope
from .errors import ActorError
from .ordered_set import OrderedSet


class Asks:
    """The asks that turns took and did not answer. Only one that outlives its turn costs anything."""

    __slots__ = ("_deferred", "_taken")

    def __init__(self) -> None:
        self._taken: list[Envelope[Any]] = []
        self._deferred: OrderedSet[asyncio.Future[object]] = OrderedSet()

    @property
    def deferred(self) -> int:
        """How many were taken by an earlier turn."""
        return len(self._deferred)

    def take(self, batch: Sequence[Envelope[Any]]) -> None:
        """A turn begins with this batch."""
        self._taken = [envelope for envelope in batch if envelope.answer is not None]

    def defer(self) -> None:
        """The turn has ended: remember those it left unanswered until they are answered or give up."""
        for envelope in self._taken:
            answer = envelope.answer
            if answer is not None and not answer.done():
                self._deferred.add(answer)
                answer.add_done_callback(self._deferred.discard)
        self._taken = []

    def fail(self, error: Callable[[], ActorError]) -> None:
        """Answer everyone with an `error()` of their own."""
        self.defer()
        deferred, self._deferred = self._deferred, OrderedSet()
        for answer in deferred:
            if not answer.done():
                answer.set_exception(error())
