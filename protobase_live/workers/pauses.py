"""How long a worker that dies again and again stays away."""

from __future__ import annotations

from protobase_live.workers.limits import WorkerLimits

FIRST_PAUSE_SECONDS = 0.5


class Pauses:
    """Those of one worker."""

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._pause: float | None = None

    def after(self, lived_seconds: float) -> float:
        """It has died, after so long: how long it stays away. The first time, not at all."""
        if self._pause is None or lived_seconds >= self._limits.steady_seconds:
            self._pause = 0.0
        else:
            self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), self._limits.pause_seconds)
        return self._pause
