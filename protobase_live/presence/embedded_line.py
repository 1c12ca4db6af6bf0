"""Presence in the program that holds the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protobase_live.handles.presence import Hear
from protobase_live.presence.hub import PresenceHub, states_of
from protobase_live.presence.room import Membership


class EmbeddedPresenceLine:
    """The line within one process."""

    def __init__(
        self, hub: PresenceHub, collection: str, require_open: Callable[[], None] = lambda: None
    ) -> None:
        """``require_open`` raises where the database cannot be used, or no more."""
        self._hub = hub
        self._collection = collection
        self._require_open = require_open
        self._membership: Membership | None = None

    async def join(self, hear: Hear) -> None:
        """Raises InvalidName, LimitExceeded and Closed."""
        self._require_open()
        self._membership, _ = self._hub.join(
            self._collection, lambda payload: hear(states_of(payload), False)
        )
        hear(self._membership.states(), True)

    async def say(self, client: int, state: Any) -> None:
        """Raises ValidationError, LimitExceeded and Closed."""
        self._require_open()
        if self._membership is not None:
            self._membership.set(client, state)

    async def leave(self, client: int) -> None:
        """Harmless when it was left."""
        if self._membership is not None:
            self._membership.leave()
