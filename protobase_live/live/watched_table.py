"""What one collection has shown: its records as queries see them, and the views that watch them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from protobase_actors import WakeUp
from protobase_live.handles.index_names import parse_index
from protobase_live.live.path import Path
from protobase_live.live.routes import Routes
from protobase_live.query.engine.table import MAX_INDEXES, Table
from protobase_storage import Vector, sequence_of


class WatchedTable:
    """The shown records of a collection, with their indexes, which are built in slices of their own task."""

    def __init__(
        self, table: Table, vector: Vector, indexes: Iterable[str], retained: int, number: int = 0
    ) -> None:
        """``retained`` bounds what is remembered of the way from ``vector`` on; see `Path`. ``number`` is
        higher than those of all that began before.
        """
        self.table = table
        self.number = number
        self.level = 0
        """What was stored when the table of this number began was shown; see `Level`."""
        self.vector = vector
        """Which commits were shown; see `reach`."""
        self.path = Path(vector, retained)
        self.routes = Routes()
        self.used = True
        self._closed = False
        self._wake_up = WakeUp()
        self._building: asyncio.Task[None] | None = None
        self.declare(indexes)

    @property
    def is_open(self) -> bool:
        """Whether more may be shown."""
        return not self._closed

    def is_needed(self) -> bool:
        """Whether somebody watches, or has asked since this was asked last: asking forgets that."""
        used, self.used = self.used, False
        return used or len(self.routes) > 0

    def advance(self, vector: Vector) -> None:
        """So much was shown by now."""
        self.vector = vector
        self.path.advance(vector)
        self._wake_up.wake()

    async def reach(self, wanted: Vector) -> None:
        """Wait until all that ``wanted`` names was shown, or no more is."""
        for origin, sequence in wanted.items():
            while sequence_of(self.vector, origin) < sequence and not self._closed:
                await self._wake_up.wait()

    def declare(self, indexes: Iterable[str]) -> None:
        """These are the indexes from now on; build what is not there yet."""
        fields = [found for text in indexes if (found := parse_index(text))]
        wanted = dict.fromkeys(tuple(tuple(name.split(".")) for name in each) for each in fields)
        for paths in [paths for paths in self.table.indexes if paths not in wanted]:
            self.table.drop(paths)
        for paths in list(wanted)[:MAX_INDEXES]:
            if paths not in self.table.indexes:
                self.table.declare(paths)
        if self._building is None or self._building.done():
            self._building = asyncio.get_running_loop().create_task(self._build())

    async def built(self) -> None:
        """Wait until all indexes can be used."""
        while self._building is not None and not self._building.done():
            await asyncio.wait([self._building])

    def close(self) -> None:
        """Build no further: no more is shown."""
        self._closed = True
        self._wake_up.wake()
        if self._building is not None:
            self._building.cancel()

    async def _build(self) -> None:
        for _ in self.table.building():
            await asyncio.sleep(0)
