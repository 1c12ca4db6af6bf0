"""Presence in the program that holds the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from protobase_live.errors import Closed
from protobase_live.handles.presence import Fail, Hear
from protobase_live.presence.hub import PresenceHub, states_of
from protobase_live.presence.room import Membership


class Use(Protocol):
    """The use of the database."""

    def require(self) -> None:
        """Raise where the database cannot be used, or no more."""
        ...

    def when_ended(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have ``tell`` called when it is closed, unless what is returned was called before."""
        ...


class EmbeddedPresenceLine:
    """The line within one process."""

    def __init__(self, hub: PresenceHub, collection: str, use: Use) -> None:
        self._hub = hub
        self._collection = collection
        self._use = use
        self._membership: Membership | None = None
        self._stop: Callable[[], None] = lambda: None

    async def join(self, client: int, hear: Hear, fail: Fail) -> None:
        """Raises InvalidName, LimitExceeded and Closed."""
        self._use.require()
        self._membership, _ = self._hub.join(
            self._collection, lambda payload: hear(states_of(payload), False)
        )
        self._stop = self._use.when_ended(lambda: fail(Closed("the database is closed")))
        hear(self._membership.states(), True)

    async def say(self, client: int, state: Any) -> None:
        """Raises ValidationError, LimitExceeded and Closed."""
        self._use.require()
        if self._membership is not None:
            self._membership.set(client, state)

    async def leave(self, client: int) -> None:
        """Harmless when it was left."""
        self._stop()
        if self._membership is not None:
            self._membership.leave()
