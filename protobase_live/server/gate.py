"""How fast clients come in, however many come at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from protobase_actors import Clock, Timer
from protobase_live.server.limits import ServerLimits

TICK_SECONDS = 0.02
"""Between two looks at who waits."""

Gone = Callable[[], bool]
"""Whether a client has given up waiting."""


class Gate:
    """Lets in so many handshakes a second; the others wait in the order in which they came.

    What a newcomer costs, its handshake, the collection that it needs and what it is sent, is then spread:
    stock clients have no jitter, and after a restart they all come back in the same moment.
    """

    def __init__(self, clock: Clock, limits: ServerLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._room = float(limits.handshakes_at_once)
        """How many may come in now."""
        self._counted = clock.monotonic()
        self._waiting: deque[tuple[asyncio.Future[bool], Gone]] = deque()
        self._timer: Timer | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def enter(self, gone: Gone) -> bool:
        """Whether a client may come in, perhaps after a wait; false where too many wait, or at the end."""
        if self._closed or len(self._waiting) >= self._limits.waiting_handshakes:
            return False
        if not self._waiting and self._has_room():
            self._room -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, gone))
        self._look_later()
        return await turn

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._waiting:
            self._answer(self._waiting.popleft()[0], False)

    def _look_later(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._clock.call_later(TICK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        while self._waiting and self._has_room():
            turn, gone = self._waiting.popleft()
            if not (turn.done() or gone()):  # who has gone takes nobody's place
                self._room -= 1
            self._answer(turn, True)
        self._look_later()

    def _has_room(self) -> bool:
        now = self._clock.monotonic()
        more = (now - self._counted) * self._limits.handshakes_per_second
        self._room = min(self._limits.handshakes_at_once, self._room + more)
        self._counted = now
        return self._room >= 1

    @staticmethod
    def _answer(turn: asyncio.Future[bool], may: bool) -> None:
        if not turn.done():
            turn.set_result(may)
