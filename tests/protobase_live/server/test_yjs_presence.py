"""Presence between stock clients: seen at once, whatever they heard before; nobody's own is undone."""

from __future__ import annotations

from collections import deque
from random import Random

import pytest

from protobase_actors import ManualClock
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import Entry, encode_entries
from protobase_live.server.limits import ServerLimits
from protobase_live.server.yjs_presence import LIFE_SIGN, YjsPresence
from tests.support.stock_awareness import StockAwareness

TICK = 0.05
LIMITS = ServerLimits()


class Line:
    """A connection between one client and the server; what is under way is delivered a frame at a time."""

    def __init__(self, hub: PresenceHub, clock: ManualClock, client: StockAwareness) -> None:
        self.crowded = False
        self.client: StockAwareness | None = client
        self.up: deque[bytes] = deque()
        self.down: deque[bytes] = deque()
        self.presence = YjsPresence(hub, "room", self, clock, LIMITS)
        client.connect(self.up.append)

    def write(self, frame: bytes) -> None:
        self.down.append(frame)

    def show(self, shared: SharedMessage) -> None:
        self.write(shared.message)

    def carry_up(self) -> None:
        message = yjs.decode(self.up.popleft())
        assert isinstance(message, yjs.AwarenessUpdate)
        self.presence.apply(message.payload)

    def carry_down(self) -> None:
        frame = self.down.popleft()
        if self.client is not None:
            self.client.hear(frame)

    def cut(self) -> None:
        """The client notices that the connection is lost, the server does not; what is under way is lost."""
        assert self.client is not None
        self.client.disconnect()
        self.client = None
        self.up.clear()
        self.down.clear()


class Room:
    """Stock clients, a server's presence, and their connections."""

    def __init__(self, clients: int) -> None:
        self.clock = ManualClock()
        self.hub = PresenceHub(self.clock, TICK)
        self.clients = [StockAwareness(number) for number in range(clients)]
        self.lines: list[Line] = []

    def line(self, client: StockAwareness) -> Line | None:
        return next((line for line in self.lines if line.client is client), None)

    def connect(self, client: StockAwareness) -> Line:
        line = Line(self.hub, self.clock, client)
        self.lines.append(line)
        return line

    def lose(self, line: Line) -> None:
        """The server notices that the connection is lost."""
        if line.client is not None:
            line.cut()
        self.lines.remove(line)
        line.presence.leave()

    def restart(self) -> None:
        for line in list(self.lines):
            if line.client is not None:
                line.cut()
        self.lines.clear()
        self.hub = PresenceHub(self.clock, TICK)

    async def settle(self, ticks: int = 3) -> None:
        """Deliver everything, for so many ticks after it became quiet."""
        while ticks:
            busy = [line for line in self.lines if line.up or line.down]
            for line in busy:
                while line.up:
                    line.carry_up()
                while line.down:
                    line.carry_down()
            if not busy:
                ticks -= 1
                await self.clock.advance(TICK)

    def seen(self) -> dict[int, dict[int, object]]:
        return {client.id: dict(client.states) for client in self.clients if self.line(client)}

    def wanted(self) -> dict[int, dict[int, object]]:
        there = {c.id: c.state for c in self.clients if self.line(c) and c.state is not None}
        return {client.id: there for client in self.clients if self.line(client)}


async def meet(clients: int = 3) -> Room:
    room = Room(clients)
    for client in room.clients:
        client.set({"name": client.id})
        room.connect(client)
    await room.settle()
    assert room.seen() == room.wanted()
    return room


async def test_who_reconnects_sees_the_others_at_once_and_is_seen():
    room = await meet()
    room.lose(room.lines[0])
    await room.settle()
    room.connect(room.clients[0])
    await room.settle()
    assert room.seen() == room.wanted()


async def test_who_reconnects_before_the_old_connection_is_given_up():
    room = await meet()
    old = room.lines[0]
    old.cut()
    room.clients[0].set({"name": "changed while offline"})
    room.connect(room.clients[0])
    await room.settle()
    assert room.seen() == room.wanted()
    room.lose(old)
    await room.settle()
    assert room.seen() == room.wanted()


async def test_all_see_each_other_at_once_after_a_restart():
    room = await meet()
    room.restart()
    for client in room.clients:
        room.connect(client)
    await room.settle()
    assert room.seen() == room.wanted()


async def test_a_change_after_somebody_came_back_is_seen_by_all():
    room = await meet()
    for _ in range(3):
        room.lose(room.line(room.clients[0]))
        room.connect(room.clients[0])
        await room.settle()
    room.clients[1].set({"name": "changed"})
    await room.settle()
    assert room.seen() == room.wanted()


async def test_a_change_that_crosses_a_welcome_is_not_undone():
    room = await meet(2)
    ann, bob = room.clients
    room.lose(room.line(bob))
    await room.settle()
    ann.set({"name": "changed"})
    room.connect(bob)
    room.line(bob).carry_up()
    ann.set({"name": "changed again"})
    await room.settle()
    assert (ann.state, bob.states[ann.id]) == ({"name": "changed again"}, {"name": "changed again"})


