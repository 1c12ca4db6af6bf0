"""The event loop that something lives in."""

from __future__ import annotations

import asyncio
from threading import get_ident

from protobase_live.errors import ValidationError


class HomeLoop:
    """The loop in which something is used first. Another one, of another thread, must not touch it."""

    __slots__ = ("_loop", "_thread")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def require(self) -> None:
        """Raise ValidationError in any other loop, before anything is done there."""
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._thread = running, get_ident()
        elif running is not self._loop:
            raise _elsewhere()

    def require_thread(self) -> None:
        """Raise ValidationError in another thread, for what is used where no loop runs, too.

        A loop may go on in another thread than it began in.
        """
        if self._loop is None or get_ident() == self._thread:
            return
        try:
            self.require()
        except RuntimeError:  # no loop runs here
            raise _elsewhere() from None


def _elsewhere() -> ValidationError:
    return ValidationError(
        "this database is used in another event loop already; from a thread, hand it over with "
        "asyncio.run_coroutine_threadsafe(coroutine, loop)"
    )
