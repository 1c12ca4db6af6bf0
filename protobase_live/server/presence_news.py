"""What the live door tells its clients of presence: states instead of awareness payloads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protobase_live.presence.hub import states_of
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.server_session import ServerSession


class News:
    """States of a collection's clients, None for one that is gone; each encoding's frame is made once."""

    def __init__(self, states: Mapping[int, Any], complete: bool) -> None:
        self._states = states
        self._complete = complete
        self._frames: dict[str, Frame] = {}

    def then(self, later: News) -> News:
        """Both as one: what holds after ``later``."""
        if later._complete:
            return later
        return News({**self._states, **later._states}, self._complete)

    def frame(self, collection: str, session: ServerSession) -> Frame:
        """The frame that tells it; for the one collection that the news are of."""
        frame = self._frames.get(session.subprotocol)
        if frame is None:
            frame = session.presence(collection, self._states, self._complete)
            self._frames[session.subprotocol] = frame
        return frame


class PresenceNews:
    """Reads a tick's payload once for all connections, which are told of it one after the other."""

    def __init__(self) -> None:
        self._payload: bytes | None = None
        self._news = News({}, False)

    def of(self, payload: bytes, *, complete: bool = False) -> News:
        """The news in an awareness payload; ``complete``: nobody else is there."""
        if complete:
            return News(states_of(payload), True)
        if payload is not self._payload:
            self._payload, self._news = payload, News(states_of(payload), False)
        return self._news