async def test_who_shows_nothing_is_told_after_a_moment():
    room = await meet(2)
    quiet = StockAwareness(7)
    quiet.set(None)
    room.clients.append(quiet)
    line = room.connect(quiet)
    await room.clock.advance(LIMITS.introduction_seconds - 0.1)
    assert not line.down
    await room.clock.advance(0.2)
    await room.settle()
    assert room.seen() == room.wanted()


async def test_who_does_not_read_is_told_everything_later():
    room = await meet()
    line = room.line(room.clients[0])
    line.crowded = True
    room.clients[1].set({"name": "changed"})
    await room.settle()
    assert not line.down
    line.crowded = False
    line.presence.can_write()
    await room.settle()
    assert room.seen() == room.wanted()


async def test_who_asks_again_and_again_is_told_once_and_then_once_in_so_long():
    room = await meet()
    line = room.line(room.clients[0])
    for _ in range(1_000):
        line.presence.answer()
    assert len(line.down) == 1
    await room.clock.advance(LIMITS.presence_answer_seconds)
    assert len(line.down) == 2
    await room.clock.advance(2 * LIMITS.presence_answer_seconds)
    assert len(line.down) == 2, "it has asked nothing since"
    line.presence.answer()
    assert len(line.down) == 3, "and is told at once"


async def test_nothing_is_looked_up_for_who_asks_and_does_not_read(monkeypatch):
    room = await meet()
    line = room.line(room.clients[0])
    line.crowded = True
    monkeypatch.setattr(type(line.presence._membership), "known", None)
    line.presence.answer()
    monkeypatch.undo()
    line.crowded = False
    line.presence.can_write()
    assert len(line.down) == 1


async def test_who_is_gone_is_not_answered_any_more():
    room = await meet()
    line = room.line(room.clients[0])
    line.presence.answer()
    line.presence.answer()
    line.presence.leave()
    await room.clock.advance(LIMITS.presence_answer_seconds)
    assert len(line.down) == 1


async def test_a_tick_is_one_frame_for_all_readers():
    room = await meet()
    room.clients[0].set({"name": "moved"})
    room.line(room.clients[0]).carry_up()
    await room.clock.advance(TICK)
    frames = [line.down[-1] for line in room.lines]
    assert frames[0] is frames[1] is frames[2]


async def test_too_many_members_leave_the_document_alone():
    clock = ManualClock()
    hub = PresenceHub(clock, TICK, PresenceLimits(members=1))
    lines = [Line(hub, clock, StockAwareness(id)) for id in range(2)]
    lines[1].carry_up()
    lines[1].presence.answer()
    lines[1].presence.leave()
    lines[0].carry_up()


async def test_clocks_at_the_end_of_the_range_break_nothing():
    room = await meet(2)
    line = room.line(room.clients[1])
    for clock in (2**52, 2**52 + 1, 2**53 - 2, 2**53 - 1):
        line.presence.apply(encode_entries([Entry(99, clock, "{}")]))
    live, _ = room.hub.join("room", lambda payload: None)
    live.set(99, {"x": 1})
    live.set(11, {"honest": True})
    await room.settle()
    room.lose(line)
    await room.clock.advance(60)
    room.connect(room.clients[1])
    await room.settle()
    assert room.clients[0].states[11] == {"honest": True} == room.clients[1].states[11]
    assert room.clients[0].clocks[11] > 3, "it is renewed"


def test_the_life_sign_is_nothing_to_a_stock_client():
    client = StockAwareness(1)
    sent: list[bytes] = []
    client.connect(sent.append)
    sent.clear()
    client.hear(LIFE_SIGN)
    assert (client.states, sent) == ({1: {}}, [])


@pytest.mark.parametrize("seed", range(100))
async def test_stock_clients_agree_whatever_happens(seed: int):
    random = Random(seed)
    room = Room(random.randint(2, 4))
    said: dict[int, object] = {client.id: {} for client in room.clients}

    def change(client: StockAwareness, line: Line | None) -> None:
        hides = line is not None and random.random() < 0.1
        said[client.id] = None if hides else {"n": random.randrange(1000)}
        client.set(said[client.id])
        while hides and line.up:
            line.carry_up()

    for _ in range(random.randint(10, 120)):
        client = random.choice(room.clients)
        line = room.line(client)
        match random.randrange(10):
            case 0 if line is None:
                room.connect(client)
            case 1 if line is not None:
                room.lose(line)
            case 2 if line is not None:
                line.cut()
            case 3:
                change(client, line)
            case 4:
                await room.clock.advance(TICK)
            case 5 if random.random() < 0.2:
                room.restart()
            case _:
                busy = [line for line in room.lines if line.up or line.down]
                if busy:
                    line = random.choice(busy)
                    (
                        line.carry_up
                        if line.up and (not line.down or random.random() < 0.5)
                        else line.carry_down
                    )()
        assert {client.id: client.state for client in room.clients} == said, "nobody's own state is undone"
    for line in [line for line in room.lines if line.client is None]:
        room.lose(line)
    for client in room.clients:
        if room.line(client) is None and random.random() < 0.7:
            room.connect(client)
    await room.settle(2 + round(LIMITS.introduction_seconds / TICK))
    assert room.seen() == room.wanted()
    assert {client.id: client.state for client in room.clients} == said
