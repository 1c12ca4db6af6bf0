"""A message on its way, and the way back for its answer."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

M = TypeVar("M")


class Envelope(Generic[M]):
    """One message as an actor's turn receives it.

    An envelope may be kept beyond its turn and answered later. Answering a `tell`, answering twice, and
    answering somebody who gave up are all ignored.
    """

    __slots__ = ("_withdrawn", "answer", "message", "size")

    def __init__(self, message: M, answer: asyncio.Future[object] | None = None) -> None:
        self.message = message
        self.answer = answer
        """The future that the asker waits for; None for a `tell`."""
        self.size = 0
        """What the message counts towards the bytes of its mailbox, once it is in it."""
        self._withdrawn = False

    def reply(self, value: object = None) -> None:
        """Answer the asker with `value`."""
        if self.pending:
            assert self.answer is not None
            self.answer.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Answer the asker by raising `error` there."""
        if self.pending:
            assert self.answer is not None
            self.answer.set_exception(error)

    def withdraw(self) -> None:
        """The sender gave up: a message that was not yet taken will be skipped."""
        self._withdrawn = True
        if self.answer is not None and not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()  # nobody will ask for it: mark it as seen

    def expire(self, error: BaseException) -> None:
        """The sender's time is over: raise `error` there, and skip the message if it was not yet taken."""
        if self.pending:
            self.fail(error)
            self._withdrawn = True

    @property
    def pending(self) -> bool:
        """True while somebody waits for the answer."""
        return self.answer is not None and not self.answer.done()

    @property
    def answered(self) -> bool:
        """True once the asker has been answered. Never true of a `tell`."""
        return self.answer is not None and self.answer.done() and not self.cancelled

    @property
    def cancelled(self) -> bool:
        """True once the sender gave up (was cancelled or timed out)."""
        return self._withdrawn or (self.answer is not None and self.answer.cancelled())
