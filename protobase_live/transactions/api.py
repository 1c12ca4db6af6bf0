"""What every database offers its users, embedded or over the wire."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, overload

from protobase_live.collections import ChangeStream, Collection, Ids, Row, system_ids
from protobase_live.operations import Check, Op, Read, Receipt
from protobase_live.transactions.transact import MAX_ATTEMPTS, transact
from protobase_live.transactions.transaction import Transaction

T = TypeVar("T")
R = TypeVar("R")


class DatabaseApi(ABC):
    """Collections and transactions over a backend; Backend, Port and Source of the handles it gives out."""

    def __init__(self, *, ids: Ids = system_ids, attempts: int = MAX_ATTEMPTS) -> None:
        """``ids`` gives keys to records inserted without one, ``attempts`` is the limit of `transact`."""
        self._ids = ids
        self._attempts = attempts
        self._contenders = asyncio.Lock()

    @overload
    async def collection(self, name: str) -> Collection[Row]: ...
    @overload
    async def collection(self, name: str, atom: type[T]) -> Collection[T]: ...
    async def collection(self, name: str, atom: type[T] | None = None) -> Collection[T] | Collection[Row]:
        """The collection ``name``; its records are of the class ``atom``, or dicts. Raises InvalidName."""
        return Collection(self, name, atom, source=self, ids=self._ids)

    def transaction(self, *, author: str | None = None) -> Transaction:
        """Several operations, also on several collections, all or nothing: ``async with`` it."""
        return Transaction(self, author=author, ids=self._ids)

    async def transact(
        self, fn: Callable[[Transaction], Awaitable[R] | R], *, author: str | None = None
    ) -> R:
        """Run ``fn(tx)``, plain or async, in a transaction, again after a Conflict; its result.

        Raises Conflict after too many attempts.
        """
        return await transact(
            self, fn, lock=self._contenders, author=author, ids=self._ids, attempts=self._attempts
        )

    async def write(self, collection: str, ops: Sequence[Op]) -> None:
        """Carry out ``ops`` on one collection, all or none; durable on return."""
        await self.commit({collection: ops})

    @abstractmethod
    async def read(self, collection: str, read: Read) -> Any:
        """Answer one question; everything the answer shows is durable."""

    @abstractmethod
    async def commit(
        self, writes: Mapping[str, Sequence[Op]], checks: Sequence[Check] = (), author: str | None = None
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds; durable on return."""

    @abstractmethod
    def changes(self, collection: str, since: str | None = None) -> ChangeStream:
        """The changes of a collection, after the cursor ``since`` or from now on."""

    @abstractmethod
    def presence(self, collection: str, state: Any = None) -> AbstractAsyncContextManager[Any]:
        """Who else is in a collection; ``state`` is what the others see of this one."""
