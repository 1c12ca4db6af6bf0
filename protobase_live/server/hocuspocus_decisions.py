"""What is being found out about the documents of one Hocuspocus socket, each for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial

from protobase_actors import Clock, WakeUp
from protobase_live.errors import Overloaded
from protobase_live.server.gate import Gate
from protobase_live.server.limits import ServerLimits

Decide = Callable[[bytes, str | None], Awaitable[bool]]
"""Finds out about a document and the token for it: false if that cannot be told for now."""


class HocuspocusDecisions:
    """At most so many at once; what cannot be told for now is tried again, ever later."""

    def __init__(self, decide: Decide, clock: Clock, limits: ServerLimits, gate: Gate) -> None:
        self._decide = decide
        self._clock = clock
        self._limits = limits
        self._gate = gate
        self._turn = asyncio.Lock()
        """Of one document of the socket, which is at the gate: others have sockets, too."""
        self._places = asyncio.Semaphore(limits.undecided_documents)
        self._context = copy_context()
        """Whose connection it is, in which frames are not taken."""
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._waiting: set[bytes] = set()
        """Those that are tried again later."""
        self._hurried = WakeUp()
        self._ending = False

    def begin(self, key: bytes, token: str | None) -> None:
        """Find out; what was asked about the document before counts no more."""
        self.stop(key)
        deciding, context = self._try(key, token), self._context.copy()
        self._tasks[key] = task = asyncio.get_running_loop().create_task(deciding, context=context)
        task.add_done_callback(partial(self._ended, key))

    def done(self, key: bytes) -> None:
        """That is known now."""
        self._tasks.pop(key, None)

    def hurry(self) -> None:
        """Others wait for what is tried again later: try it now."""
        self._hurried.wake()

    def stop(self, key: bytes) -> None:
        """Nobody wants to know that any more."""
        if (deciding := self._tasks.pop(key, None)) is not None:
            deciding.cancel()

    async def enter(self) -> None:
        """Wait until another document may be opened. Raises Overloaded."""
        async with self._turn:
            if not await self._gate.enter(lambda: False):
                most = self._limits.waiting_handshakes
                raise Overloaded(f"{most} wait to be let in (waiting_handshakes)")

    async def finish(self, is_wanted: Callable[[bytes], bool]) -> list[bytes]:
        """The socket is gone: wait for one of those that are wanted, and stop the others, which are told."""
        self._ending = True
        stopped = [key for key in self._tasks if key in self._waiting or not is_wanted(key)]
        for key in stopped:
            self.stop(key)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        return stopped

    def close(self) -> None:
        """Find out nothing more."""
        for key in list(self._tasks):
            self.stop(key)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to find out."""
        return not self._tasks

    async def _try(self, key: bytes, token: str | None) -> None:
        pause = self._limits.undecided_pause_seconds
        while True:
            async with self._places:
                if await self._decide(key, token):
                    return
            if self._ending:  # nobody comes back for it
                self.done(key)
                return
            self._waiting.add(key)
            try:
                await self._hurried.wait_at_most(self._clock, pause)
            finally:
                self._waiting.discard(key)
            pause = min(2 * pause, self._limits.undecided_pause_seconds_most)

    def _ended(self, key: bytes, task: asyncio.Task[None]) -> None:
        """However it has ended: nobody may wait for it."""
        if self._tasks.get(key) is task:
            del self._tasks[key]
