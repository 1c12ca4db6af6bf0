"""Turns on their way from applied to shown: shown in order, each as soon as it is durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from protobase_actors import WakeUp

T = TypeVar("T")


class Pipeline(Generic[T]):
    """A bounded queue of turns that wait for the storage. After a failure nothing is shown."""

    def __init__(
        self,
        limit: int,
        show: Callable[[T], asyncio.Future[None] | None],
        drop: Callable[[T, BaseException], None],
        fail: Callable[[BaseException], None],
        expect: Callable[[asyncio.Future[None]], None] = lambda durable: None,
    ) -> None:
        """``show`` is called for each turn in order; if it gives a future, the next turn waits for that. When
        the storage fails, ``drop`` is called for each that is not shown, and ``fail`` once. ``expect`` is
        called with what the storage is to answer.
        """
        self._limit = limit
        self._show = show
        self._drop = drop
        self._fail = fail
        self._expect = expect
        self._turns: deque[tuple[T, asyncio.Future[None] | None]] = deque()
        self._unanswered: dict[asyncio.Future[None], None] = {}
        """What the storage was given and has not answered, be it that nobody waits for it any more."""
        self._late: dict[asyncio.Future[None], None] = {}
        """What it did not answer in time: nobody goes on waiting for it."""
        self._moved = WakeUp()
        """At each answer of the storage, and when something is shown."""
        self._showing: asyncio.Future[None] | None = None
        """Done when the first of the turns is shown, which has begun."""
        self.failure: BaseException | None = None
        """What ended the showing."""
        self._late_error: BaseException = AssertionError("nothing is late")

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def failed(self) -> bool:
        """Whether it is known that something on its way is lost: then nothing may be stored any more.

        The storage refuses a commit at once, while commits before it are still on their way. Those are shown
        first, and the failure is told in its place; what was stored meanwhile would follow a gap.
        """
        return self.loss is not None

    @property
    def loss(self) -> BaseException | None:
        """What it is lost to."""
        return self.failure or next(filter(None, (_error_of(durable) for _, durable in self._turns)), None)

    @property
    def silent(self) -> bool:
        """Whether the storage was given something in time past, and may still store it."""
        return bool(self._late)

    @property
    def full(self) -> bool:
        """Whether the next turn has to wait for `room`."""
        return len(self._turns) >= self._limit

    def push(self, turn: T, durable: asyncio.Future[None] | None) -> None:
        """Show ``turn`` when ``durable`` is done, or None: when those before it are shown."""
        if self.failure is not None:
            self._drop(turn, self.failure)
        else:
            self._turns.append((turn, durable))
            if durable is None and len(self._turns) == 1:
                self._show_durable()
        if durable is not None:
            self._unanswered[durable] = None
            durable.add_done_callback(self._advance)
            self._expect(durable)

    def give_up(self, error: BaseException) -> None:
        """The storage does not answer: nobody waits any more, and ``error`` is what the turns are lost to.

        When it has answered at last, that is lost, too, to ``error``: what is durable may be more by then.
        """
        if self._unanswered:
            self._late |= self._unanswered
            self._late_error = error
            self._unanswered.clear()
            if self.failure is None:
                self._lose(error)
            self._moved.wake()

    async def room(self, limit: int | None = None) -> None:
        """Wait until fewer than ``limit`` turns (by default the pipeline's own) are on their way.

        After a failure there is nothing to wait for.
        """
        while self.failure is None and len(self._turns) >= (self._limit if limit is None else limit):
            await self._moved.wait()

    async def settled(self) -> None:
        """Wait until the storage has answered everything, also what failed or stands behind a failure, and
        what is being shown is shown.

        Whoever loads what is durable before that may miss something that is durable later.
        """
        while self._unanswered or self._showing is not None:
            await self._moved.wait()

    def begin_again(self) -> None:
        """After a failure, when all is `settled`: what is pushed from now on does not follow what is lost."""
        assert not self._unanswered
        self.failure = None

    def _advance(self, durable: asyncio.Future[None]) -> None:
        self._unanswered.pop(durable, None)
        if not durable.cancelled():
            durable.exception()  # mark it as seen: what stands behind a failure is not looked at
        if durable in self._late:
            del self._late[durable]
            if not self._late and self.failure is None:
                self._lose(self._late_error)
        elif self.failure is None:
            self._show_durable()
        self._moved.wake()

    def _show_durable(self) -> None:
        try:
            while (
                self._turns
                and self._showing is None
                and ((durable := self._turns[0][1]) is None or durable.done())
            ):
                if durable is not None:
                    durable.result()
                if notice := self._show(self._turns[0][0]):
                    self._showing = notice
                    notice.add_done_callback(self._has_shown)
                else:
                    self._turns.popleft()  # now: one that cannot be shown is dropped with the rest
        except Exception as error:
            self._lose(error)

    def _has_shown(self, notice: asyncio.Future[None]) -> None:
        self._showing = None
        try:
            notice.result()
        except (Exception, asyncio.CancelledError) as error:
            self._lose(error)
        else:
            self._turns.popleft()
            self._show_durable()
        self._moved.wake()

    def _lose(self, error: BaseException) -> None:
        """Nothing more is shown."""
        self.failure = error
        while self._turns:
            self._drop(self._turns.popleft()[0], error)
        self._fail(error)


def _error_of(durable: asyncio.Future[None] | None) -> BaseException | None:
    """What the storage has failed on it with, even if its callbacks have not run yet."""
    if durable is None or not durable.done():
        return None
    return asyncio.CancelledError() if durable.cancelled() else durable.exception()
