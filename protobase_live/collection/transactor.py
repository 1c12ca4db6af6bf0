"""The transactions of one turn: first whether one can be carried out, then its writes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import cast

from protobase_actors import Envelope, in_steps
from protobase_live.collection.checking import check_in_steps
from protobase_live.collection.digests import Digests
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Message, Transact
from protobase_live.collection.mistakes import nothing_done
from protobase_live.collection.read_only import ReadOnly
from protobase_live.collection.replica import Replica
from protobase_live.collection.room import make_room, needs_room
from protobase_live.collection.turn import Receipt, Refusal
from protobase_live.document import require_whole
from protobase_live.errors import Forbidden, ProtoBaseError, naming
from protobase_live.model.operations import Check, Op
from protobase_live.permissions.permits import Permit


class Transactor:
    """Carries out the transactions of one turn in a collection's document."""

    def __init__(self, collection: str, replica: Replica, limits: Limits, read_only: ReadOnly) -> None:
        self._collection = collection
        self._read_only = read_only
        self._replica = replica
        self._limits = limits
        self._digests = Digests(lambda read: replica.document.read(read))

    @contextmanager
    def writing(self) -> Generator[None]:
        """What `write` is called in. Until it ends, nothing else changes the document."""
        with self._replica.document.writing():
            yield

    async def carry_out(self, envelopes: Sequence[Envelope[Message]]) -> list[Receipt | Refusal]:
        """Carry out the transactions of these messages, each all or nothing, in order."""
        told: list[Receipt | Refusal] = []
        with self.writing():
            for envelope in envelopes:
                transact = cast("Transact", envelope.message)
                try:
                    ready = await self.prepare(transact.ops, transact.checks, transact.permit)
                except ProtoBaseError as error:
                    told.append(Refusal(envelope, error))
                    continue
                # What fails from here on is no refusal: a part of it may be written.
                await self.write(ready, transact.author)
                told.append(Receipt(envelope))
        return told

    async def prepare(
        self, ops: Sequence[Op], checks: Sequence[Check], permit: Permit | None = None
    ) -> list[Op]:
        """The operations, ready to be written; others may run meanwhile.

        Raises Unavailable if the collection is read-only, Conflict if something that was read has changed,
        LimitExceeded if there is no room (what only deletes needs none), Forbidden if the permit does not let
        them be carried out, and what else keeps them from it; Unavailable, too, for what nobody foresaw.
        """
        document = self._replica.document
        if ops:
            self._read_only.require(self._collection)
        with naming(self._collection):
            if needs_room(ops):
                await make_room(document, 0, self._limits.document_bytes)
            try:
                return await self._looked_at(ops, checks, permit)
            except ProtoBaseError:
                raise
            except Exception as error:  # it has only read: the collection is as it was
                raise nothing_done("a transaction", error, self._collection) from error

    async def _looked_at(self, ops: Sequence[Op], checks: Sequence[Check], permit: Permit | None) -> list[Op]:
        document = self._replica.document
        digests = self._digests if permit is None else Digests(document.read, permit)
        await in_steps(check_in_steps(digests, checks, self._limits.check_bytes))
        if permit is not None:  # before anything can tell what is hidden from it
            ops = await self._permitted(permit, ops)
        return await in_steps(document.rehearse_in_steps(ops))

    async def _permitted(self, permit: Permit, ops: Sequence[Op]) -> Sequence[Op]:
        """What the permit lets through.

        That a record lacks a field is said first: a rule about that field forbids it, and does not say why.
        """
        document = self._replica.document
        try:
            return await in_steps(permit.judge_in_steps(ops, document.records, document.stored))
        except Forbidden:
            await in_steps(require_whole(document.rules.schema, ops))
            raise

    async def write(self, ready: Sequence[Op], author: str | None) -> None:
        """Carry out what was prepared, inside `writing`."""
        if ready:
            self._digests.forget(ready)
            await in_steps(self._replica.document.write_in_steps(ready, author))
