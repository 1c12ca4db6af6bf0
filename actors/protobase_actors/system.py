"""A set of actors that share a clock and end together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from types import TracebackType
from typing import Any, TypeVar

from .actor import Actor
from .cell import Blueprint, Cell
from .clock import Clock, SystemClock
from .errors import NameTaken, SystemClosed, TooManyActors
from .limits import (
    DEFAULT_ACTORS,
    DEFAULT_BATCH,
    DEFAULT_MAILBOX,
    DEFAULT_MAILBOX_BYTES,
    DEFAULT_MAILBOX_SENDERS,
    MAX_NAME_LENGTH,
)
from .ref import Ref, stop_all
from .stats import ActorState, ActorStats, ActorTotals
from .supervision import Supervision

M = TypeVar("M")


class ActorSystem:
    """Starts actors and, as an async context manager, stops them. A program may have any number of systems.

    clock, random: where time and the jitter of restarts come from.
    on_escalate: called with the name and the cause for each actor that was started and ended in failure;
        without it, the event loop's exception handler is.
    limit: how many actors may live at once.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        on_escalate: Callable[[str, BaseException], None] | None = None,
        limit: int = DEFAULT_ACTORS,
    ) -> None:
        self.clock: Clock = SystemClock() if clock is None else clock
        self._random = Random() if random is None else random
        self._on_escalate = _report if on_escalate is None else on_escalate
        self._limit = limit
        self._cells: dict[str, Cell[Any]] = {}
        self._ended = ActorTotals()
        self._closed = False

    async def __aenter__(self) -> ActorSystem:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def spawn(
        self,
        factory: Callable[[], Actor[M]],
        *,
        name: str,
        mailbox: int = DEFAULT_MAILBOX,
        mailbox_bytes: int = DEFAULT_MAILBOX_BYTES,
        mailbox_senders: int = DEFAULT_MAILBOX_SENDERS,
        weigh: Callable[[M], int] | None = None,
        batch: int = DEFAULT_BATCH,
        supervision: Supervision | None = None,
    ) -> Ref[M]:
        """Make an actor and return its address once `on_start` has run.

        `factory` makes a fresh actor for every start and restart; `mailbox` and `batch` count messages.
        `mailbox_senders` may wait for room in the mailbox.
        `weigh` says how many bytes a message has, of which `mailbox_bytes` may wait; None: none are counted.

        Raises what the first `factory()` or `on_start` raises; NameTaken; TooManyActors; SystemClosed;
        ValueError for a bad name or limit.
        """
        self._admit(name)
        blueprint = Blueprint(
            factory,
            name,
            mailbox,
            batch,
            supervision or Supervision(),
            mailbox_bytes,
            weigh,
            mailbox_senders,
        )
        cell = self._cells[name] = Cell(blueprint, self.clock, self._random, self._forget)
        try:
            await asyncio.shield(cell.started)
        except asyncio.CancelledError:
            cell.abandon()
            raise
        return cell.ref

    def stats(self) -> Mapping[str, ActorStats]:
        """The figures of all live actors, by name."""
        return {name: cell.stats() for name, cell in self._cells.items()}

    def totals(self) -> ActorTotals:
        """What all actors did since the start, those that have ended too."""
        totals = self._ended
        for cell in self._cells.values():
            totals = totals.plus(cell.stats())
        return totals

    async def close(self) -> None:
        """Start no more actors and stop all there are, side by side. Raises an ExceptionGroup of failures."""
        self._closed = True
        await stop_all([cell.ref for cell in self._cells.values()])

    def _admit(self, name: str) -> None:
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise ValueError(f"an actor's name has 1 to {MAX_NAME_LENGTH} characters, not {len(name)}")
        if self._closed:
            raise SystemClosed
        if name in self._cells:
            raise NameTaken(name)
        if len(self._cells) >= self._limit:
            raise TooManyActors(self._limit)

    def _forget(self, cell: Cell[Any]) -> None:
        del self._cells[cell.name]
        self._ended = self._ended.plus(cell.stats())
        if cell.started.exception() is None and cell.failure is not None and cell.state is ActorState.FAILED:
            self._on_escalate(cell.name, cell.failure)


def _report(name: str, error: BaseException) -> None:
    message = f"actor {name!r} failed and is not restarted"
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
