"""What a collection would hold if the transaction's writes to it had been carried out."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from protobase_live.errors import RecordMissing, naming
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.structures import KINDS

Ask = Callable[[Read], Awaitable[Any]]
Rows = dict[str, Any]


class Pending:
    """One record or structure that the transaction wrote: its value is read once, then written to here."""

    def __init__(self, fetch: Callable[[], Awaitable[Any]], replay: Callable[[Any, Op], Any]) -> None:
        self._fetch = fetch
        self._replay = replay
        self._ops: deque[Op] = deque()
        self.fetched = False
        self._value: Any = None

    def add(self, op: Op) -> None:
        """Carry out ``op`` too, when the value is next asked for."""
        self._ops.append(op)

    async def value(self) -> Any:
        """The value after every operation. Raises what is wrong with an operation, again at each call."""
        await self.fetch()
        return self.now()

    async def fetch(self) -> None:
        """Have what it was before the transaction."""
        if not self.fetched:
            base = await self._fetch()
            if not self.fetched:  # another read may have come first
                self._value, self.fetched = base, True

    def now(self) -> Any:
        """`value`, once it was fetched."""
        while self._ops:
            self._value = self._replay(self._value, self._ops[0])
            self._ops.popleft()
        return self._value


class Overlay:
    """The written records and structures of one collection, over what ``ask`` answers."""

    def __init__(self, collection: str, ask: Ask) -> None:
        self._collection = collection
        self._ask = ask
        self._records: dict[str, Pending] = {}
        self._existed: dict[str, bool] = {}
        self._structures: dict[Target, Pending] = {}

    def add(self, op: Op) -> None:
        """Take note of one write."""
        if op.target.path[0] != RECORDS.path[0]:
            self._structure(op.target).add(op)
        else:
            self._record(op.args[0] if op.target == RECORDS else op.target.path[1]).add(op)

    async def read(self, read: Read) -> Any:
        """The answer to ``read`` with the writes taken into account."""
        if read.target == RECORDS:
            return await self._read_records(read)
        if read.target.path[0] == RECORDS.path[0]:
            return await self._read_field(read)
        if pending := self._structures.get(read.target):
            return self._answer(await pending.value(), read)
        return await self._ask(read)

    def _record(self, key: str) -> Pending:
        if key not in self._records:

            async def fetch() -> Rows:
                row = await self._ask(Read(RECORDS, "get", (key,)))
                self._existed[key] = row is not None
                return {} if row is None else {key: row}

            self._records[key] = Pending(fetch, self._replay_record)
        return self._records[key]

    def _structure(self, target: Target) -> Pending:
        if target not in self._structures:
            kind = KINDS[target.kind]

            async def fetch() -> Any:
                return kind.restore(await self._ask(Read(target, kind.whole)))

            self._structures[target] = Pending(fetch, self._replay)
        return self._structures[target]

    async def _read_records(self, read: Read) -> Any:
        if read.method in ("get", "contains"):
            pending = self._records.get(read.args[0])
            return self._answer(await pending.value(), read) if pending else await self._ask(read)
        if not self._records or read.method == "strays":
            return await self._ask(read)
        if read.method == "count":
            return await self._count(read)
        return self._answer(await self._page(*read.args), read)

    async def _fetch_written(self) -> None:
        """Have what was before of all that is written, also by other tasks of the transaction meanwhile.

        Until the next await, what is read shows all of these writes or, of later ones, none.
        """
        while missing := [each for each in self._records.values() if not each.fetched]:
            for each in missing:
                await each.fetch()

    async def _count(self, read: Read) -> int:
        count = await self._ask(read)
        await self._fetch_written()
        return count + sum(len(each.now()) - self._existed[key] for key, each in self._records.items())

    async def _page(self, after: str | None, limit: int) -> Rows:
        """The records after ``after``: at least the first ``limit`` of them, if there are so many."""
        found: Rows = {}
        more = True
        while True:
            await self._fetch_written()
            rows = {key: row for key, row in found.items() if key not in self._records}
            if not more or len(rows) >= limit:  # a written record may be gone, so it does not count
                break
            page = await self._ask(Read(RECORDS, "items", (after, limit)))
            found |= dict(page)
            more = len(page) == limit
            after = page[-1][0] if page else after
        for pending in self._records.values():
            rows |= pending.now()
        return rows

    async def _read_field(self, read: Read) -> Any:
        _, key, field = read.target.path
        if key not in self._records:
            return await self._ask(read)
        rows = await self._records[key].value()
        with naming(self._collection):
            row = _row(rows, key, field)
        return self._answer(row.get(field), read)

    def _answer(self, value: Any, read: Read) -> Any:
        with self._named(read.target):
            return values.copy(KINDS[read.target.kind].answer(value, read.method, read.args))

    def _replay(self, value: Any, op: Op) -> Any:
        with self._named(op.target):
            return KINDS[op.target.kind].replay(value, op.action, op.args)

    def _replay_record(self, rows: Rows, op: Op) -> Rows:
        if op.target == RECORDS:
            return self._replay(rows, op)
        _, key, field = op.target.path
        with naming(self._collection):
            row = _row(rows, key, field)
        return {key: {**row, field: self._replay(row.get(field), op)}}

    def _named(self, target: Target) -> naming:
        return naming(self._collection) if target == RECORDS else naming(self._collection, target)


def _row(rows: Rows, key: str, field: str) -> dict[str, Any]:
    if key not in rows:
        raise RecordMissing(f"there is no record {key!r}, so it has no field {field!r}")
    return rows[key]
