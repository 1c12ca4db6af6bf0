"""Whom a client speaks for in which collections, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from protobase_live.protocol.live.client_messages import Join, Request, SetPresence


@dataclass(slots=True)
class _Presence:
    states: dict[int, Any] = field(default_factory=dict[int, Any])
    """Of those who have joined and not left; None for one who is there unseen."""
    is_refused: bool = False
    """Whether the server did not let the client join it."""

    def requests(self, collection: str, next_id: Callable[[], int]) -> Iterator[Join | SetPresence]:
        """What announces it."""
        self.is_refused = False
        yield Join(next_id(), collection)
        for client, state in self.states.items():
            if state is not None:
                yield SetPresence(next_id(), collection, client, state)


class ClientPresences:
    """Those of one session, by collection."""

    def __init__(self) -> None:
        self._presences: dict[str, _Presence] = {}

    def __contains__(self, collection: object) -> bool:
        return collection in self._presences

    def join(self, collection: str, client: int) -> bool:
        """Take ``client`` in; answers whether it is the first one."""
        states = self._presences.setdefault(collection, _Presence()).states
        states[client] = None
        return len(states) == 1

    def leave(self, collection: str, client: int) -> bool:
        """Take ``client`` out; answers whether it was the last one."""
        states = self._presences[collection].states
        states.pop(client, None)
        if states:
            return False
        del self._presences[collection]
        return True

    def said(self, request: SetPresence) -> None:
        """The server was told, or the next one will be, unless the client has left meanwhile."""
        presence = self._presences.get(request.collection)
        if presence is not None and request.client in presence.states:
            presence.states[request.client] = request.state

    def requests(self, next_id: Callable[[], int]) -> Iterator[Join | SetPresence]:
        """What announces all of them on a new connection."""
        for collection, presence in self._presences.items():
            yield from presence.requests(collection, next_id)

    def refused(self, request: Request) -> None:
        """The server has answered a request with an error."""
        if isinstance(request, Join) and (presence := self._presences.get(request.collection)):
            presence.is_refused = True

    def again(self, collection: str, next_id: Callable[[], int]) -> Iterator[Join | SetPresence]:
        """What announces a collection whose join was refused: it may be permitted by now."""
        presence = self._presences.get(collection)
        if presence is not None and presence.is_refused:
            yield from presence.requests(collection, next_id)

    def clear(self) -> None:
        """No connection follows."""
        self._presences.clear()
