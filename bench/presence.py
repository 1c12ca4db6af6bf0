"""What presence costs a node: 1,500 people in one collection, half of them at another node."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from time import process_time

from protobase_actors import ManualClock
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.peer_presence import PeerPresence
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs.awareness import Entry, encode_entries
from protobase_live.server.connection import Connection
from protobase_live.server.limits import ServerLimits
from protobase_live.server.yjs_presence import YjsPresence

PEOPLE = 1_500
SECONDS = 5
TICKS = 20  # a second
STATE = '{"user":{"name":"person %d","color":"#30bced"},"cursor":{"anchor":%d,"head":%d}}'


class Reader:
    """A connection that takes frames and sends none of them."""

    crowded = False

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, frame: bytes) -> None:
        self.bytes += len(frame)

    def show(self, shared: SharedMessage) -> None:
        if shared.frame is None:
            shared.frame = Connection.render(shared.message)
        self.write(shared.frame)


class Node:
    """One node, its CPU time, and the frames that it would send."""

    def __init__(self, clock: ManualClock, people: range, random: Random) -> None:
        self.clock = clock
        self.hub = PresenceHub(clock, 1 / TICKS, PresenceLimits(), random)
        self.readers = [Reader() for _ in people]
        limits = ServerLimits()
        self.people = {
            number: YjsPresence(self.hub, "room", reader, clock, limits)  # type: ignore[arg-type]
            for number, reader in zip(people, self.readers, strict=True)
        }
        self.told: list[Mapping[str, bytes]] = []
        self.peer: PeerPresence | None = None
        self.seconds = 0.0

    def link(self) -> None:
        self.peer = self.hub.link("other", self.told.append)

    async def tick(self, tick: int, count: int) -> None:
        """Some of those who are here say something new, as their sockets bring it."""
        begun = process_time()
        for number, person in self.people.items():
            if number % TICKS == tick:
                person.apply(encode_entries([Entry(number, count, STATE % (number, count, count))]))
        await self.clock.advance(1 / TICKS)
        self.seconds += process_time() - begun

    def take(self, told: list[Mapping[str, bytes]]) -> None:
        """What the other node said arrives."""
        begun = process_time()
        for payloads in told:
            if self.peer is not None:
                self.peer.apply(payloads)
        self.seconds += process_time() - begun


async def presence() -> None:
    """CPU time of one of two nodes, and of one alone with everybody."""
    for nodes in (1, 2):
        share, sent, told = await measure(nodes)
        told_as = f", {told / SECONDS / 1000:,.0f} kB/s to its peer" if nodes > 1 else ""
        print(
            f"  {PEOPLE:,} people on {nodes} node{'s' if nodes > 1 else ''}, a move a second each: "
            f"{100 * share:.1f} % of a core a node, {sent / SECONDS / 1e6:.1f} MB/s to its readers{told_as}"
        )


async def measure(count: int) -> tuple[float, int, int]:
    """The share of a core that the first node takes, bytes to its readers and bytes to its peer."""
    clocks = [ManualClock() for _ in range(count)]
    each = PEOPLE // count
    nodes = [Node(clock, range(n * each, (n + 1) * each), Random(n)) for n, clock in enumerate(clocks)]
    if count > 1:
        for node in nodes:
            node.link()
    for round in range(2):  # they come, and say themselves again as they are asked to
        await second(nodes, 1 + 5_000 * round)
    for node in nodes:
        node.seconds = 0.0
        for reader in node.readers:
            reader.bytes = 0
    told = 0
    for round in range(SECONDS):
        told += await second(nodes, 10_000 + round)
    return nodes[0].seconds / SECONDS, sum(reader.bytes for reader in nodes[0].readers), told


async def second(nodes: list[Node], count: int) -> int:
    """Everybody moves once; gives the bytes that the first node told the other."""
    bytes_told = 0
    for tick in range(TICKS):
        for node in nodes:
            await node.tick(tick, count)
        bytes_told += sum(len(payload) for payloads in nodes[0].told for payload in payloads.values())
        for node, other in zip(nodes, nodes[::-1], strict=True):
            told, other.told[:] = list(other.told), []
            node.take(told)
    return bytes_told
