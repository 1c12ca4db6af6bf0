"""A reader whose cursor names commits of other nodes that have not come here yet, and how long it waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

from protobase_actors import Clock, within
from protobase_storage import TIMELINE_MARK, Vector, is_elsewhere, sequence_of


class Arrival:
    """The wait of one reader, before it goes on behind its cursor; it begins when somebody reads."""

    def __init__(self, clock: Clock, seconds: float, writer: str) -> None:
        """A reader at the node that writes as ``writer`` waits for ``seconds`` in all, however often it is
        interrupted.
        """
        self._clock = clock
        self.seconds = seconds
        """How long it is, from its beginning."""
        self._own = writer + TIMELINE_MARK
        self._until: float | None = None

    def awaits(self, *collections: tuple[Vector, Vector]) -> bool:
        """Whether to wait until each collection, which is here as far as the first vector says, has come as
        far as the second: something lacks, all of that can still come, and there is time left.
        """
        return self._left() > 0 and self.can_come(*collections)

    def can_come(self, *collections: tuple[Vector, Vector]) -> bool:
        """Whether something lacks, and all of that can still come.

        What this node itself has lost, and what has another commit in its place, never will; what it wrote on
        another disk may.
        """
        lacking = [
            origin
            for here, wanted in collections
            for origin, sequence in wanted.items()
            if sequence_of(here, origin) < sequence
        ]
        return (
            bool(lacking)
            and not any(origin.startswith(self._own) for origin in lacking)
            and not any(is_elsewhere(here, *each) for here, wanted in collections for each in wanted.items())
        )

    async def wait(self, come: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Wait until ``come`` returns or the time is over."""
        if self._until is None:
            self._until = self._clock.monotonic() + self.seconds
        if (left := self._left()) <= 0:
            return
        try:
            await within(self._clock, left, come())
        except TimeoutError:
            self.end()

    def end(self) -> None:
        """Wait no more: the reader has gone on, or what it waits for does not come."""
        self._until = -inf

    def _left(self) -> float:
        return self.seconds if self._until is None else self._until - self._clock.monotonic()
