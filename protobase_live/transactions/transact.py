"""Run a function as a transaction until nothing gets in its way."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar, cast

from protobase_live.errors import Conflict, ProtoBaseError, ValidationError
from protobase_live.handles import Ids, system_ids
from protobase_live.model.arguments import require
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Backend
from protobase_live.transactions.contenders import Contenders
from protobase_live.transactions.limits import DEFAULT_TRANSACTION_LIMITS, TransactionLimits
from protobase_live.transactions.transaction import Transaction

R = TypeVar("R")


class _Running:
    """One call of `transact`. Tasks that its function starts inherit it, and may outlive it."""

    ended = False


_running: ContextVar[_Running | None] = ContextVar("transact", default=None)


async def transact(
    backend: Backend,
    fn: Callable[[Transaction], Awaitable[R] | R],
    *,
    contenders: Contenders,
    author: str | None = None,
    durability: Durability | None = None,
    ids: Ids = system_ids,
    limits: TransactionLimits = DEFAULT_TRANSACTION_LIMITS,
) -> R:
    """Run ``fn(tx)``, plain or async, commit what it wrote and return what it returned.

    After a Conflict ``fn`` runs again on a fresh transaction, so it should have no effect outside it. The
    first attempt is optimistic. Later ones keep out other ``contenders`` for the collections that the first
    one read or wrote: they go one after the other instead of starving each other.

    What ``fn`` raises counts only if all that it had read is still so then: else ``fn`` runs again, too. So
    nobody is told of what came of half of another transaction. After the last attempt it counts anyway.

    Raises Conflict when the last of ``limits.transact_attempts`` failed, ValidationError inside the function
    of another `transact` and for a generator function, and whatever ``fn`` or the commit raises otherwise.
    """
    require(callable(fn), "transact", "a function of the transaction", fn)
    if _is_generator(fn):
        raise ValidationError(
            "transact(): a generator function does not run by itself; give it a function, plain or async, "
            "with 'return' for its result and no 'yield'"
        )
    with _not_nested():
        trial = _Trial(backend, fn, author, durability, ids, limits)
        try:
            return await trial.run()
        except Conflict as error:
            conflict = error
        async with contenders.alone(trial.collections):
            for _ in range(limits.transact_attempts - 1):
                try:
                    return await trial.run()
                except Conflict as error:
                    conflict = error
    if trial.raised is not None:  # it may be a mistake of the function: a Conflict is tried again by programs
        raise trial.raised from conflict
    attempts = f"{limits.transact_attempts} attempts (transact_attempts)"
    raise Conflict(f"gave up after {attempts}: {conflict}") from conflict


def _is_generator(fn: Callable[..., object]) -> bool:
    """Whether a call of ``fn`` would give a generator, and do nothing."""
    run = fn, type(fn).__call__
    return any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in run)


def _is_of_the_data(error: Exception) -> bool:
    """Whether it can come of what was read: not of an end of waiting, or of what may be tried again."""
    return not isinstance(error, TimeoutError) and not (isinstance(error, ProtoBaseError) and error.retryable)


class _Trial(Generic[R]):
    """A function that is tried as a transaction."""

    def __init__(
        self,
        backend: Backend,
        fn: Callable[[Transaction], Awaitable[R] | R],
        author: str | None,
        durability: Durability | None,
        ids: Ids,
        limits: TransactionLimits,
    ) -> None:
        self._backend = backend
        self._fn = fn
        self._author = author
        self._durability = durability
        self._ids = ids
        self._limits = limits
        self.collections: frozenset[str] = frozenset()
        """What the last attempt read or wrote."""
        self.raised: Exception | None = None
        """What the function raised in the last attempt, where what it had read was not so any more."""

    async def run(self) -> R:
        """One attempt. Raises Conflict, and whatever the function raises of what is still so.

        What it reads is of different moments until the commit, so it may fail on what never was.
        """
        self.raised = None
        tx = Transaction(
            self._backend,
            author=self._author,
            durability=self._durability,
            ids=self._ids,
            limits=self._limits,
        )
        try:
            async with tx:
                try:
                    result = self._fn(tx)
                    return await result if inspect.isawaitable(result) else cast("R", result)
                except Exception as error:
                    if _is_of_the_data(error) and (conflict := await tx.outdated()) is not None:
                        self.raised = error
                        raise conflict from None
                    raise
        finally:
            self.collections = tx.collections


@contextmanager
def _not_nested() -> Generator[None]:
    """Raise ValidationError inside the function of another `transact`.

    That function may run several times, and each time what is nested in it would be committed for good. It
    would also wait in line while the outer one keeps its place in another.
    """
    outer = _running.get()
    if outer is not None and not outer.ended:
        raise ValidationError(
            "transact inside the function of another transact: give that function's tx to what is to be part "
            "of the transaction, or call transact after it"
        )
    running = _Running()
    _running.set(running)
    try:
        yield
    finally:
        running.ended = True
