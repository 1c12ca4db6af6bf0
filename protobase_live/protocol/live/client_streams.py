"""The streams and views of a client: what each of them has heard, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.client_events import Delivered, Differed, Opened
from protobase_live.protocol.live.client_opened import ClientOpened
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.live.limits import WelcomeLimits
from protobase_live.protocol.live.server_messages import ChangeForm, Difference, RowChangeForm
from protobase_live.protocol.live.stream_messages import More, Subscribe, Watch


class ClientStream:
    """A change stream, which holds no more than ``credit`` changes that were not consumed."""

    def __init__(
        self, id: int, collection: str, since: str | None, credit: int, opened: ClientOpened
    ) -> None:
        self.id = id
        self.opened = False
        """Whether the server has opened it, on whichever connection."""
        self.live = False
        """Whether the server has opened it on this connection."""
        self.collection = collection
        self.cursor = since
        """Behind the last change that has come."""
        self._opened = opened
        self._credit = credit
        self._most_held = credit
        self._granted = 0  # changes the server may still send
        self._held = 0  # changes delivered and not yet consumed

    def request(self, limits: WelcomeLimits) -> Subscribe:
        """What opens it on a connection with these limits, after the last change it has."""
        self._most_held = min(self._credit, limits.credit)
        self._granted = max(0, self._most_held - self._held)
        structures = self._opened.of(self.collection)
        return Subscribe(self.id, self.collection, self.cursor, self._granted, structures)

    def answered(self, value: Any) -> Opened | None:
        """The server has opened it. Raises ProtocolError."""
        cursor = Fields({"type": "result", "value": value}).part("value").text("cursor")
        first = not self.opened
        self.cursor, self.opened, self.live = cursor, True, True
        return Opened(self.id, cursor) if first else None

    def delivered(self, changes: Sequence[ChangeForm]) -> Delivered | None:
        """The server sent changes. Raises ProtocolError if they are more than it was granted."""
        if not changes:
            return None
        if len(changes) > self._granted:
            raise ProtocolError(f"{len(changes)} changes where {self._granted} were granted")
        self._granted -= len(changes)
        self._held += len(changes)
        self.cursor = changes[-1]["cursor"]
        return Delivered(self.id, changes)

    def consumed(self, count: int) -> None:
        """``count`` changes were used."""
        self._held -= count

    def grant(self) -> More | None:
        """Credit, when there is room for it, in large pieces: half of what it may hold at least."""
        room = self._most_held - self._held - self._granted
        if not self.live or room <= 0 or room * 2 < self._most_held:
            return None
        self._granted += room
        return More(self.id, room)

    def lost(self) -> None:
        """It is not open any more: the connection is lost, or the server ended it."""
        self.live, self._granted = False, 0


class ClientView:
    """A view of a query's rows: a difference counts when all its parts have come."""

    collection = None
    """Its cursor names the collections."""

    def __init__(self, id: int, query: Any, since: str | None) -> None:
        self.id = id
        self.opened = False
        """Whether the server has opened it, on whichever connection."""
        self.live = False
        """Whether the server has opened it on this connection."""
        self.cursor = since
        """Behind the last whole difference."""
        self._query = query
        self._most = 0
        self._parts: list[RowChangeForm] = []

    def request(self, limits: WelcomeLimits) -> Watch:
        """What opens it on a connection with these limits, after the last whole difference it has."""
        self._most = limits.difference
        return Watch(self.id, self._query, self.cursor)

    def answered(self, value: Any) -> None:
        """The server has opened it."""
        self.opened = self.live = True

    def differed(self, part: Difference) -> Differed | None:
        """The server sent a part; the whole, once all are there. Raises ProtocolError if it is too large."""
        self._parts.extend(part.changes)
        if len(self._parts) > self._most:
            raise ProtocolError(f"a difference of more than {self._most} changes (difference)")
        if part.more:
            return None
        whole, self._parts = self._parts, []
        self.cursor = part.cursor
        return Differed(self.id, part.cursor, part.reset, whole)

    def lost(self) -> None:
        """It is not open any more: the connection is lost, or the server ended it."""
        self.live = False
        self._parts.clear()
