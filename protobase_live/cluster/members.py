"""Which nodes use the same storage at the moment, as far as they hear each other.

Each says so of itself, over and over, under a topic that is no collection that anybody can enter. Any of it
may be lost: who has said nothing for a while counts as gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protobase_actors import Clock, Timer
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.placement import check_address
from protobase_live.errors import ProtoBaseError
from protobase_live.model.names import RESERVED_PREFIX, check_node
from protobase_live.model.node_status import MemberStatus
from protobase_live.protocol.packing import as_number, as_text, pack, unpack
from protobase_storage import Channel

TOPIC = f"{RESERVED_PREFIX}nodes"

SIGNS = 4
"""How often a node says that it is there until the others take it for gone."""

ANSWER_SECONDS = 0.1
"""How long after a new node was heard this one says that it is there; so it answers many new ones at once."""

WORD_BYTES = 4096
"""Longest that one says of itself; what is longer is not understood."""


class Members:
    """The other nodes. ``own`` is this one; `seat` is what no other has at the time."""

    def __init__(
        self, seat: str, own: MemberStatus, channel: Channel, limits: ClusterLimits, clock: Clock
    ) -> None:
        self.own = own
        self._seat = seat
        self._channel = channel
        self._limits = limits
        self._clock = clock
        self._others: dict[str, MemberStatus] = {}
        self._gone: dict[str, Timer] = {}
        """When each is taken for gone."""
        self._is_closed = False
        self._is_answering = False
        channel.listen(TOPIC, self._hear)
        channel.when_again(self._answer)
        self._timer = self._later(0.0)

    @property
    def everyone(self) -> list[MemberStatus]:
        """They, and this one."""
        return [self.own, *self._others.values()]

    @property
    def others(self) -> list[MemberStatus]:
        """Those that are there, by the ids that they have."""
        return sorted(self._others.values(), key=lambda each: (each.node, each.address))

    def advertise(self, address: str) -> None:
        """Say where clients find this node; empty: that they do not any more."""
        if self._is_closed or address == self.own.address:
            return
        self.own = replace(self.own, address=address)
        self._say(is_there=True)

    def close(self) -> None:
        """Say that this one goes, and nothing more."""
        self._is_closed = True
        self._say(is_there=False)
        self._channel.unlisten(TOPIC)
        for each in (self._timer, *self._gone.values()):
            each.cancel()

    def _later(self, seconds: float) -> Timer:
        return self._clock.call_later(seconds, self._say_again)

    def _say_again(self) -> None:
        self._is_answering = False
        self._say(is_there=True)
        self._timer = self._later(self._limits.node_seconds / SIGNS)

    def _say(self, *, is_there: bool) -> None:
        word = [self._seat, self.own.node, self.own.address, int(is_there)]
        self._channel.say(TOPIC, pack(word))

    def _answer(self) -> None:
        """Somebody may not know that this one is there."""
        if not self._is_closed and not self._is_answering:
            self._is_answering = True
            self._timer.cancel()
            self._timer = self._later(ANSWER_SECONDS)

    def _hear(self, data: bytes) -> None:
        if len(data) > WORD_BYTES or (word := _read(data)) is None:
            return  # somebody speaks otherwise, and is not understood
        seat, member, is_there = word
        if seat == self._seat or self._is_closed:
            return
        if not is_there:
            self._lose(seat)
        elif seat in self._others or len(self._others) + 1 < self._limits.nodes:
            self._meet(seat, member)

    def _meet(self, seat: str, member: MemberStatus) -> None:
        if seat not in self._others:
            self._answer()
        self._others[seat] = member
        if timer := self._gone.pop(seat, None):
            timer.cancel()
        self._gone[seat] = self._clock.call_later(self._limits.node_seconds, self._loses(seat))

    def _loses(self, seat: str) -> Callable[[], None]:
        return lambda: self._lose(seat)

    def _lose(self, seat: str) -> None:
        self._others.pop(seat, None)
        if timer := self._gone.pop(seat, None):
            timer.cancel()


def _read(data: bytes) -> tuple[str, MemberStatus, bool] | None:
    try:
        seat, node, address, is_there = unpack(data)
        member = MemberStatus(check_node(node), check_address(as_text(address)))
        return as_text(seat), member, bool(as_number(is_there))
    except (ProtoBaseError, ValueError, TypeError):
        return None
