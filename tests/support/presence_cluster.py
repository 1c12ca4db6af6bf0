"""Nodes that share presence over links that can be cut, and stock Yjs clients that move between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from random import Random

from protobase_actors import ManualClock
from protobase_live.presence.hub import PresenceHub, states_of
from protobase_live.presence.limits import PresenceLimits
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.limits import ServerLimits
from protobase_live.server.yjs_presence import YjsPresence
from tests.support.stock_awareness import StockAwareness

TICK = 0.05
LINK_SECONDS = 0.02
ROOM = "room"


class Cable:
    """A link between two hubs: what is sent arrives in order and later, or the cable is cut."""

    def __init__(self, clock: ManualClock, one: PresenceHub, two: PresenceHub) -> None:
        self._clock = clock
        self._up = True
        self.sent: list[Mapping[str, bytes]] = []
        self.ends = [one.link("two", lambda told: self._carry(1, told))]
        self.ends.append(two.link("one", lambda told: self._carry(0, told)))

    def _carry(self, end: int, told: Mapping[str, bytes]) -> None:
        self.sent.append(told)
        if self._up:
            self._clock.call_later(LINK_SECONDS, lambda: self._up and self.ends[end].apply(told))

    def cut(self, *noticed: float) -> None:
        """Nothing arrives any more; the ends notice it after so many seconds, by default at once."""
        self._up = False
        for end, seconds in zip(self.ends, noticed or (0, 0), strict=True):
            self._clock.call_later(seconds, end.end) if seconds else end.end()


class Line:
    """A stock client's connection to a node."""

    def __init__(self, clock: ManualClock, hub: PresenceHub, client: StockAwareness) -> None:
        self.crowded = False
        self.open = True
        self._clock = clock
        self._client = client
        self._up: deque[bytes] = deque()
        self.presence = YjsPresence(hub, ROOM, self, clock, ServerLimits())
        client.connect(self._hear_client)

    def write(self, frame: bytes) -> None:
        self._clock.call_later(0.001, lambda: self.open and self._client.hear(frame))

    def show(self, shared: SharedMessage) -> None:
        self.write(shared.message)

    def _hear_client(self, frame: bytes) -> None:
        message = yjs.decode(frame)
        assert isinstance(message, yjs.AwarenessUpdate)
        self._clock.call_later(0.001, lambda: self.open and self.presence.apply(message.payload))

    def lose(self, noticed: float) -> None:
        """The client has gone; the node notices it after so many seconds."""
        self.open = False
        self._client.disconnect()
        self._clock.call_later(noticed, self.presence.leave)


class Person:
    """A program's client, which counts no clock of its own."""

    def __init__(self, hub: PresenceHub, client: int, state: object) -> None:
        self.heard: dict[int, object] = {}
        self.state = state
        self._client = client
        self._member, _ = hub.join(ROOM, lambda payload: self.heard.update(states_of(payload)))
        self.heard.update(self._member.states())
        self.set(state)

    def set(self, state: object) -> None:
        self.state = state
        self._member.set(self._client, state)

    def lose(self, noticed: float, clock: ManualClock) -> None:
        """The program has gone; the node notices it after so many seconds."""
        clock.call_later(noticed, self._member.leave)

    @property
    def states(self) -> dict[int, object]:
        """Who is there, as it was told."""
        return {client: state for client, state in self.heard.items() if state is not None}


class Cluster:
    """Hubs by number, the cables between them, and who is connected to which."""

    def __init__(self, nodes: int, limits: PresenceLimits | None = None) -> None:
        self.clock = ManualClock()
        self._limits = limits
        self._random = Random(1)
        self.hubs = [self._hub() for _ in range(nodes)]
        self.cables: dict[tuple[int, int], Cable] = {}
        self.tabs: dict[int, StockAwareness] = {}
        self.lines: dict[int, tuple[int, Line]] = {}
        self.people: dict[int, tuple[int, Person]] = {}

    def _hub(self) -> PresenceHub:
        return PresenceHub(self.clock, TICK, self._limits, self._random)

    def connect(self, one: int, two: int) -> None:
        self.cables[one, two] = Cable(self.clock, self.hubs[one], self.hubs[two])

    def cut(self, one: int, two: int, *noticed: float) -> None:
        self.cables.pop((one, two)).cut(*noticed)

    def enter(self, client: int, node: int) -> StockAwareness:
        tab = self.tabs.setdefault(client, StockAwareness(client))
        self.lines[client] = node, Line(self.clock, self.hubs[node], tab)
        return tab

    def exit(self, client: int, noticed: float = 0) -> None:
        self.lines.pop(client)[1].lose(noticed)

    def enter_person(self, client: int, node: int, state: object) -> Person:
        person = Person(self.hubs[node], client, state)
        self.people[client] = node, person
        return person

    def exit_person(self, client: int, noticed: float = 0) -> None:
        self.people.pop(client)[1].lose(noticed, self.clock)

    def crash(self, node: int) -> None:
        """A node is killed and started again: what it knew is lost."""
        for pair in [pair for pair in self.cables if node in pair]:
            self.cut(*pair)
        for client in [client for client, (at, _) in self.lines.items() if at == node]:
            _, line = self.lines.pop(client)
            line.open = False
            self.tabs[client].disconnect()
        self.people = {client: (at, person) for client, (at, person) in self.people.items() if at != node}
        self.hubs[node] = self._hub()

    def there(self) -> dict[int, object]:
        """Who should be seen, with what."""
        tabs = {client: self.tabs[client].state for client in self.lines}
        return tabs | {client: person.state for client, (_, person) in self.people.items()}

    def shown(self, node: int) -> dict[int, object]:
        """Who is seen by somebody who comes to a node now."""
        member, _ = self.hubs[node].join(ROOM, lambda payload: None)
        states = member.states()
        member.leave()
        return states

    def seen(self) -> dict[int, dict[int, object]]:
        """Who is seen by each client."""
        tabs = {client: dict(self.tabs[client].states) for client in self.lines}
        return tabs | {client: person.states for client, (_, person) in self.people.items()}
