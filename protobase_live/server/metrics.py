"""The figures of a server in Prometheus' text format."""

from __future__ import annotations

from protobase_live.database.database import Database
from protobase_live.server.counters import Counters
from protobase_live.server.link_metrics import link_metrics


async def metrics(database: Database, counters: Counters, sessions: int, backlog: int) -> str:
    """One page of figures. ``backlog`` is in bytes."""
    lines: list[str] = []
    for name, kind, text, value in await _figures(database, sessions, backlog):
        lines += [*_head(name, kind, text), f"protobase_{name} {value!r}"]
    for name, text, tally in (
        ("connections_total", "Connections that came, by door.", counters.connections),
        ("closes_total", "Connections that ended, by close code.", counters.closes),
        ("refusals_total", "Handshakes answered with an HTTP error, by status.", counters.refusals),
        (
            "received_bytes_total",
            "Bytes of live messages and Yjs updates.",
            counters.received_bytes,
        ),
        ("refused_updates_total", "Times a Yjs client was put back, by door.", counters.refused_updates),
        ("sent_bytes_total", "Bytes of live messages that were sent.", counters.sent_bytes),
        ("requests_total", "Requests of live clients, by type.", counters.requests),
        ("limits_total", "How often a client met a limit, by the name of the limit.", counters.limits),
        ("errors_total", "Errors that live clients were told, by code.", counters.errors),
    ):
        lines += [*_head(name, "counter", text), *tally.lines(f"protobase_{name}")]
    lines += _head("request_seconds", "histogram", "How long live requests took.")
    lines += counters.request_seconds.lines("protobase_request_seconds")
    lines += link_metrics(database.replication)
    return "\n".join(lines) + "\n"


async def _figures(database: Database, sessions: int, backlog: int) -> list[tuple[str, str, str, float]]:
    stats, health = await database.storage.stats(), database.health
    actors, totals = list(database.actor_stats().values()), database.actor_totals()
    quarantined, unfolded = database.quarantine.reasons, database.unfolded.reasons
    unuploaded = stats.unuploaded_bytes
    return [
        ("sessions", "gauge", "Open connections.", sessions),
        ("backlog_bytes", "gauge", "Bytes written to clients and not yet read by them.", backlog),
        ("live_queries", "gauge", "Live queries that are kept up.", database.live_queries),
        ("collections_loaded", "gauge", "Collections in memory.", len(actors)),
        ("collections_quarantined", "gauge", "Collections that cannot be loaded.", len(quarantined)),
        ("collections_unfolded", "gauge", "Collections whose log cannot be folded.", len(unfolded)),
        ("collections_read_only", "gauge", "Collections whose writes fail.", len(database.read_only)),
        ("collections_stored", "gauge", "Collections in the storage.", stats.collections),
        ("held_commits", "gauge", "Commits of other nodes that wait for others.", database.held_commits),
        ("mailbox_messages", "gauge", "Messages that wait in mailboxes.", sum(a.depth for a in actors)),
        ("turns_total", "counter", "Turns of all collections.", totals.turns),
        ("turn_messages_total", "counter", "Messages in those turns.", totals.messages),
        ("turn_seconds_total", "counter", "Time in those turns.", totals.turn_seconds),
        ("restarts_total", "counter", "Collections that failed and were loaded again.", totals.restarts),
        ("storage_bytes", "gauge", "Bytes on the storage medium.", stats.bytes),
        ("storage_backlog_bytes", "gauge", "Bytes accepted and not durable yet.", stats.backlog),
        ("storage_commits_total", "counter", "Commits made durable.", stats.commits),
        (
            "storage_failures_total",
            "counter",
            "Appends that could not be stored.",
            health.failures,
        ),
        ("storage_failing", "gauge", "1 while the storage stores nothing.", int(health.failure is not None)),
        ("storage_flushes_total", "counter", "Flushes that carried them.", stats.flushes),
        ("storage_flush_seconds", "gauge", "Duration of the last flush.", stats.last_flush_seconds),
        ("storage_unuploaded_bytes", "gauge", "Bytes acknowledged and in a folder alone.", unuploaded),
        ("storage_unuploaded_seconds", "gauge", "Age of the oldest of them.", stats.unuploaded_seconds),
        ("storage_may_lack", "gauge", "Others who may have commits that never came here.", stats.may_lack),
    ]


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP protobase_{name} {text}", f"# TYPE protobase_{name} {kind}"]
