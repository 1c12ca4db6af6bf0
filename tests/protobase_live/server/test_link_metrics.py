"""The figures of links to other nodes."""

from __future__ import annotations

from protobase_live.server.link_metrics import link_metrics
from tests.support.figures import values_of
from tests.support.nodes import Connection, Node, agree, settle


def figures(node: Node) -> dict[str, float]:
    """Figures by their names and labels."""
    return values_of(link_metrics(node.db.replication))


async def test_a_node_alone_has_no_links():
    node = Node("a")
    assert figures(node) == {"protobase_nodes_configured": 1, "protobase_log_kept_bytes": 0}
    await node.close()


async def test_a_link_that_is_up_and_has_nothing_to_send():
    a, b = Node("a"), Node('b"')
    Connection(a, b)
    await settle(lambda: a.cluster.linked)
    await a.clock.advance(0.25)
    await a.clock.advance(0.25)
    label = '{node="b""}'
    assert figures(a) == {
        "protobase_nodes_configured": 1,
        "protobase_log_kept_bytes": 0,
        f"protobase_link_up{label}": 1,
        f"protobase_link_lacking_collections{label}": 0,
        f"protobase_link_unanswered_bytes{label}": 0,
        f"protobase_link_stuck_collections{label}": 0,
        f"protobase_link_apart_snapshots{label}": 0,
        f"protobase_link_silent_seconds{label}": 0.25,
        f"protobase_link_lacking_seconds{label}": 0,
    }
    await a.close()
    await b.close()


async def test_what_was_sent_and_is_not_durable_is_counted():
    a, b = Node("a"), Node("b")
    connection = Connection(a, b)
    await a.put("tasks", "j", title="x")
    await agree([a, b], "tasks")
    connection.ends[1].stalled = True  # so no answer comes
    await a.put("tasks", "k", title="x")
    await settle(lambda: figures(a)['protobase_link_unanswered_bytes{node="b"}'] > 0)
    await a.close()
    await b.close()
