"""The Port of a transaction: keeps its writes back and shows them to its reads."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

from protobase_live.errors import Closed, LimitExceeded, ValidationError
from protobase_live.handles import Done
from protobase_live.model import values
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Backend, Check, Op, Read
from protobase_live.transactions.limits import TransactionLimits
from protobase_live.transactions.overlay import Overlay
from protobase_live.transactions.reads import Reads


class Buffer:
    """Operations in the order they were made, by collection. They come checked from handles."""

    def __init__(self, backend: Backend, limits: TransactionLimits) -> None:
        self._backend = backend
        self._limits = limits
        self._reads = Reads(backend, limits.transaction_reads)
        self._writes: dict[str, list[Op]] = {}
        self._overlays: dict[str, Overlay] = {}
        self._ops = 0
        self._bytes = 0
        self._open = True

    def __repr__(self) -> str:
        ended = "" if self._open else ", ended"
        return f"{self._ops} operations on {len(self._writes)} collections{ended}"

    @property
    def writes(self) -> Mapping[str, Sequence[Op]]:
        """What to commit."""
        return self._writes

    @property
    def checks(self) -> Sequence[Check]:
        """What the transaction relies on."""
        return self._reads.checks

    def close(self) -> None:
        """Refuse every later use."""
        self._open = False

    def require_open(self) -> None:
        """Raise Closed if the transaction has ended."""
        if not self._open:
            raise Closed("the transaction has ended; begin another")

    def write(
        self, collection: str, ops: Sequence[Op], durability: Durability | None = None
    ) -> Awaitable[None]:
        """Keep ``ops`` for the commit. Raises LimitExceeded or Closed, and then keeps none of them.

        Raises ValidationError for a durability of their own.
        """
        self.require_open()
        if durability is not None:
            right = f"db.transaction(durability={str(durability)!r})"
            raise ValidationError(f"{collection}: a transaction is durable as a whole: {right}")
        self._reserve(ops)
        self._writes.setdefault(collection, []).extend(ops)
        if collection not in self._overlays:
            self._overlays[collection] = Overlay(collection, partial(self._reads.ask, collection))
        for op in ops:
            self._overlays[collection].add(op)
        return Done(None)

    async def read(self, collection: str, read: Read) -> Any:
        """The answer as if the transaction's writes had been carried out."""
        self.require_open()
        if read.method == "open":  # a structure never changes its kind: nothing to check later
            return await self._backend.read(collection, read)
        if overlay := self._overlays.get(collection):
            return await overlay.read(read)
        return await self._reads.ask(collection, read)

    def _reserve(self, ops: Sequence[Op]) -> None:
        count = self._ops + len(ops)
        size = self._bytes + sum(len(values.pack(list(op.args))) for op in ops)
        limits = self._limits
        if count > (most := limits.transaction_operations):
            raise LimitExceeded(f"a transaction has at most {most} operations (transaction_operations)")
        if size > (most := limits.transaction_bytes):
            raise LimitExceeded(f"what a transaction writes takes at most {most} bytes (transaction_bytes)")
        self._ops, self._bytes = count, size
