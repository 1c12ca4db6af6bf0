"""Presence over the wire."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from protobase_live.client.link import Link
from protobase_live.errors import ProtoBaseError
from protobase_live.handles.presence import Fail, Hear
from protobase_live.protocol.live.client_events import PresenceChanged


class PresenceTables:
    """What the server told of each collection's presence, for all that listen to it here: each a copy of it,
    for a program may change what it is given."""

    def __init__(self) -> None:
        self._states: dict[str, dict[int, Any]] = {}
        self._listeners: dict[str, list[tuple[Hear, Fail]]] = {}

    def listen(self, collection: str, hear: Hear, fail: Fail) -> Callable[[], None]:
        """Begin to hear, at once of what is known; call what is returned to hear no more."""
        listeners = self._listeners.setdefault(collection, [])
        listeners.append((hear, fail))
        hear(deepcopy(self._states.setdefault(collection, {})), True)

        def stop() -> None:
            listeners.remove((hear, fail))
            if not listeners:
                self._listeners.pop(collection, None)
                self._states.pop(collection, None)

        return stop

    def changed(self, event: PresenceChanged) -> None:
        """Tell everybody who listens."""
        states = self._states.get(event.collection)
        if states is None:
            return
        if event.complete:
            states.clear()
        for client, state in event.states.items():
            if state is None:
                states.pop(client, None)
            else:
                states[client] = state
        for hear, _ in list(self._listeners.get(event.collection, ())):
            hear(deepcopy(event.states), event.complete)

    def ended(self, error: ProtoBaseError) -> None:
        """Tell everybody that nothing more comes, and why."""
        for _, fail in [each for listeners in self._listeners.values() for each in listeners]:
            fail(error)


class RemotePresenceLine:
    """The line of a `Presence` to a server."""

    def __init__(self, link: Link, tables: PresenceTables, collection: str) -> None:
        self._link = link
        self._tables = tables
        self._collection = collection
        self._stop: Callable[[], None] | None = None

    async def join(self, client: int, hear: Hear, fail: Fail) -> None:
        """Raises Closed."""
        self._link.join_presence(self._collection, client)
        self._stop = self._tables.listen(self._collection, hear, fail)

    async def say(self, client: int, state: Any) -> None:
        """Raises ValidationError, LimitExceeded, Overloaded, Closed."""
        await self._link.call(lambda session: session.set_presence(self._collection, client, state))

    async def leave(self, client: int) -> None:
        """Harmless when it was left."""
        if self._stop is not None:
            self._stop()
            self._link.leave_presence(self._collection, client)
