"""What the servers say of a stream, for everybody here who wants to know how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..errors import StorageClosed, StorageError
from .limits import STATE_SECONDS
from .stream import Stream, StreamState, Unanswered, Unavailable

NOTHING_TOLD = StreamState((), 0, 0, None, 0, 0)


class Watch:
    """The last that they have said. They are asked once, and not again: who looks wants to know it now."""

    def __init__(self, stream: Stream, pattern: str, clock: Callable[[], float]) -> None:
        """Of the subjects those of ``pattern`` are counted."""
        self.state = NOTHING_TOLD
        self.problem: str | None = None
        """Why they said nothing when they were last asked."""
        self._stream = stream
        self._pattern = pattern
        self._clock = clock
        self._told: float | None = None
        self._asked: float | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def told_seconds(self) -> float | None:
        """How old `state` is; None: nothing was told yet."""
        return None if self._told is None else self._clock() - self._told

    async def look(self) -> None:
        """Have `state` and `problem` be no older than `STATE_SECONDS`. Raises `StorageClosed` if it is closed
        meanwhile."""
        if self._asking is None and self._is_recent():
            return
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        asking = self._asking
        await asyncio.wait([asking])
        if asking.cancelled():
            raise StorageClosed(f"the storage at {self._stream.address} is closed")
        asking.result()

    def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    def _is_recent(self) -> bool:
        return self._asked is not None and self._clock() - self._asked < STATE_SECONDS

    async def _ask(self) -> None:
        try:
            self.state = await self._stream.state(self._pattern)
            self.problem, self._told = None, self._clock()
        except (Unanswered, Unavailable, StorageError) as error:
            self.problem = str(error)
        finally:
            self._asked, self._asking = self._clock(), None
