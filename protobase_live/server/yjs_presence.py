"""Presence as one Yjs client takes part in it. Whatever it says here, its document goes on."""

from __future__ import annotations

from functools import lru_cache

from protobase_actors import Clock, Timer
from protobase_live.errors import LimitExceeded
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.room import Membership
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import encode_entries
from protobase_live.server.limits import ServerLimits
from protobase_live.server.wire import Line

NOBODY = encode_entries([])
"""The presence of an empty room."""

LIFE_SIGN = yjs.encode_awareness(NOBODY)
"""A message that every stock client reads and none does anything with."""


@lru_cache(maxsize=1)
def _message(collection: str, payload: bytes) -> SharedMessage:
    """A tick's payload is given to all readers of a collection, one after the other: they share this.

    Not with another collection where the same is said, for its encodings may name the collection.
    """
    return SharedMessage(yjs.encode_awareness(payload))


class YjsPresence:
    """A Yjs client's presence in one collection.

    It is told who is there once it has said who it is: a client that heard of itself before, from a
    connection that it has lost, would take its own older state for the newer one.
    """

    def __init__(
        self, hub: PresenceHub, collection: str, line: Line, clock: Clock, limits: ServerLimits
    ) -> None:
        self._collection = collection
        self._line = line
        self._missed = False
        self._waiting: Timer | None = None
        self._clock = clock
        self._answer_seconds = limits.presence_answer_seconds
        self._is_asked = False
        self._answered: Timer | None = None
        self._membership: Membership | None = None
        try:
            self._membership, _ = hub.join(collection, self._show)
        except LimitExceeded:
            return  # too many are there; the document does not need it
        self._waiting = clock.call_later(limits.introduction_seconds, self._welcome)

    def apply(self, payload: bytes) -> None:
        """What the client says of itself and others."""
        if self._membership is None:
            return
        if self._waiting is None:
            self._membership.apply(payload)
        else:
            self._membership.introduce(payload)
            self._welcome()

    def answer(self) -> None:
        """The client asks who is there. A question is a few bytes, and its answer can be long: many of them
        have one."""
        self._is_asked = True
        if self._answered is None:
            self._answer()

    def _answer(self) -> None:
        self._answered = None
        if self._is_asked:
            self._is_asked = False
            self._answered = self._clock.call_later(self._answer_seconds, self._answer)
            self._show_all()

    def _show_all(self) -> None:
        if self._waiting is not None:
            self._welcome()
        elif self._line.crowded:
            self._missed = True
        elif self._membership is not None:
            self._send(self._membership.known())

    def can_write(self) -> None:
        """The client has read what was sent."""
        if self._missed:
            self._missed = False
            self._show_all()

    def leave(self) -> None:
        """The client is gone."""
        for timer in (self._waiting, self._answered):
            if timer is not None:
                timer.cancel()
        if self._membership is not None:
            self._membership.leave()

    def _welcome(self) -> None:
        assert self._membership is not None
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._send(self._membership.welcome())

    def _show(self, payload: bytes) -> None:
        if self._waiting is None:  # else it is told everything soon
            self._send(payload)

    def _send(self, payload: bytes) -> None:
        if payload == NOBODY:
            return
        if self._line.crowded:
            self._missed = True
        else:
            self._line.show(_message(self._collection, payload))
