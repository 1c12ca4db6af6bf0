"""Transactions: operations on several collections that are carried out all together or not at all."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TypeVar, overload

from protobase_live.errors import Closed, Conflict, ProtoBaseError
from protobase_live.handles import Collection, Ids, Loader, OnInvalid, Row, system_ids
from protobase_live.model.durability import LOCAL, Durability
from protobase_live.model.names import check_author
from protobase_live.model.operations import Backend, Receipt
from protobase_live.transactions.buffer import Buffer
from protobase_live.transactions.limits import DEFAULT_TRANSACTION_LIMITS, TransactionLimits

T = TypeVar("T")


class Transaction:
    """``async with`` it, write and read through ``tx["tasks"]``, and it commits when the block ends.

    Writes are checked and buffered at the call and need not be awaited. Reads are awaited and see the
    transaction's own writes. The commit is one, of all collections, and happens only if everything that
    was read is still so, else it raises Conflict; a transaction that only read is checked too, so what it
    saw is one consistent state. If the block raises, nothing is committed. Afterwards every use raises
    Closed.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        author: str | None = None,
        durability: Durability | None = None,
        ids: Ids = system_ids,
        limits: TransactionLimits = DEFAULT_TRANSACTION_LIMITS,
    ) -> None:
        """``author`` is recorded with the commit; ``ids`` gives keys to records inserted without one.

        ``durability`` is that of the commit; None: that of the database.
        Raises InvalidName for what can be no author.
        """
        self._backend = backend
        self._author = check_author(author)
        self._durability = durability
        self._ids = ids
        self._limits = limits
        self._buffer: Buffer | None = None
        self._receipt: Receipt | None = None

    def __repr__(self) -> str:
        if self._buffer is None:
            return "<Transaction, not begun: use 'async with'>"
        return f"<Transaction: {self._buffer!r}>"

    async def __aenter__(self) -> Transaction:
        if self._buffer is not None:
            raise Closed("a transaction runs once; begin another")
        self._buffer = Buffer(self._backend, self._limits)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        buffer = self._begun()
        buffer.close()
        if error is None:
            self._receipt = await self._commit(buffer)

    def __getitem__(self, name: str) -> Collection[Row]:
        """The collection ``name`` within this transaction, its records as dicts, checked against no class.

        `collection` takes the class; a schema of the database holds in either.
        """
        return self.collection(name)

    @overload
    def collection(self, name: str) -> Collection[Row]: ...
    @overload
    def collection(self, name: str, atom: type[T], *, on_invalid: OnInvalid = "skip") -> Collection[T]: ...
    def collection(
        self, name: str, atom: type[T] | None = None, *, on_invalid: OnInvalid = "skip"
    ) -> Collection[T] | Collection[Row]:
        """The collection ``name`` within this transaction, its records of the class ``atom``.

        ``on_invalid`` says what becomes of those that do not fit it, as in `DatabaseApi.collection`.
        """
        buffer = self._begun()
        buffer.require_open()
        loader = None if atom is None else Loader(name, atom, on_invalid, quiet=True)
        return Collection(buffer, name, atom, loader=loader, ids=self._ids)

    @property
    def receipt(self) -> Receipt:
        """What the commit left: a cursor for each collection written. Raises Closed if there was none."""
        if self._receipt is None:
            raise Closed("the transaction has no receipt: it did not commit")
        return self._receipt

    @property
    def collections(self) -> frozenset[str]:
        """The collections read or written so far. Raises Closed if the transaction has not begun."""
        buffer = self._begun()
        return frozenset({*buffer.writes, *(check.collection for check in buffer.checks)})

    async def outdated(self) -> Conflict | None:
        """What of all that was read is another answer now, None for nothing.

        None, too, where that cannot be found out within ``recheck_seconds``.
        """
        buffer = self._begun()
        try:
            async with asyncio.timeout(self._limits.recheck_seconds):
                if buffer.checks:
                    await self._backend.commit({}, buffer.checks, self._author, LOCAL)
        except Conflict as conflict:
            return conflict
        except (ProtoBaseError, TimeoutError):
            pass
        return None

    def _begun(self) -> Buffer:
        if self._buffer is None:
            raise Closed("the transaction has not begun; use it inside 'async with'")
        return self._buffer

    async def _commit(self, buffer: Buffer) -> Receipt:
        if not buffer.writes and not buffer.checks:
            return Receipt({})
        return await self._backend.commit(buffer.writes, buffer.checks, self._author, self._durability)
