"""Presence: who is in a collection right now. Nothing of it is stored.

It is y-awareness (:mod:`protobase_live.protocol.yjs.awareness`), one table a collection, whichever door its
clients came through. What changes is collected, and each tick every member of the collection is given one
payload with all of it, the same bytes for all: n clients that move cost n deliveries a tick, not n².
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from protobase_actors import Clock, Timer
from protobase_live.errors import Closed, LimitExceeded, ProtoBaseError, ProtocolError, ValidationError
from protobase_live.model.names import check_collection
from protobase_live.protocol.yjs.awareness import decode_entries
from protobase_live.protocol.yjs.awareness_table import (
    MAX_CLIENTS,
    MAX_CLIENTS_PER_OWNER,
    MAX_TABLE_BYTES,
    Awareness,
    SharedBytes,
)

Listener = Callable[[bytes], None]
"""Is given an awareness payload to deliver; must neither wait nor raise."""


@dataclass(frozen=True, slots=True)
class PresenceLimits:
    """The limits of presence beside those of the awareness format; the comment says what happens.

    What a Yjs client says beyond them is left out, and nobody is told: its document goes on.
    """

    clients: int = MAX_CLIENTS  # clients present in a collection: LimitExceeded
    clients_per_member: int = MAX_CLIENTS_PER_OWNER  # clients of one connection: LimitExceeded
    collection_bytes: int = MAX_TABLE_BYTES  # states in one collection, as JSON: LimitExceeded
    all_bytes: int = 64 * 1024 * 1024  # states in all collections: LimitExceeded
    members: int = 10_000  # connections that hear of one collection: LimitExceeded
    tick_clients: int = 1024  # clients in one payload; the others follow in the next tick
    renew_seconds: float = 15.0  # stock clients forget a state that is not renewed within 30 seconds


class PresenceHub:
    """The presence of all collections of a database."""

    def __init__(
        self, clock: Clock, tick_seconds: float = 0.05, limits: PresenceLimits | None = None
    ) -> None:
        """A change is told at most ``tick_seconds`` after it happened."""
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits or PresenceLimits()
        self._bytes = SharedBytes(self._limits.all_bytes)
        self._rooms: dict[str, _Room] = {}

    def join(self, collection: str, listener: Listener) -> tuple[Membership, bytes]:
        """Hear of a collection's presence from now on; also gives what is known so far.

        Raises InvalidName and LimitExceeded.
        """
        check_collection(collection)
        room = self._rooms.get(collection)
        if room is None:
            room = _Room(
                self._clock,
                self._tick_seconds,
                self._limits,
                self._bytes,
                lambda: self._rooms.pop(collection),
            )
        membership = room.join(listener)
        self._rooms[collection] = room
        return membership, membership.known()


class Membership:
    """One connection in the presence of one collection, with the clients that it speaks for."""

    def __init__(self, room: _Room) -> None:
        self._room = room

    def known(self) -> bytes:
        """An awareness payload of everybody else who is or lately was there."""
        return self._room.known(self)

    def states(self) -> dict[int, Any]:
        """The states of everybody who is there, by client id."""
        return self._room.states()

    def apply(self, payload: bytes) -> None:
        """Take in what can be used of an awareness payload of a Yjs client. Raises Closed."""
        self._room.require(self)
        self._room.apply(payload, self)

    def introduce(self, payload: bytes) -> None:
        """`apply` the first payload of a Yjs client, which says who it is. Raises Closed."""
        self._room.require(self)
        self._room.introduce(payload, self)

    def welcome(self) -> bytes:
        """As `known`, for a Yjs client that has come and may have heard all of it before."""
        return self._room.welcome(self)

    def set(self, client_id: int, state: Any) -> None:
        """Say who a client is, with anything that JSON can say; None takes it out.

        Raises ValidationError, LimitExceeded, Closed.
        """
        self._room.require(self)
        self._room.set(client_id, state, self)

    def leave(self) -> None:
        """Announce that the clients of this connection are gone, and hear no more."""
        self._room.leave(self)


class _Room:
    """The presence of one collection, as long as it has members."""

    def __init__(
        self,
        clock: Clock,
        tick_seconds: float,
        limits: PresenceLimits,
        shared: SharedBytes,
        on_empty: Callable[[], object],
    ) -> None:
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits
        self._on_empty = on_empty
        self._table = Awareness(
            max_clients=limits.clients,
            max_clients_per_owner=limits.clients_per_member,
            max_bytes=limits.collection_bytes,
            shared=shared,
        )
        self._members: dict[Membership, Listener] = {}
        self._set: dict[int, tuple[str, Membership]] = {}  # clients that do not renew their state themselves
        self._changed: dict[int, None] = {}  # in the order they changed first
        self._tick_timer: Timer | None = None
        self._renew_timer: Timer | None = None

    def join(self, listener: Listener) -> Membership:
        if len(self._members) >= self._limits.members:
            raise LimitExceeded(
                f"presence of a collection has at most {self._limits.members} members (members)"
            )
        membership = Membership(self)
        self._members[membership] = listener
        return membership

    def require(self, membership: Membership) -> None:
        if membership not in self._members:
            raise Closed("this presence was left; join again")

    def known(self, member: Membership) -> bytes:
        return self._table.known(member)

    def welcome(self, member: Membership) -> bytes:
        return self._table.welcome(member)

    def states(self) -> dict[int, Any]:
        return {client: json.loads(text) for client, text in self._table.states.items()}

    def apply(self, payload: bytes, owner: Membership) -> None:
        self._changed_by(owner, self._table.apply(payload, owner))

    def introduce(self, payload: bytes, owner: Membership) -> None:
        self._changed_by(owner, self._table.apply(payload, owner, first=True))

    def _changed_by(self, owner: Membership, changed: list[int]) -> None:
        for client in changed:
            self._set.pop(client, None)
        self._announce(changed)
        if behind := self._table.behind(changed):
            self._members[owner](self._table.recall(behind))

    def set(self, client: int, state: Any, owner: Membership) -> None:
        text = _json_text(client, state)
        self._say(client, text, owner)
        if text is None:
            self._set.pop(client, None)
            return
        self._set[client] = text, owner
        if self._renew_timer is None:
            self._renew_timer = self._clock.call_later(self._limits.renew_seconds, self._renew)

    def leave(self, membership: Membership) -> None:
        if self._members.pop(membership, None) is None:
            return
        gone = self._table.remove_owner(membership)
        for client in gone:
            self._set.pop(client, None)
        self._announce(gone)
        if not self._members:
            self._stop()

    def _say(self, client: int, text: str | None, owner: Membership) -> None:
        try:
            changed = self._table.put(client, text, owner)
        except ProtocolError as error:
            raise ValidationError(str(error)) from error
        if changed:
            self._announce([client])

    def _announce(self, clients: Iterable[int]) -> None:
        self._changed.update(dict.fromkeys(clients))
        if self._changed and self._tick_timer is None:
            self._tick_timer = self._clock.call_later(self._tick_seconds, self._tick)

    def _tick(self) -> None:
        self._tick_timer = None
        clients = list(self._changed)[: self._limits.tick_clients]
        for client in clients:
            del self._changed[client]
        self._announce(())
        payload = self._table.encode(clients)
        for listener in list(self._members.values()):
            listener(payload)

    def _renew(self) -> None:
        self._renew_timer = None
        for client, (text, owner) in self._set.items():
            with suppress(ProtoBaseError):  # it is not renewed, the others are
                self._say(client, text, owner)
        if self._set:
            self._renew_timer = self._clock.call_later(self._limits.renew_seconds, self._renew)

    def _stop(self) -> None:
        for timer in (self._tick_timer, self._renew_timer):
            if timer is not None:
                timer.cancel()
        self._on_empty()


def states_of(payload: bytes) -> dict[int, Any]:
    """The states that an awareness payload tells, by client id; None for a client that is gone."""
    return {client: None if text is None else json.loads(text) for client, _, text in decode_entries(payload)}


def _json_text(client: int, state: Any) -> str | None:
    if state is None:
        return None
    try:
        text = json.dumps(state, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(f"presence of client {client} has to be what JSON can say: {error}") from error
    return text
