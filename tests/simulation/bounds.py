"""Whether what nodes keep for each other is within its limits, at whatever moment."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.cluster.link import QUEUED_MESSAGES
from protobase_live.testing import Node

ONE_TRANSACTION_BYTES = 4_096
"""More than any transaction of these runs has: so much may a message have beyond its limit."""


def check_bounds(nodes: Iterable[Node]) -> None:
    """Raises AssertionError for what is beyond its limit."""
    for node in nodes:
        if node.is_serving:
            _check(node)


def _check(node: Node) -> None:
    database = node.database
    limits, held = database.replication.limits, database.home._joints._held
    recent = database.replication.source.recent
    assert recent._bytes <= limits.recent_bytes, f"{node.host} keeps {recent._bytes} bytes of recent commits"
    assert held._bytes <= database.limits.held_commit_bytes, f"{node.host} holds {held._bytes} bytes"
    most = limits.window_bytes + limits.batch_bytes + ONE_TRANSACTION_BYTES
    for name, link in database.replication.links.items():
        unanswered = link.outgoing.unanswered_bytes
        assert unanswered < most, f"{node.host} has sent {name} {unanswered} bytes ahead"
        assert link._queue.qsize() <= QUEUED_MESSAGES, f"too much waits at {node.host}"
