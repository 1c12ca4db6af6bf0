"""The life of one actor: start, turns, failure, restart, end. Internal; users hold a `Ref`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, TypeVar

from .actor import Actor, Context
from .asks import Asks
from .clock import Clock, Timer
from .envelope import Envelope
from .errors import ActorError, ActorFailed, ActorStopped
from .limits import DEFAULT_MAILBOX_BYTES, DEFAULT_MAILBOX_SENDERS
from .mailbox import Mailbox
from .ref import Ref
from .stats import ActorState, ActorStats
from .supervision import RestartHistory, Supervision

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Blueprint(Generic[M]):
    """What a cell is made from; the arguments of `ActorSystem.spawn`."""

    factory: Callable[[], Actor[M]]
    name: str
    mailbox: int
    batch: int
    supervision: Supervision
    mailbox_bytes: int = DEFAULT_MAILBOX_BYTES
    weigh: Callable[[M], int] | None = None
    mailbox_senders: int = DEFAULT_MAILBOX_SENDERS

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"a turn takes at least 1 message, not {self.batch}")


class Cell(Generic[M]):
    """Runs the incarnations of one actor, one after the other, in one task."""

    def __init__(
        self, blueprint: Blueprint[M], clock: Clock, random: Random, on_end: Callable[[Cell[Any]], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self.name = blueprint.name
        self.clock = clock
        self.mailbox: Mailbox[M] = Mailbox(
            blueprint.name,
            blueprint.mailbox,
            blueprint.mailbox_bytes,
            blueprint.weigh,
            blueprint.mailbox_senders,
        )
        self.state = ActorState.STARTING
        self.failure: BaseException | None = None
        self.started: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._blueprint = blueprint
        self._history = RestartHistory(blueprint.supervision, random)
        self._on_end = on_end
        self._actor: Actor[M] | None = None
        self._context: Context[M] | None = None
        self._asks = Asks()
        self._delay: float | None = None  # until the restart after the last failure; None: there is none
        self._pause: asyncio.Future[None] | None = None
        self._fault: BaseException | None = None  # what Context.fail was given, until it is dealt with
        self._guarded = False
        self._interrupted = False
        self._stopping = False
        self._turns = self._messages = self._restarts = 0
        self._turn_seconds = self._turn_seconds_max = 0.0
        self._active_at = clock.monotonic()
        self.ref: Ref[M] = Ref(self)
        self.task = loop.create_task(self._run(), name=f"actor {self.name}")

    # What refs, contexts and the system call

    def stats(self) -> ActorStats:
        return ActorStats(
            state=self.state,
            depth=len(self.mailbox),
            waiting=self.mailbox.waiting,
            deferred=self._asks.deferred,
            turns=self._turns,
            messages=self._messages,
            turn_seconds=self._turn_seconds,
            turn_seconds_max=self._turn_seconds_max,
            restarts=self._restarts,
            active_at=self._active_at,
            failure=self.failure,
        )

    def request_stop(self) -> None:
        if self._stopping or self.ended.done():
            return
        self._stopping = True
        if self.state is ActorState.RUNNING:
            self.state = ActorState.STOPPING
        self.mailbox.close(self.refusal)
        self.mailbox.wake()
        self._end_pause()

    def stop_if_idle(self) -> bool:
        busy = self._guarded or self._fault is not None or self._asks.deferred or len(self.mailbox)
        if busy or self.state is not ActorState.RUNNING or self._actor is None:
            return False
        try:
            idle = self._actor.idle()
        except Exception as error:
            self._crash(self._actor.context, error)
            return False
        if idle:
            self.request_stop()
        return idle

    def abandon(self) -> None:
        """Nobody waits for the start any more: cancel it, or stop the actor that it has started."""
        if self.started.done():
            self.request_stop()
        else:
            self.task.cancel()

    def refusal(self) -> ActorError:
        """What a sender gets whose message the actor did not take."""
        return self._verdict(taken=False)

    def _verdict(self, *, taken: bool) -> ActorError:
        restarting = self.state is ActorState.RESTARTING
        if self.failure is not None and (restarting or self.state is ActorState.FAILED):
            return ActorFailed(self.name, self.failure, retryable=restarting and not self._stopping)
        return ActorStopped(self.name, retryable=not taken)

    def _crash(self, context: Context[M], error: BaseException) -> None:
        if context is not self._context or self._fault is not None:
            return
        self._fault = error
        if self._guarded:
            self._interrupted = True
            self.task.cancel()
        self.mailbox.wake()

    # The life

    async def _run(self) -> None:
        try:
            await self._live()
        finally:
            self._end()

    async def _live(self) -> None:
        error = await self._open()
        if error is not None:
            self.started.set_exception(error)
            return
        self.started.set_result(None)
        while await self._serve() is not None:
            if not await self._reopen():
                return

    async def _open(self) -> BaseException | None:
        """Make an incarnation and start it. Returns what went wrong."""
        self._context = Context(self.name, self.clock, self.ref, self._crash)
        error = await self._guard(self._begin(self._context), "on_start")
        if error is not None:
            self._actor = self._context = None
            self._fail(error)
            return error
        self._active_at = self.clock.monotonic()
        self.state = ActorState.STOPPING if self._stopping else ActorState.RUNNING
        return None

    async def _begin(self, context: Context[M]) -> None:
        actor = self._blueprint.factory()
        actor.context = context
        self._actor = actor
        await actor.on_start()

    async def _reopen(self) -> bool:
        """Restart until it succeeds. False when the actor is given up or was stopped."""
        while self._delay is not None and not self._stopping:
            await self._back_off(self._delay)
            if self._stopping:
                break
            self._restarts += 1
            if await self._open() is None:
                return True
        return False

    async def _back_off(self, seconds: float) -> None:
        self._pause = asyncio.get_running_loop().create_future()
        timer = self.clock.call_later(seconds, self._end_pause)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None

    def _end_pause(self) -> None:
        if self._pause is not None and not self._pause.done():
            self._pause.set_result(None)

    async def _serve(self) -> BaseException | None:
        """Run turns until the incarnation is stopped or fails, then its `on_stop`. Returns the failure."""
        assert self._actor is not None
        error = await self._work(self._actor)
        if error is not None:
            self._fail(error)
        stop_error = await self._guard(self._actor.on_stop(), "on_stop")
        self._actor = self._context = None
        if stop_error is None:
            return error
        if error is not None:
            error.add_note(f"on_stop of the failed actor {self.name!r} raised {stop_error!r}")
            return error
        self._fail(stop_error)
        return stop_error

    async def _work(self, actor: Actor[M]) -> BaseException | None:
        while self._fault is None:
            batch = self.mailbox.take(self._blueprint.batch)
            if batch:
                error = await self._turn(actor, batch)
                if error is not None:
                    return error
                if len(self.mailbox):  # else it sleeps, in which others on the event loop get theirs, too
                    await asyncio.sleep(0)
            elif not len(self.mailbox):
                if self._stopping:
                    return None
                await self.mailbox.sleep()
        return self._take_fault()

    async def _turn(self, actor: Actor[M], batch: list[Envelope[M]]) -> BaseException | None:
        self._asks.take(batch)
        began = self.clock.monotonic()
        error = await self._guard(actor.turn(batch))
        self._asks.defer()
        self._count(len(batch), began)
        return error

    def _count(self, messages: int, began: float) -> None:
        self._active_at = self.clock.monotonic()
        seconds = self._active_at - began
        self._turns += 1
        self._messages += messages
        self._turn_seconds += seconds
        self._turn_seconds_max = max(self._turn_seconds_max, seconds)

    async def _guard(self, step: Coroutine[Any, Any, None], hook: str | None = None) -> BaseException | None:
        """Await a turn or hook; return what it raised, or what `Context.fail` interrupted it with.

        Everything but cancelling this task and leaving the program is a failure, also what derives from
        BaseException alone, as panics of extension modules do.
        """
        timer = None if hook is None else self._limit(hook)
        raised: BaseException | None = None
        self._guarded = True
        try:
            await step
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            raised = error
        finally:
            self._guarded = False
            if timer is not None:
                timer.cancel()
        if self._interrupted:
            self._interrupted = False
            with suppress(asyncio.CancelledError):  # a step that failed itself may end before it is cancelled
                await asyncio.sleep(0)
            self.task.uncancel()
        if self.task.cancelling():
            raise asyncio.CancelledError
        fault = self._take_fault()
        return raised if fault is None else fault

    def _limit(self, hook: str) -> Timer:
        context, seconds = self._context, self._blueprint.supervision.seconds_for(hook)
        assert context is not None
        error = TimeoutError(f"{hook} of actor {self.name!r} took longer than {seconds:g} s")
        return self.clock.call_later(seconds, lambda: self._crash(context, error))

    # Failure and end

    def _take_fault(self) -> BaseException | None:
        fault, self._fault = self._fault, None
        return fault

    def _fail(self, error: BaseException) -> None:
        """Note a failure, decide what follows, and answer those whose messages the incarnation had taken."""
        self.failure = error
        final = self._stopping or not self.started.done()
        self._delay = None if final else self._history.next_delay(self.clock.monotonic())
        self.state = ActorState.FAILED if self._delay is None else ActorState.RESTARTING
        self._answer(everyone=self._delay is None)

    def _answer(self, *, everyone: bool) -> None:
        if everyone:
            self.mailbox.close(self.refusal)
            self.mailbox.discard(self.refusal)
        self._asks.fail(lambda: self._verdict(taken=True))

    def _end(self) -> None:
        failed = self.state in (ActorState.FAILED, ActorState.RESTARTING)
        self.state = ActorState.FAILED if failed else ActorState.STOPPED
        self._answer(everyone=True)
        self._actor = self._context = None
        self.ended.set_result(None)
        if not self.started.done():
            self.started.set_exception(self.refusal())
        self._on_end(self)
