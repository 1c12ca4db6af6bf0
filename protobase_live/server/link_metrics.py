"""The figures of a server's links to other nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from protobase_live.server.figures import Figure, Labelled

if TYPE_CHECKING:
    from protobase_live.cluster.link import Link
    from protobase_live.cluster.replication import Replication

_FIGURES: tuple[tuple[str, str, Callable[[Link], float]], ...] = (
    ("link_up", "1 for each node that this one is linked with.", lambda link: 1),
    (
        "link_lacking_collections",
        "Collections of which the node may lack something that it was not sent.",
        lambda link: link.outgoing.backlog,
    ),
    (
        "link_unanswered_bytes",
        "Bytes of commits sent to the node that it has not said to be durable.",
        lambda link: link.outgoing.unanswered_bytes,
    ),
    (
        "link_stuck_collections",
        "Collections of which the node is sent nothing more, because it can never take it.",
        lambda link: link.outgoing.stuck,
    ),
    (
        "link_lacking_seconds",
        "For how long the node has lacked what it has lacked longest of all.",
        lambda link: link.outgoing.lacking_seconds,
    ),
    (
        "link_apart_snapshots",
        "How often snapshots had no room in one that may share transactions (together_bytes).",
        lambda link: link.outgoing.apart,
    ),
    ("link_silent_seconds", "How long nothing came from the node.", lambda link: link.silent_seconds),
)


def link_metrics(replication: Replication) -> list[Figure]:
    """A figure for each linked node, and how many nodes there are to be."""
    kept, links = replication.keeping.bytes, replication.links
    kept_text = "Bytes that logs keep for other nodes, as of when they were folded."
    return [
        Figure("nodes_configured", "Nodes of the cluster, this one included.", replication.configured),
        Figure("log_kept_bytes", kept_text, kept),
        *(
            Figure(name, text, Labelled("node", {node: figure(link) for node, link in links.items()}))
            for name, text, figure in _FIGURES
        ),
    ]
