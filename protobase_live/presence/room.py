"""The presence of one collection at this node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from protobase_actors import Clock, Timer
from protobase_live.errors import Closed, LimitExceeded, ProtoBaseError, ProtocolError, ValidationError
from protobase_live.model.arguments import state_text
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.people import Told
from protobase_live.protocol.yjs.awareness import Entry
from protobase_live.protocol.yjs.awareness_table import Awareness, SharedBytes

Listener = Callable[[bytes], None]
"""Is given an awareness payload to deliver; must neither wait nor raise."""

Elsewhere = Callable[[int], Told | None]
"""What the other nodes say of a client, the newest of it."""


class Membership:
    """One connection in the presence of one collection, with the clients that it speaks for."""

    def __init__(self, room: Room) -> None:
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


class Room:
    """The presence of one collection, as long as it has members."""

    def __init__(
        self,
        clock: Clock,
        tick_seconds: float,
        limits: PresenceLimits,
        shared: SharedBytes,
        *,
        elsewhere: Elsewhere,
        on_change: Callable[[Iterable[int]], object],
        on_empty: Callable[[], object],
    ) -> None:
        """``on_change`` is told whose states, or clocks, changed, whether of this node or of another."""
        self._clock = clock
        self._tick_seconds = tick_seconds
        self._limits = limits
        self._elsewhere = elsewhere
        self._on_change = on_change
        self._on_empty = on_empty
        self._table = Awareness(
            max_clients=limits.clients,
            max_clients_per_owner=limits.clients_per_member,
            max_bytes=limits.collection_bytes,
            shared=shared,
        )
        self._members: dict[Membership, Listener] = {}
        self._set: dict[int, tuple[str, Membership]] = {}  # clients that do not renew their state themselves
        self._shown: dict[int, Entry] = {}  # what other nodes said of clients, as they said it
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
        payload = self._table.welcome(member)
        self._on_change(self._table.led)
        return payload

    def states(self) -> dict[int, Any]:
        return {client: json.loads(text) for client, text in self._table.states.items()}

    def here(self, client: int) -> Entry | None:
        """What a client of this node says of itself; None if it is not here."""
        return self._table.entry(client) if self._table.owner(client) in self._members else None

    def ahead(self, client: int) -> int | None:
        """The clock that was told here of a client, if it is above what the client counts."""
        said, newest = self.here(client) or self._shown.get(client), self._table.newest(client)
        return newest if said and newest > said.clock else None

    def lead(self, told: Iterable[tuple[int, int]]) -> None:
        """Another node told these clocks of clients: of those of this node the next state has to be above
        them, and so has what is told of them anywhere."""
        self._on_change(
            [
                client
                for client, clock in told
                if self._table.speaker(client) in self._members and self._table.lead(client, clock)
            ]
        )

    @property
    def clients(self) -> list[int]:
        """Everybody who is there, at whatever node."""
        return list(self._table.states)

    def apply(self, payload: bytes, owner: Membership) -> None:
        self._changed_by(owner, self._table.apply(payload, owner))

    def introduce(self, payload: bytes, owner: Membership) -> None:
        self._changed_by(owner, self._table.apply(payload, owner, first=True))

    def _changed_by(self, owner: Membership, changed: list[int]) -> None:
        for client in changed:
            self._set.pop(client, None)
            self._shown.pop(client, None)
        self._announce(changed)
        if behind := self._table.behind(changed):
            self._members[owner](self._table.recall(behind))

    def set(self, client: int, state: Any, owner: Membership) -> None:
        text = state_text(client, state)
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
        if self._members:
            self.hear(gone)
        else:
            self._stop()

    def hear(self, clients: Iterable[int], *, again: bool = False) -> None:
        """Look again at what the other nodes say of these clients. ``again``: they did not say it just now,
        so who is here may have heard it where it was before."""
        self._announce(self.look(clients, again=again))

    def look(self, clients: Iterable[int], *, again: bool = False) -> list[int]:
        """As `hear`, for a room that nobody has joined yet; gives those that are shown otherwise now."""
        return [client for client in clients if self._look(client, again)]

    def _look(self, client: int, again: bool) -> bool:
        told = self._elsewhere(client)
        with suppress(LimitExceeded):  # it is left out, the others are not
            return self._withdraw(client) if told is None else self._show(told, again)
        return False

    def _show(self, told: Told, again: bool) -> bool:
        """Show what a node says of a client of its own, and return whether that changes anything."""
        changes = self._show_state(told, again)
        if self._table.speaker(told.entry.client_id) == told.node:
            self._table.lead(told.entry.client_id, told.newest)
        return changes

    def _show_state(self, told: Told, again: bool) -> bool:
        node, entry, newest = told
        client = entry.client_id
        owner = self._table.owner(client)
        if self._shown.get(client) is entry and owner == node:
            return False
        here = owner in self._members or self._table.speaker(client) in self._members
        if owner is None or not here:
            self._table.relay(entry, node, newest + 1 if again and owner is None else 0)
        elif not self._table.overtake(entry, node):
            return False
        self._shown[client] = entry
        return True

    def _withdraw(self, client: int) -> bool:
        """No other node speaks for a client any more; return whether that changes anything."""
        if self._shown.pop(client, None) is None:
            return False
        if self._table.speaker(client) in self._members:
            self._table.hand_over(client)
            return True
        self._table.remove(client)
        text, owner = self._set.get(client, (None, None))
        if owner in self._members:
            self._put(client, text, owner)
        return True

    def _say(self, client: int, text: str | None, owner: Membership) -> None:
        try:
            changed = self._put(client, text, owner)
        except ProtocolError as error:
            raise ValidationError(str(error)) from error
        if changed:
            self._shown.pop(client, None)
            self._announce([client])

    def _put(self, client: int, text: str | None, owner: Membership) -> bool:
        """Count for a client, from the time on: what it says last has the highest clock, at whatever node."""
        return self._table.put(client, text, owner, int(self._clock.time() * 1000))

    def _announce(self, clients: Iterable[int]) -> None:
        clients = list(clients)
        self._on_change(clients)
        self._changed.update(dict.fromkeys(clients))
        if self._changed and self._tick_timer is None:
            # Each tick costs one send for each member: many members are told more at once, less often.
            seconds = max(self._tick_seconds, len(self._members) / self._limits.deliveries)
            self._tick_timer = self._clock.call_later(seconds, self._tick)

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
        self._set = {client: said for client, said in self._set.items() if said[1] in self._members}
        for client, (text, owner) in self._set.items():
            if client not in self._shown:  # else it speaks elsewhere
                with suppress(ProtoBaseError):  # it is not renewed, the others are
                    self._say(client, text, owner)
        if self._set:
            self._renew_timer = self._clock.call_later(self._limits.renew_seconds, self._renew)

    def _stop(self) -> None:
        for timer in (self._tick_timer, self._renew_timer):
            if timer is not None:
                timer.cancel()
        self._on_empty()
