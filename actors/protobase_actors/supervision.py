"""What happens after a failure: restart, more and more slowly, and at a limit give up."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random

from .limits import (
    DEFAULT_BACKOFF_CAP_SECONDS,
    DEFAULT_BACKOFF_SECONDS,
    DEFAULT_HOOK_SECONDS,
    DEFAULT_MAX_RESTARTS,
    DEFAULT_WINDOW_SECONDS,
)


@dataclass(frozen=True, slots=True)
class Supervision:
    """How failures of one actor are dealt with.

    max_restarts: restarts within `window_seconds`; the failure after them escalates. 0 never restarts.
    window_seconds: how long a restart is remembered.
    backoff_seconds, backoff_cap_seconds: the pause before a restart, doubled for each remembered one up to
        the cap; between half and all of it is really waited, so that actors that failed together do not
        come back together.
    hook_seconds: how long `on_start` and `on_stop` may take each.
    start_seconds: how long `on_start` may take, where that is something else; it may have much to load.
    """

    max_restarts: int = DEFAULT_MAX_RESTARTS
    window_seconds: float = DEFAULT_WINDOW_SECONDS
    backoff_seconds: float = DEFAULT_BACKOFF_SECONDS
    backoff_cap_seconds: float = DEFAULT_BACKOFF_CAP_SECONDS
    hook_seconds: float = DEFAULT_HOOK_SECONDS
    start_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.max_restarts < 0:
            raise ValueError(f"max_restarts is 0 or more, not {self.max_restarts}")
        if self.hook_seconds <= 0:
            raise ValueError(f"hook_seconds is more than 0, not {self.hook_seconds}")
        if self.start_seconds is not None and self.start_seconds <= 0:
            raise ValueError(f"start_seconds is more than 0, not {self.start_seconds}")

    def seconds_for(self, hook: str) -> float:
        """How long the hook of that name may take."""
        if hook == "on_start" and self.start_seconds is not None:
            return self.start_seconds
        return self.hook_seconds


class RestartHistory:
    """The restarts of one actor that are still remembered."""

    def __init__(self, supervision: Supervision, random: Random) -> None:
        self._supervision = supervision
        self._random = random
        self._restarts: deque[float] = deque()

    def next_delay(self, now: float) -> float | None:
        """Record a failure at `now` (monotonic seconds): seconds until the restart, None to give up."""
        rules = self._supervision
        while self._restarts and self._restarts[0] <= now - rules.window_seconds:
            self._restarts.popleft()
        if len(self._restarts) >= rules.max_restarts:
            return None
        delay = min(rules.backoff_cap_seconds, rules.backoff_seconds * 2.0 ** min(len(self._restarts), 62))
        self._restarts.append(now)
        return delay * self._random.uniform(0.5, 1.0)
