"""How the rest of the program talks to an actor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from .clock import Clock
from .envelope import Envelope
from .errors import ActorError, ActorFailed, AskTimeout
from .mailbox import Mailbox
from .stats import ActorState, ActorStats

M = TypeVar("M")


class Inside(Protocol[M]):
    """What a `Ref` needs of the actor behind it."""

    name: str
    clock: Clock
    mailbox: Mailbox[M]
    task: asyncio.Task[None]
    ended: asyncio.Future[None]

    @property
    def state(self) -> ActorState:
        """Where the actor is in its life."""
        ...

    def stats(self) -> ActorStats:
        """The actor's figures as they are now."""
        ...

    def request_stop(self) -> None:
        """Take no more messages, and end when those that are queued are served."""
        ...

    def stop_if_idle(self) -> bool:
        """Begin to stop if there is nothing to do."""
        ...

    def refusal(self) -> ActorError:
        """What is told to whoever sends a message now."""
        ...


class Ref(Generic[M]):
    """An actor's address. It stays valid over restarts. Use it from the event loop's thread only.

    Every way to send raises `ActorStopped` or `ActorFailed` once the actor takes no more messages. Messages
    of one sender are taken in the order in which they were sent.
    """

    __slots__ = ("_inside", "_loop", "_put", "name")

    def __init__(self, inside: Inside[M]) -> None:
        self.name = inside.name
        self._inside = inside
        self._loop = asyncio.get_running_loop()
        self._put = inside.mailbox.put

    def __repr__(self) -> str:
        return f"<Ref {self.name!r} {self._inside.state}>"

    @property
    def stats(self) -> ActorStats:
        """The actor's figures as they are now."""
        return self._inside.stats()

    @property
    def state(self) -> ActorState:
        """Where the actor is in its life."""
        return self._inside.state

    @property
    def accepts(self) -> bool:
        """True while the actor takes messages (whether or not there is room for one)."""
        return not self._inside.mailbox.closed

    async def ask(  # the timeout is measured by the system's clock, which asyncio.timeout knows nothing of
        self,
        message: M,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> object:
        """Send a message, waiting for room, and return its answer.

        `timeout` is in seconds and covers both waits. Cancelling is safe: a message that was not yet taken is
        skipped, one that was is carried out, and nobody else notices.

        Raises AskTimeout; MailboxFull when `mailbox_senders` wait already; ActorStopped or ActorFailed,
        also when the message was taken before; RuntimeError when an actor asks itself; and whatever error
        the actor answers with.
        """
        self._forbid_self("ask itself")
        answer: asyncio.Future[object] = self._loop.create_future()
        envelope = Envelope(message, answer)
        self._inside.mailbox.offer(envelope)
        timer = None
        if timeout is not None:
            timer = self._inside.clock.call_later(
                timeout, lambda: envelope.expire(AskTimeout(self.name, timeout))
            )
        try:
            return await answer
        except asyncio.CancelledError:
            envelope.withdraw()
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._inside.mailbox.forget(envelope)

    async def tell(self, message: M) -> None:
        """Send a message, waiting for room. If cancelled while waiting, the message is not delivered.

        Raises ActorStopped, ActorFailed, MailboxFull as `ask` does, RuntimeError when an actor would wait for
        room in its own mailbox.
        """
        envelope = Envelope(message)
        if self._inside.mailbox.full:
            self._forbid_self("wait for room in its own mailbox")
        room = self._inside.mailbox.offer(envelope)
        if room is None:
            return
        try:
            await room
        except asyncio.CancelledError:
            envelope.withdraw()
            self._inside.mailbox.forget(envelope)
            raise

    def try_tell(self, message: M) -> None:
        """Send a message without waiting. Raises MailboxFull, ActorStopped, ActorFailed."""
        self._put(Envelope(message))

    def try_ask(self, message: M) -> asyncio.Future[object]:
        """Send a message without waiting; the future is its answer and may be cancelled.

        Raises MailboxFull, ActorStopped, ActorFailed.
        """
        answer: asyncio.Future[object] = self._loop.create_future()
        self._put(Envelope(message, answer))
        return answer

    async def stop(self) -> None:
        """Take no more messages, finish those in the mailbox, run `on_stop`, then return.

        Asks that are unanswered after that get ActorStopped. May be called again, by anybody, and cancelled;
        an actor that stops itself does not wait for its end. Raises ActorFailed if the actor failed.
        """
        self._inside.request_stop()
        if asyncio.current_task() is not self._inside.task:
            await self.wait_stopped()

    def stop_if_idle(self) -> bool:
        """Begin to stop if nothing is queued, under way or unanswered and `Actor.idle()` agrees."""
        return self._inside.stop_if_idle()

    async def wait_stopped(self) -> None:
        """Return when the actor has stopped. Raises ActorFailed if it failed."""
        await asyncio.shield(self._inside.ended)
        if self._inside.state is ActorState.FAILED:
            raise self._inside.refusal()

    def _forbid_self(self, deed: str) -> None:
        if asyncio.current_task() is self._inside.task:
            raise RuntimeError(f"actor {self.name!r} cannot {deed}: it would wait for ever")


async def stop_all(refs: Sequence[Ref[Any]]) -> None:
    """Stop actors side by side. Raises an ExceptionGroup of their failures when all have ended."""
    results = await asyncio.gather(*(ref.stop() for ref in refs), return_exceptions=True)
    failures = [result for result in results if isinstance(result, ActorFailed)]
    if failures:
        raise ExceptionGroup("actors failed before or while they were stopped", failures)
