"""What the client of a connection was acknowledged and shown at other servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from protobase_live.errors import Behind, Overloaded
from protobase_live.live.view_cursor import vectors_of
from protobase_live.model.cursor import Cursor
from protobase_live.protocol.live.client_messages import Seen as SeenRequest
from protobase_live.server.live_database import Database
from protobase_storage import Vector, join


class Seen:
    """Of each collection it is looked for until it was found here once: what is here stays here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: dict[str, str] = {}

    def take(self, request: SeenRequest) -> None:
        """From now on look for what the client names. Raises ValidationError for what is no cursor."""
        vectors: dict[str, Vector] = {}
        for name, cursors in request.cursors.items():
            for cursor in cursors:
                vectors[name] = join(vectors.get(name, {}), Cursor.decode(cursor).reach)
        for view in request.views:
            for name, vector in vectors_of(view).items():
                vectors[name] = join(vectors.get(name, {}), vector)
        self._wanted = {name: Cursor(vector).encode() for name, vector in vectors.items()}

    async def arrive(self, collections: Iterable[str]) -> None:
        """Wait until all that the client has seen of these is here; they are loaded at the same time, or one
        after the other where there is no room for that.

        Raises Behind, and what `Database.arrive` raises. What can never come is told once.
        """
        wanted = [(name, self._wanted[name]) for name in sorted(collections) if name in self._wanted]
        outcomes = await asyncio.gather(
            *(self._database.arrive(*each) for each in wanted), return_exceptions=True
        )
        for (name, cursor), outcome in zip(wanted, outcomes, strict=True):
            try:
                if isinstance(outcome, Overloaded):
                    await self._database.arrive(name, cursor)
                elif outcome is not None:
                    raise outcome
            except Behind as error:
                if not error.retryable:
                    self._forget(name, cursor)
                raise
            self._forget(name, cursor)

    def _forget(self, name: str, cursor: str) -> None:
        """Look for this no more, unless more was named meanwhile."""
        if self._wanted.get(name) == cursor:
            del self._wanted[name]
