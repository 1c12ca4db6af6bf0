"""What a user of the runtime writes: an actor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from .clock import Clock
from .envelope import Envelope
from .ref import Ref

M = TypeVar("M")


class Context(Generic[M]):
    """What an actor knows of its surroundings. A restarted actor gets a new one."""

    __slots__ = ("_crash", "clock", "name", "ref")

    def __init__(
        self, name: str, clock: Clock, ref: Ref[M], crash: Callable[[Context[M], BaseException], None]
    ) -> None:
        self.name = name
        self.clock = clock
        self.ref = ref
        self._crash = crash

    def fail(self, error: BaseException) -> None:
        """Make the actor fail with `error`, as if its turn had raised it.

        For failures that come from outside a turn, such as the callback of a write in the background. A turn
        or hook that is under way is cancelled at its next `await`. Ignored once the actor has stopped, failed
        or been restarted.
        """
        self._crash(self, error)


class Actor(Generic[M]):
    """State that one turn at a time can touch. Override `receive`, or `turn` to work on whole batches."""

    context: Context[M]
    """Set by the runtime before `on_start`."""

    async def on_start(self) -> None:
        """Called before the first turn. An exception makes `spawn` raise it; on a restart it is a failure."""

    async def on_stop(self) -> None:
        """Called after the last turn, also when the actor failed, provided that `on_start` had succeeded.

        An exception is a failure of the actor; if it had failed already, it is noted on that failure.
        """

    async def turn(self, batch: Sequence[Envelope[M]]) -> None:
        """Work on the messages that waited. An exception is a failure of the actor.

        By default each message goes to `receive` and is answered with what that returns. An `Exception` it
        raises is the asker's answer and touches nobody else; if there is no asker to hear of it, because the
        message was a `tell`, the actor fails.
        """
        for envelope in batch:
            try:
                answer = await self.receive(envelope.message)
            except Exception as error:
                if envelope.answer is None:
                    raise
                envelope.fail(error)
            else:
                envelope.reply(answer)

    async def receive(self, message: M) -> object:
        """Work on one message and return its answer."""
        raise NotImplementedError(f"{type(self).__name__} overrides neither receive nor turn")

    def idle(self) -> bool:
        """Asked before an idle actor is passivated: False keeps it, for instance while it has subscribers."""
        return True
