"""The records of a collection: what every tree begins with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING

from protobase_live.errors import LimitExceeded
from protobase_live.model.names import KEY_FIELD
from protobase_live.query.ast.expressions import Expr
from protobase_live.query.ast.ordering import SortKey
from protobase_live.query.engine.bounds import equalities
from protobase_live.query.engine.effort import EASY_STEPS, is_too_much, spent
from protobase_live.query.engine.guard import Guarded
from protobase_live.query.engine.index import Path
from protobase_live.query.engine.operator import (
    BATCH_ROWS,
    Changes,
    Delta,
    Item,
    Operator,
    Row,
    alike,
)

if TYPE_CHECKING:
    from protobase_live.query.engine.access import Access


class Source(Operator):
    """The records of ``collection`` of which ``condition`` is true, with their keys as ``_key``.

    Where there is a ``guard``, it has to be true as well, and is asked first.
    For `fetch` it is given an ``access``, which has chosen how to reach them.
    """

    name = "source"

    def __init__(
        self,
        collection: str,
        condition: Expr | None = None,
        access: Access | None = None,
        guard: Expr | None = None,
    ) -> None:
        self.collection = collection
        self.condition = condition
        self.guard = guard
        self._asked = Guarded(guard, condition)
        self.access = access
        self._rest: Iterator[Row] | None = None

    @cached_property
    def equalities(self) -> dict[Path, SortKey]:
        """The sort keys of the constants that fields equal in every record here."""
        return equalities(self._asked.whole)

    @property
    def sorted(self) -> bool:
        return self.access is not None and self.access.sorted

    @property
    def detail(self) -> str:
        if self.access is not None:
            return f"{self.collection}: {self.access}"
        whole = self._asked.whole
        return f"{self.collection}{'' if whole is None else f' where {whole}'}"

    def fetch(self) -> Iterator[list[Item]]:
        access = self._access()
        scan, rank, size, left = access.scan, access.rank, access.first_batch, access.count
        while left > 0:
            rest = self._rest = self._rest or access.read()
            found = list(islice(rest, size))
            try:
                rows = found if scan is None else scan(found)
                ranks = repeat(()) if rank is None else map(rank, rows)
                items = [(row[KEY_FIELD], each, row) for row, each in zip(rows, ranks, strict=False)]
            except LimitExceeded:
                if size == 1 or not is_too_much():
                    raise
                self._rest = chain(found, rest)
                size = max(1, size // 16)
                yield []  # after the pause it is tried with fewer rows
                continue
            left -= size
            size = max(1, size // 4) if spent() > EASY_STEPS else min(2 * size, BATCH_ROWS)
            yield items

    def pin(self) -> None:
        """Keep what is still to be read as it is now, whatever becomes of the table.

        Until then nothing may change between two batches.
        """
        self._rest = iter(list(self._rest or self._access().read()))

    def _access(self) -> Access:
        assert self.access is not None, "made for push"
        return self.access

    @cached_property
    def _test(self):
        return self._asked.test()

    def push(self, changes: Changes) -> Delta:
        delta: Delta = []
        for key, before, after in changes.get(self.collection, ()):
            old, new = self._item(key, before), self._item(key, after)
            if not alike(old, new):
                delta.append((old, new))
        return delta

    def _item(self, key: str, row: Row | None) -> Item | None:
        if row is None or (self._test is not None and not self._test(row)):
            return None
        return key, (), row
