"""How a node is, for who looks after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from protobase_live.model.names import INTERNAL_PREFIX
from protobase_live.model.node_status import LinkStatus, NodeStatus
from protobase_live.model.stream_status import StreamStatus
from protobase_storage import SharedStorage, Vector, sequence_of

if TYPE_CHECKING:
    from protobase_live.cluster.link import Link
    from protobase_live.cluster.outgoing import Outgoing
    from protobase_live.cluster.replication import Replication
    from protobase_live.cluster.source import Position

TOLD_STUCK = 100
"""Collections of a link of which it is told why they are stuck."""


async def status(
    node: str, replication: Replication, held: int, loaded: int, owner: str | None
) -> NodeStatus:
    """How a node is that has ``loaded`` collections in memory, and holds so many commits of others; ``owner``
    as in `NodeStatus`. Raises StorageError.
    """
    storage, following = replication.source.storage, replication.following
    stats = await storage.recent_stats()
    internal = [] if following else await storage.list(INTERNAL_PREFIX)  # they are of nodes that are linked
    lacking = await _lacking_commits(replication)
    members = replication.members.others if replication.members else ()
    return NodeStatus(
        node,
        configured=replication.configured + len(members),
        bytes=stats.bytes,
        collections=stats.collections - len(internal),
        loaded=loaded,
        held_commits=held,
        links=list(_links_of(replication, lacking)),
        owner=owner,
        nodes=members,
        stream=await stream_status(following.storage) if following else None,
    )


async def stream_status(storage: SharedStorage) -> StreamStatus:
    """How a stream is. Raises StorageClosed."""
    state = asdict(await storage.state())
    return StreamStatus.parse({**state, "configured": storage.replicas, "majority": storage.majority})


async def _lacking_commits(replication: Replication) -> dict[str, int]:
    """By node."""
    lacking = dict.fromkeys(replication.links, 0)
    if lacking:
        async for page in replication.source.pages():
            for node, link in replication.links.items():
                more = sum(_lacking_of(link.outgoing, each) for each in page)
                lacking[node] = lacking.get(node, 0) + more
    return lacking


def _lacking_of(outgoing: Outgoing, here: Position) -> int:
    """How many commits of a collection are here and not known to be durable on the other node."""
    known = outgoing.known.get(here.collection)
    durable: Vector = known.durable if known is not None and known.history == here.history else {}
    return sum(max(0, last - sequence_of(durable, origin)) for origin, last in here.vector.items())


def _links_of(replication: Replication, lacking: dict[str, int]) -> Iterator[LinkStatus]:
    dialed = {each.node for each in replication.dialings}
    for each in replication.dialings:
        link = replication.links.get(each.node)
        if link is None or each.problem is not None:
            yield LinkStatus(each.node, each.address, False, each.problem)
        else:
            yield _status(link, each.address, lacking)
    for node, link in replication.links.items():
        if node not in dialed:
            yield _status(link, None, lacking)


def _status(link: Link, address: str | None, lacking: dict[str, int]) -> LinkStatus:
    outgoing = link.outgoing
    stuck = ((name, known.stuck) for name, known in outgoing.known.items() if known.stuck is not None)
    return LinkStatus(
        link.node,
        address,
        up=True,
        linked=link.linked,
        lacking_commits=lacking.get(link.node, 0),
        lacking_seconds=outgoing.lacking_seconds,
        unanswered_bytes=outgoing.unanswered_bytes,
        silent_seconds=link.silent_seconds,
        stuck=dict(islice(stuck, TOLD_STUCK)),
    )
