"""Where other processes store, too: a query over several collections sees whole transactions of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

from protobase_live.errors import Unavailable
from protobase_live.live.watched_table import WatchedTable
from protobase_live.model.arrival import Arrival
from protobase_storage import Vector, includes

Stored = Callable[[Collection[str]], Awaitable[Mapping[str, Vector]]]
"""How far collections are stored by now, whoever has stored it; what was not shown yet is looked for."""


class Level:
    """Brings collections to one level before a query reads them together.

    Collections in memory are told of a transaction over several of them at once. But one that was loaded
    since has its part of a transaction of which one that was loaded before may not have been told yet. So
    each has to show what was stored of it when the last of them had been loaded.
    """

    def __init__(
        self, watched: Mapping[str, WatchedTable], stored: Stored, arrival: Callable[[], Arrival]
    ) -> None:
        self._watched = watched
        self._stored = stored
        self._arrival = arrival

    def late(self, collections: Collection[str]) -> list[str]:
        """Those that may lack something that others of them have."""
        last = max((self._watched[name].number for name in collections), default=0)
        apart = len(collections) > 1
        return [name for name in collections if apart and self._watched[name].level < last]

    async def bring(self, late: Collection[str]) -> None:
        """Wait until these show what is stored of them.

        Raises Unavailable after `ahead_seconds`, and what asking the storage raises.
        """
        begun = max(watched.number for watched in self._watched.values())
        tables = {name: self._watched[name] for name in late}
        stored = await self._stored(tables)
        arrival = self._arrival()
        await arrival.wait(partial(self._reach, tables, stored))
        for name, table in tables.items():
            if table.is_open and not includes(table.vector, stored.get(name, {})):
                raise Unavailable(
                    f"{name}: what others have stored did not come here within {arrival.seconds:g} seconds "
                    "(ahead_seconds)"
                )
            table.level = begun

    @staticmethod
    async def _reach(tables: Mapping[str, WatchedTable], stored: Mapping[str, Vector]) -> None:
        await asyncio.gather(*(table.reach(stored.get(name, {})) for name, table in tables.items()))
