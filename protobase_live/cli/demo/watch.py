"""What the director knows of the nodes: it asks each of them again and again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from protobase_actors import Clock
from protobase_live.api import DatabaseApi
from protobase_live.cli.demo.data import BOARD, COLLECTIONS, NOTES, PEOPLE
from protobase_live.cli.demo.links import Links, Pair
from protobase_live.cli.demo.nodes import DemoNodes, NodeProcess
from protobase_live.cli.demo.progress import Progress
from protobase_live.cli.demo.users import Users
from protobase_live.client import ClientLimits, connect
from protobase_live.errors import ProtoBaseError
from protobase_live.model.node_status import LinkStatus, NodeStatus

LOOK_SECONDS = 0.25
"""Between two looks at a node."""

ANSWER_SECONDS = 2.0
"""How long a node may take to answer; then it is asked anew."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a node has said of itself."""

    status: NodeStatus
    hash: str
    """Of what users see of the demo's collections."""


class Watch:
    """Knows how the demo is."""

    def __init__(self, nodes: DemoNodes, links: Links, users: Users, clock: Clock) -> None:
        self._nodes = nodes
        self._links = links
        self._users = users
        self._clock = clock
        self._looks: dict[str, Look] = {}
        self._progress = Progress()

    async def run(self) -> None:
        """Look at all nodes, for ever."""
        async with asyncio.TaskGroup() as tasks:
            for node in self._nodes.all.values():
                tasks.create_task(self._follow(node))

    def state(self) -> dict[str, Any]:
        """How the demo is now, as it is told."""
        return {
            "nodes": [self._node(each) for each in self._nodes.all.values()],
            "links": [self._link(pair) for pair in self._links.pairs],
            "users": len(self._users),
            "board": BOARD,
            "people": PEOPLE,
            "document": NOTES,
        }

    async def _follow(self, node: NodeProcess) -> None:
        while True:
            with suppress(ProtoBaseError):
                if node.state == "up":
                    limits = ClientLimits(connect_seconds=ANSWER_SECONDS, call_seconds=ANSWER_SECONDS)
                    async with connect(node.node.url, "director", limits=limits) as database:
                        while node.state == "up":
                            await self._look(node.node.name, database)
                            await self._clock.sleep(LOOK_SECONDS)
            self._looks.pop(node.node.name, None)
            await self._clock.sleep(LOOK_SECONDS)

    async def _look(self, name: str, database: DatabaseApi) -> None:
        status = await database.cluster_status()
        found = [await database.state_hash(collection) for collection in COLLECTIONS]
        together = blake2b("".join(each.hash for each in found).encode(), digest_size=16).hexdigest()
        self._looks[name] = Look(status, together)
        vectors = {name: each.vector for name, each in zip(COLLECTIONS, found, strict=True)}
        self._progress.note(self._clock.monotonic(), name, vectors)

    def _node(self, node: NodeProcess) -> dict[str, Any]:
        look = self._looks.get(node.node.name) if node.state == "up" else None
        own = {"name": node.node.name, "url": node.node.url, "state": node.state, "pid": node.pid}
        return {**own, "hash": None if look is None else look.hash}

    def _link(self, pair: Pair) -> dict[str, Any]:
        a, b = pair
        cut, sides = self._links.is_cut(pair), [*self._sides(a, b), *self._sides(b, a)]
        if up := not cut and any(sides):
            lag = max(each.lacking_seconds for each in sides)
            behind = sum(each.lacking_commits for each in sides)
        else:
            lag, behind = self._progress.lag(self._clock.monotonic(), a, b), self._progress.behind(a, b)
        return {"between": [a, b], "cut": cut, "up": up, "lag_ms": round(lag * 1000.0, 1), "behind": behind}

    def _sides(self, of: str, other: str) -> list[LinkStatus]:
        """What one node says of its link with another one, if that is up."""
        own, others = self._look_at(of), self._look_at(other)
        if own is None or others is None:
            return []
        return [each for each in own.status.links if each.up and each.node == others.status.node]

    def _look_at(self, name: str) -> Look | None:
        return self._looks.get(name) if self._nodes.all[name].state == "up" else None
