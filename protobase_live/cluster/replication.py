"""What this node has shown goes to all others from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from protobase_actors import Clock, WakeUp, within
from protobase_live.cluster.keeping import Keeping
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.placement import preferred
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.serving import Serve, nobody
from protobase_live.cluster.source import Source
from protobase_live.collection.former import History
from protobase_live.errors import NotReplicated
from protobase_live.model.cursor import Cursor
from protobase_live.model.durability import Durability
from protobase_live.model.operations import Receipt
from protobase_storage import Commit, Loaded, Storage, Vector

if TYPE_CHECKING:
    from protobase_live.cluster.dialing import Dialing
    from protobase_live.cluster.following import Following
    from protobase_live.cluster.link import Link
    from protobase_live.cluster.members import Members
    from protobase_live.cluster.owned_log import OwnedLog
    from protobase_live.model.node_status import MemberStatus


async def _nothing() -> None:
    """Nothing is stored beside the logs."""


class Replication:
    """The links to other nodes; the collections' `Outlet`."""

    def __init__(self, storage: Storage, limits: ClusterLimits) -> None:
        self.limits = limits
        self.source = Source(storage, Recent(limits.recent_bytes), limits.standings)
        self.links: dict[str, Link] = {}
        """By node."""
        self.keeping = Keeping(limits.kept_log_bytes, limits.links)
        """What the logs keep for the other nodes."""
        self.dialings: list[Dialing] = []
        """The addresses that this node dials."""
        self.held: dict[str, int] = {}
        """How many commits of other nodes wait here for what they lack, by collection in memory."""
        self.serve: Serve = nobody
        """Answers what other nodes ask."""
        self.owned: OwnedLog | None = None
        """Is told of what is shown, too."""
        self.following: Following | None = None
        """Takes what other processes store in the same storage."""
        self.members: Members | None = None
        """The other nodes that use the same storage."""
        self.forget: Callable[[], Awaitable[None]] = _nothing
        """Has no byte left of what this node has stored beside logs of histories that are over. Raises
        StorageError."""
        self._news = WakeUp()
        self._acknowledged = WakeUp()
        self._unlinked = WakeUp()

    def shown(self, collection: str, commits: Sequence[Commit], before: Vector) -> None:
        """See `Outlet.shown`."""
        if self.owned is not None:
            self.owned.shown(collection, commits)
        if not self.links:
            return
        self.source.recent.push(collection, commits, before)
        for link in self.links.values():
            link.outgoing.shown(collection, commits)
        self._news.wake()

    def loaded(self, collection: str, history: History, vector: Vector, remains: bytes) -> None:
        """See `Outlet.loaded`."""
        if self.following is not None:
            self.following.follow(collection, history, vector, remains)
        if self.source.is_other(collection, history):
            self.replaced(collection, history)
            return
        if self.owned is not None:
            self.owned.loaded(collection, vector)
        self.source.recent.forget(collection)  # what comes next may follow a gap there
        for link in self.links.values():
            link.outgoing.loaded(collection, vector)

    @property
    def configured(self) -> int:
        """How many nodes the cluster has, this one included, as far as it is told so."""
        return self.keeping.configured

    @configured.setter
    def configured(self, nodes: int) -> None:
        self.keeping.configured = nodes

    def left_in_log(self, collection: str, stored: Loaded, retained: int) -> int:
        """See `Outlet.left_in_log`."""
        return self.keeping.left_in_log(collection, stored, retained)

    def replaced(self, collection: str, history: History) -> None:
        """See `Outlet.replaced`."""
        if self.owned is not None:
            self.owned.replaced(collection)
        self.keeping.forget(collection)
        self.source.replaced(collection, history)
        for link in self.links.values():
            link.outgoing.replaced(collection)
        self._news.wake()

    def holds(self, collection: str, count: int) -> None:
        """See `Outlet.holds`."""
        if count:
            self.held[collection] = count
        else:
            self.held.pop(collection, None)

    async def reach(self, receipt: Receipt, durability: Durability, clock: Clock) -> Receipt:
        """Wait until a commit of this node is durable on as many others; the receipt says on how many it is.

        Raises NotReplicated when that takes longer than ``replication_seconds``.
        """
        wanted = durability.others(self.configured)
        if wanted < receipt.nodes:  # it is already
            return receipt
        vectors = {name: Cursor.decode(cursor).vector for name, cursor in receipt.cursors.items()}
        try:
            nodes = await within(clock, self.limits.replication_seconds, self._reach(vectors, wanted))
        except TimeoutError:
            reached = f"{self._reached(vectors)} other nodes, not on {wanted}"
            raise NotReplicated(
                f"durable here and on {reached}, within {self.limits.replication_seconds} s "
                f"(replication_seconds); it is not undone, and goes on to the others"
            ) from None
        return replace(receipt, nodes=1 + nodes)

    async def _reach(self, vectors: Mapping[str, Vector], wanted: int) -> int:
        """On how many other nodes it is then: a link that ends in the same moment takes nothing back."""
        while (nodes := self._reached(vectors)) < wanted:
            for link in self.links.values():
                link.outgoing.gathering.hurry()
            await self._acknowledged.wait()
        return nodes

    def _reached(self, vectors: Mapping[str, Vector]) -> int:
        """On how many other nodes all of it is durable."""
        return sum(link.outgoing.has_durable(vectors) for link in self.links.values())

    def add(self, link: Link) -> None:
        """From now on the node of this link is sent what is shown."""
        self.links[link.node] = link
        self.keeping.met(link.node, link.outgoing)
        link.outgoing.acknowledged = self._acknowledged

    def remove(self, link: Link) -> None:
        """The link has ended. Harmless if another one has taken its place."""
        if self.links.get(link.node) is link:
            del self.links[link.node]
            self._unlinked.wake()
        if not self.links:
            self.source.recent.clear()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds that depends on what collections are, while there are links."""
        while not await condition():
            await self._news.wait()

    def preferred(self, collection: str) -> MemberStatus | None:
        """The node of the same storage that a collection is best opened at; None: none says where it is."""
        return preferred(collection, self.members.everyone) if self.members else None

    def leave(self) -> None:
        """Tell the other nodes on the same storage that this one goes."""
        if self.members is not None:
            self.members.close()

    async def without(self, node: str) -> None:
        """Wait until there is no link with this node."""
        while node in self.links:
            await self._unlinked.wait()
