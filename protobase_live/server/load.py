"""What one connection carries: it is counted with what all others carry, and kept at its pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from websockets.frames import DATA_OPCODES, Frame, Opcode

from protobase_actors import Timer
from protobase_live.server.holdings import Holder
from protobase_live.server.pace import LEAST_WAIT_SECONDS
from protobase_live.server.traffic import Traffic


class Carrier(Holder, Protocol):
    """The connection."""

    transport: asyncio.Transport
    is_peer: bool
    """Whether it is another node's, which has limits of its own."""

    @property
    def unfinished(self) -> int:
        """Bytes of a message that is not whole."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes written and not yet taken by the network."""
        ...


class Load:
    """That of one connection. All counts are in bytes."""

    __slots__ = (
        "_carrier",
        "_go_on",
        "_is_held",
        "_most_unread_pongs",
        "_pace",
        "_slowed",
        "_unread_pongs",
        "is_told",
        "messages",
        "traffic",
        "untrusted_bytes",
        "waiting",
    )

    def __init__(
        self, traffic: Traffic, carrier: Carrier, go_on: Callable[[], None], unread_pongs: int
    ) -> None:
        """``go_on`` is called when it may be read again. With more than ``unread_pongs`` it is cut off."""
        self.traffic = traffic
        self.messages = 0
        """Those that came since `came` was called."""
        self.waiting = 0
        """Of messages that nobody has taken yet."""
        self.is_told = False
        """Whether it is told what happens, as Yjs clients are: then it can be told less."""
        self.untrusted_bytes: int | None = None
        """With more of a message that is not whole, a node is not read until it is trusted; None: it is."""
        self._is_held = False
        self._carrier = carrier
        self._pace = traffic.pace()
        self._go_on = go_on
        self._slowed: Timer | None = None
        self._most_unread_pongs = unread_pongs
        self._unread_pongs = 0

    @property
    def is_slowed(self) -> bool:
        """Whether nothing is read for now, because it came too fast, or is too much of who is not trusted."""
        return self._slowed is not None or self._is_held

    def came(self, size: int) -> bool:
        """So much was read; whether that is enough for now."""
        self.weigh_unfinished()
        self.traffic.unfinished.make_room()
        messages, self.messages = self.messages, 0
        if self.untrusted_bytes is not None:
            self._is_held = self._carrier.unfinished > self.untrusted_bytes
        if self._carrier.is_peer or self._slowed is not None:
            return self._is_held
        wait, limit = self._pace.take(messages, size, self.traffic.clock.monotonic())
        if wait < LEAST_WAIT_SECONDS:
            return False
        self.traffic.counters.limits.add(limit)
        self._slowed = self.traffic.clock.call_later(wait, self._read_on)
        return True

    def trust(self) -> None:
        """It has shown who it is."""
        self.untrusted_bytes, was_held, self._is_held = None, self._is_held, False
        if was_held:
            self._go_on()

    def give_on(self, frame: Frame, is_behind: bool) -> None:
        """The library is given a frame, by a client that reads nothing if it is behind."""
        if frame.opcode is Opcode.PING:
            self._count_ping(is_behind)
        elif frame.opcode in DATA_OPCODES:
            self.waiting += len(frame.data)

    def _count_ping(self, is_behind: bool) -> None:
        """The library answers every ping, also while nothing of that is read."""
        self._unread_pongs = self._unread_pongs + 1 if is_behind else 0
        if self._unread_pongs > self._most_unread_pongs:
            self._carrier.transport.abort()

    def taken(self, size: int, more: bool) -> None:
        """A message was taken; whether there are more."""
        self.waiting = max(0, self.waiting - size) if more else 0
        self.weigh_unfinished()

    def weigh_unfinished(self) -> None:
        """Count what came and was not taken."""
        self.traffic.unfinished.weigh(self._carrier, self._carrier.unfinished + self.waiting)

    def weigh_unread(self) -> None:
        """Count what the client has not read, of which there is some."""
        if self.is_told:
            self.traffic.backlog.weigh(self._carrier, self._carrier.backlog)
        else:
            self.traffic.answers.weigh(self._carrier, self._carrier.backlog)
            self.traffic.answers.make_room()

    def read(self) -> None:
        """The client has read all of it."""
        self.traffic.backlog.weigh(self._carrier, 0)
        self.traffic.answers.weigh(self._carrier, 0)

    def end(self) -> None:
        """The connection is closed."""
        self.read()
        self.traffic.unfinished.weigh(self._carrier, 0)
        if self._slowed is not None:
            self._slowed.cancel()

    def _read_on(self) -> None:
        self._slowed = None
        self._go_on()
