"""Actors by key: loaded when somebody needs them, passivated when nobody does."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from .actor import Actor
from .clock import Timer
from .deadline import mark_heard
from .errors import ActorFailed, ActorStopped, SystemClosed, TooManyActors
from .limits import (
    DEFAULT_BATCH,
    DEFAULT_IDLE_SECONDS,
    DEFAULT_MAILBOX,
    DEFAULT_MAILBOX_BYTES,
    DEFAULT_MAILBOX_SENDERS,
    DEFAULT_POOL_ACTORS,
)
from .ordered_set import OrderedSet
from .ref import Ref, stop_all
from .stats import ActorState
from .supervision import Supervision
from .system import ActorSystem

M = TypeVar("M")


@dataclass(slots=True, eq=False)
class _Entry(Generic[M]):
    ref: Ref[M]
    used_at: float
    timer: Timer | None = None


class ActorPool(Generic[M]):
    """At most one live actor for each key.

    factory: makes the actor of a key; the key is also the actor's name in the system.
    idle_seconds: an actor that took no message and was not asked for that long is stopped, if `Actor.idle()`
        agrees. The next `get` starts a fresh one.
    limit: live actors. At the limit the idle one that was asked for longest ago makes room.
    mailbox, mailbox_bytes, mailbox_senders, weigh, batch, supervision: as for `ActorSystem.spawn`.

    An async context manager that closes the pool.
    """

    def __init__(
        self,
        system: ActorSystem,
        factory: Callable[[str], Actor[M]],
        *,
        idle_seconds: float = DEFAULT_IDLE_SECONDS,
        limit: int = DEFAULT_POOL_ACTORS,
        mailbox: int = DEFAULT_MAILBOX,
        mailbox_bytes: int = DEFAULT_MAILBOX_BYTES,
        mailbox_senders: int = DEFAULT_MAILBOX_SENDERS,
        weigh: Callable[[M], int] | None = None,
        batch: int = DEFAULT_BATCH,
        supervision: Supervision | None = None,
    ) -> None:
        if idle_seconds <= 0 or limit < 1:
            raise ValueError(f"idle_seconds and limit are more than 0, not {idle_seconds} and {limit}")
        self._system = system
        self._factory = factory
        self._idle_seconds = idle_seconds
        self._limit = limit
        self._mailbox = mailbox
        self._mailbox_bytes = mailbox_bytes
        self._mailbox_senders = mailbox_senders
        self._weigh = weigh
        self._batch = batch
        self._supervision = supervision
        self._live: OrderedDict[str, _Entry[M]] = OrderedDict()  # the one asked for last comes last
        self._starts: dict[str, asyncio.Task[Ref[M]]] = {}
        self._lines: dict[str, int] = {}  # how many wait for a start, or were not woken yet since it ended
        self._retiring: OrderedSet[asyncio.Task[None]] = OrderedSet()
        self._opening = 0  # starts that have been given room
        self._closed = False

    async def __aenter__(self) -> ActorPool[M]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __len__(self) -> int:
        """How many actors are live."""
        return len(self._live)

    async def get(self, key: str) -> Ref[M]:
        """The actor of `key`, started if need be. Everyone who waits for a start shares it, and its error.

        Callers go on in the order in which they called, also while the actor starts.

        The address serves until the actor is passivated, which takes `idle_seconds` without a message or
        `get` (or less, if the pool is full). After that it raises ActorStopped: get another, or use `ask`
        and `tell` of the pool.

        Raises what `factory` or `on_start` raises (the next `get` tries again); TooManyActors when the pool
        is full and no actor idle; SystemClosed.
        """
        ref = self.peek(key)
        if ref is not None and key not in self._lines:
            return ref
        if self._closed:
            raise SystemClosed
        with self._in_line(key):
            if ref is not None:
                await _be_woken_last()
                return ref
            start = self._starts.get(key)
            if start is None:
                start = self._starts[key] = asyncio.create_task(self._start(key))
                start.add_done_callback(mark_heard)
            return await asyncio.shield(start)

    @contextmanager
    def _in_line(self, key: str) -> Generator[None]:
        """Somebody waits for the actor of `key`; whoever comes meanwhile has to wait, too."""
        self._lines[key] = self._lines.get(key, 0) + 1
        try:
            yield
        finally:
            self._lines[key] -= 1
            if not self._lines[key]:
                del self._lines[key]

    def peek(self, key: str) -> Ref[M] | None:
        """The actor of `key` if it is live, without starting it. Counts as use, as `get` does."""
        entry = self._live.get(key)
        if entry is None or not entry.ref.accepts:
            return None
        entry.used_at = self._system.clock.monotonic()
        self._live.move_to_end(key)
        return entry.ref

    async def ask(self, key: str, message: M, *, timeout: float | None = None) -> object:  # noqa: ASYNC109
        """`Ref.ask` to the actor of `key`; once more if it was stopped before it took the message.

        `timeout` counts from when the actor is there. Raises what `get` and `Ref.ask` raise.
        """
        ref = await self.get(key)
        try:
            return await ref.ask(message, timeout=timeout)
        except ActorStopped as stopped:
            _forbid_repetition(ref, stopped)
            return await (await self.get(key)).ask(message, timeout=timeout)

    async def tell(self, key: str, message: M) -> None:
        """`Ref.tell` to the actor of `key`; once more if it was stopped before it took the message."""
        ref = await self.get(key)
        try:
            await ref.tell(message)
        except ActorStopped as stopped:
            _forbid_repetition(ref, stopped)
            await (await self.get(key)).tell(message)

    async def close(self) -> None:
        """Start no more actors and stop the live ones. Raises an ExceptionGroup of their failures."""
        self._closed = True
        await asyncio.gather(*self._starts.values(), return_exceptions=True)
        entries, self._live = self._live, OrderedDict()
        for entry in entries.values():
            _cancel(entry.timer)
        await stop_all([entry.ref for entry in entries.values() if entry.ref.state is not ActorState.FAILED])

    # Starting

    async def _start(self, key: str) -> Ref[M]:
        try:
            if (entry := self._live.get(key)) is not None:
                await self._retire(key, entry)
            await self._make_room()
            return await self._spawn(key)
        finally:
            del self._starts[key]

    async def _spawn(self, key: str) -> Ref[M]:
        self._opening += 1
        try:
            ref = await self._system.spawn(
                lambda: self._factory(key),
                name=key,
                mailbox=self._mailbox,
                mailbox_bytes=self._mailbox_bytes,
                mailbox_senders=self._mailbox_senders,
                weigh=self._weigh,
                batch=self._batch,
                supervision=self._supervision,
            )
        finally:
            self._opening -= 1
        entry = self._live[key] = _Entry(ref, self._system.clock.monotonic())
        self._arm(key, entry, self._idle_seconds)
        return ref

    async def _make_room(self) -> None:
        while len(self._live) + self._opening >= self._limit:
            victim = self._victim()
            if victim is None:
                raise TooManyActors(self._limit)
            await self._retire(*victim)

    def _victim(self) -> tuple[str, _Entry[M]] | None:
        for key, entry in self._live.items():
            awaited = key in self._lines  # those who waited for its start are about to ask it
            if not entry.ref.accepts or (not awaited and entry.ref.stop_if_idle()):
                return key, entry
        return None

    # Passivation

    def _arm(self, key: str, entry: _Entry[M], seconds: float) -> None:
        entry.timer = self._system.clock.call_later(seconds, lambda: self._check(key, entry))

    def _check(self, key: str, entry: _Entry[M]) -> None:
        now = self._system.clock.monotonic()
        due = max(entry.used_at, entry.ref.stats.active_at) + self._idle_seconds
        if not entry.ref.accepts or (due <= now and entry.ref.stop_if_idle()):
            task = asyncio.create_task(self._retire(key, entry))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        else:
            self._arm(key, entry, due - now if due > now else self._idle_seconds)

    async def _retire(self, key: str, entry: _Entry[M]) -> None:
        """Wait until a stopping actor has ended and forget it."""
        with suppress(ActorFailed):  # the system escalates it
            await entry.ref.wait_stopped()
        _cancel(entry.timer)
        if self._live.get(key) is entry:
            del self._live[key]


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()


async def _be_woken_last() -> None:
    """Go on behind everybody whom the end of a start is about to wake, which takes two rounds of the loop."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    loop.call_soon(_wake, woken)
    await woken


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _forbid_repetition(ref: Ref[M], stopped: ActorStopped) -> None:
    """Raise unless the message certainly was not taken by the actor it was meant for."""
    if not stopped.retryable or stopped.name != ref.name:
        raise stopped
