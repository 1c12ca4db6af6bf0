"""The figures of a server in Prometheus' text format."""

from __future__ import annotations

from protobase_live.database.database import Database


async def metrics(database: Database, sessions: int) -> str:
    """One page of figures."""
    stats = await database.storage.stats()
    actors = list(database.actor_stats().values())
    quarantined, unfolded = database.quarantine.reasons, database.unfolded.reasons
    figures: list[tuple[str, str, str, float]] = [
        ("sessions", "gauge", "Open connections.", sessions),
        ("collections_loaded", "gauge", "Collections in memory.", len(actors)),
        ("collections_quarantined", "gauge", "Collections that cannot be loaded.", len(quarantined)),
        ("collections_unfolded", "gauge", "Collections whose log cannot be folded.", len(unfolded)),
        ("collections_stored", "gauge", "Collections in the storage.", stats.collections),
        ("mailbox_messages", "gauge", "Messages that wait in mailboxes.", sum(a.depth for a in actors)),
        ("turns_total", "counter", "Turns of loaded collections.", sum(a.turns for a in actors)),
        ("turn_messages_total", "counter", "Messages in those turns.", sum(a.messages for a in actors)),
        ("turn_seconds_total", "counter", "Time in those turns.", sum(a.turn_seconds for a in actors)),
        ("storage_bytes", "gauge", "Bytes on the storage medium.", stats.bytes),
        ("storage_backlog_bytes", "gauge", "Bytes accepted and not durable yet.", stats.backlog),
        ("storage_commits_total", "counter", "Commits made durable.", stats.commits),
        ("storage_flushes_total", "counter", "Flushes that carried them.", stats.flushes),
        ("storage_flush_seconds", "gauge", "Duration of the last flush.", stats.last_flush_seconds),
    ]
    lines: list[str] = []
    for name, kind, text, value in figures:
        full = f"protobase_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {value:g}"]
    return "\n".join(lines) + "\n"
