"""Answers that are there already, and answers made from other answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")


class Done(Awaitable[A], Generic[A]):
    """An awaitable that is complete: what a transaction's writes return, which nobody has to await."""

    __slots__ = ("result",)

    def __init__(self, result: A) -> None:
        self.result = result

    def __await__(self) -> Generator[Any, Any, A]:
        yield from ()  # waits for nothing
        return self.result


def then(waiting: Awaitable[A], use: Callable[[A], B]) -> Awaitable[B]:
    """What ``use`` makes of the result of ``waiting``; complete already if ``waiting`` is."""
    if isinstance(waiting, Done):
        return Done(use(waiting.result))
    return _then(waiting, use)


async def _then(waiting: Awaitable[A], use: Callable[[A], B]) -> B:
    return use(await waiting)
