"""File descriptors: as many as there may be, and one line in the log where they run out."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
from typing import Any

from protobase_actors import Clock

OTHERS = 64
"""Descriptors that a server needs beside one for each session: files, folds in processes, links to nodes."""

TELL_SECONDS = 60.0
"""How often the log is told, at most, that there are none left."""

_log = logging.getLogger(__name__)


def allow_descriptors(sessions: int) -> None:
    """Let this process have as many as the system allows, and warn if that is too few for ``sessions``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < sessions + OTHERS:
        _log.warning(
            "%d file descriptors (ulimit -Hn) are too few for %d sessions (sessions): about %d can be open; "
            "allow %d, or say --limit sessions=%d",
            hard, sessions, most := max(hard - OTHERS, 0), sessions + OTHERS, max(most, 1),
            extra={"event": "descriptors_few"},
        )  # fmt: skip


class Starvation:
    """Handler of a loop's exceptions: that connections cannot be accepted is told in one line.

    asyncio tells it of each, hundreds of times a second. It waits for a second, then tries again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """See `loop.set_exception_handler`."""
        error = context.get("exception")
        if "socket" not in context or getattr(error, "errno", None) not in (errno.EMFILE, errno.ENFILE):
            loop.default_exception_handler(context)
            return
        now = self._clock.monotonic()
        if self._told_at is None or now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            told = "no connection can be accepted for now: %s; those that are open go on"
            _log.error(told, error, extra={"event": "descriptors_used_up"})
