"""What this node has shown goes to all others from here."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.link import Link
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.source import Source
from protobase_live.collection.former import History
from protobase_storage import Commit, Storage, Vector


class Replication:
    """The links to other nodes; the collections' `Outlet`."""

    def __init__(self, storage: Storage, limits: ClusterLimits) -> None:
        self.limits = limits
        self.source = Source(storage, Recent(limits.recent_bytes), limits.standings)
        self.links: dict[str, Link] = {}
        """By node."""

    def shown(self, collection: str, commits: Sequence[Commit], before: Vector) -> None:
        """See `Outlet.shown`."""
        if not self.links:
            return
        self.source.recent.push(collection, commits, before)
        for link in self.links.values():
            link.outgoing.lacks(collection)

    def replaced(self, collection: str, history: History) -> None:
        """See `Outlet.replaced`."""
        self.source.replaced(collection, history)
        for link in self.links.values():
            link.outgoing.replaced(collection)

    def add(self, link: Link) -> None:
        """From now on the node of this link is sent what is shown."""
        self.links[link.node] = link

    def remove(self, link: Link) -> None:
        """The link has ended. Harmless if another one has taken its place."""
        if self.links.get(link.node) is link:
            del self.links[link.node]
        if not self.links:
            self.source.recent.clear()
