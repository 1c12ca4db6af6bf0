"""How long what another node lacks waits for more: each message costs a flush there, and an answer."""

from __future__ import annotations

from protobase_actors import Clock, WakeUp
from protobase_live.cluster.limits import ClusterLimits


class Gathering:
    """Of one link, in both of whose nodes a message for each keystroke would take more than the keystroke."""

    def __init__(self, limits: ClusterLimits, clock: Clock) -> None:
        self.answered = WakeUp()
        """Wakes when the other node has answered."""
        self._limits = limits
        self._clock = clock
        self._little_sent = float("-inf")
        """When a message of less than ``gather_bytes`` was sent last."""
        self._hurried = WakeUp()
        self._is_hurried = False

    def sent(self, size: int) -> None:
        """A message of so many bytes is sent now."""
        self._is_hurried = False
        if size < self._limits.gather_bytes:
            self._little_sent = self._clock.monotonic()

    def hurry(self) -> None:
        """Somebody waits until what is sent next is durable there: no pause is made before that."""
        self._is_hurried = True
        self._hurried.wake()

    async def wait(self, unanswered: int) -> None:
        """Wait for the answer to what was sent, where that is little: ``unanswered`` bytes.

        Until then the other node is busy with it. A fast one has answered before much has come, so a pause is
        made.
        """
        if 0 < unanswered < self._limits.gather_bytes:
            await self.answered.wait_at_most(self._clock, self._limits.gather_seconds)
        pause = self._little_sent + self._limits.gather_pause_seconds - self._clock.monotonic()
        if pause > 0 and not self._is_hurried:
            await self._hurried.wait_at_most(self._clock, pause)
