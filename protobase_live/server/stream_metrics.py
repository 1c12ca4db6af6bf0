"""The figures of the stream that a server shares with others. Its servers are not asked for each page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from protobase_live.cluster.status import stream_status
from protobase_live.server.figures import Figure, Labelled

if TYPE_CHECKING:
    from protobase_live.cluster.replication import Replication
    from protobase_live.model.stream_status import StreamStatus

_FIGURES: tuple[tuple[str, str, Callable[[StreamStatus], float]], ...] = (
    ("stream_connected", "1 while there is a connection to a NATS server.", lambda it: bool(it.server)),
    ("stream_answers", "1 while it also answers, and has a leader and a majority.", lambda it: it.works),
    ("stream_reconnects_total", "Connections that were lost and made again.", lambda it: it.reconnects),
    ("stream_messages", "Messages in the stream.", lambda it: it.messages),
    ("stream_bytes", "Bytes of the stream.", lambda it: it.bytes),
    ("stream_max_bytes", "Bytes that it may have; 0: there is no limit.", lambda it: it.max_bytes or 0),
    ("stream_unstored_bytes", "Bytes that wait to be stored in it.", lambda it: it.unstored_bytes),
    ("stream_replicas", "Replicas that it is to have.", lambda it: it.configured),
    ("stream_replicas_current", "Replicas that are there and lack nothing.", lambda it: it.current),
    ("stream_followed", "Collections in memory, which follow the stream.", lambda it: it.followed),
    ("stream_behind", "Collections with news that are not shown yet.", lambda it: it.behind),
    ("stream_behind_seconds", "For how long the oldest of these has waited.", lambda it: it.behind_seconds),
)

_LAG = "Messages that a replica lacks, about."


async def stream_metrics(replication: Replication) -> list[Figure]:
    """A figure each for the stream, if there is one, and for its replicas."""
    following, members = replication.following, replication.members
    found = {status.name: status} if following and (status := await stream_status(following.storage)) else {}
    lags = {each.name: each.lag for status in found.values() for each in status.replicas}
    others = dict.fromkeys(found, 1 + len(members.others) if members else 1)
    return [
        *(
            Figure(name, text, Labelled("stream", {stream: figure(it) for stream, it in found.items()}))
            for name, text, figure in _FIGURES
        ),
        Figure("stream_nodes", "Nodes on the stream, this one included.", Labelled("stream", others)),
        Figure("stream_replica_lag", _LAG, Labelled("replica", lags)),
    ]
