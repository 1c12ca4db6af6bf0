"""The figures of a server, by name. A new one is a line, and one in the table of docs/operating.md."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from protobase_live.database.database import Database
from protobase_live.server.counters import Counters
from protobase_live.server.figures import Figure, Labelled, page
from protobase_live.server.link_metrics import link_metrics
from protobase_live.server.permissions import Permissions
from protobase_live.server.rest.answers import Answer
from protobase_live.server.stream_metrics import stream_metrics


async def metrics_page(
    database: Database,
    counters: Counters,
    permissions: Permissions,
    sessions: int,
    backlog: int,
    accept: str = "",
) -> Answer:
    """The page of figures for who sent this header ``Accept``. ``backlog`` is in bytes.

    It is written in a thread: the first one imports what writes it, and turns do not wait for that.
    """
    figures = await metrics(database, counters, permissions, sessions, backlog)
    body, content_type = await asyncio.to_thread(page, figures, accept)
    return Answer(HTTPStatus.OK, body, [("vary", "Accept")], content_type)


async def metrics(
    database: Database, counters: Counters, permissions: Permissions, sessions: int, backlog: int
) -> list[Figure]:
    """All figures, as they are now. ``backlog`` is in bytes."""
    return [
        *_of_connections(counters, sessions, backlog),
        *_of_permissions(permissions),
        *_of_collections(database),
        *await _of_storage(database),
        *link_metrics(database.replication),
        *await stream_metrics(database.replication),
    ]


def _of_connections(counters: Counters, sessions: int, backlog: int) -> list[Figure]:
    open_now, requests = Labelled("door", dict(counters.sessions)), counters.request_seconds.figure
    put_back, limits = counters.refused_updates.figure, counters.limits.figure
    return [
        Figure("sessions", "Open connections.", sessions),
        Figure("door_sessions", "Open connections, by door.", open_now),
        Figure("backlog_bytes", "Bytes written to clients and not yet read by them.", backlog),
        Figure("connections_total", "Connections that came, by door.", counters.connections.figure),
        Figure("closes_total", "Connections that ended, by close code.", counters.closes.figure),
        Figure(
            "refusals_total",
            "Handshakes, and requests to a door, answered with an HTTP error, by status.",
            counters.refusals.figure,
        ),
        Figure(
            "received_bytes_total", "Bytes of live messages and Yjs updates.", counters.received_bytes.figure
        ),
        Figure("refused_updates_total", "Times a Yjs client was put back, by door.", put_back),
        Figure("sent_bytes_total", "Bytes of live messages that were sent.", counters.sent_bytes.figure),
        Figure("requests_total", "Requests of live clients, by type.", counters.requests.figure),
        Figure("limits_total", "How often a client met a limit, by the name of the limit.", limits),
        Figure("errors_total", "Errors that live clients were told, by code.", counters.errors.figure),
        Figure("request_seconds", "How long live requests took.", requests),
    ]


def _of_permissions(permissions: Permissions) -> list[Figure]:
    failures, revoked = permissions.failures, permissions.revoked
    return [
        Figure("permission_failures_total", "Rules and authorize that failed, and denied so.", failures),
        Figure("revoked", "Authors that are revoked, each for a collection or for all.", revoked),
    ]


def _of_collections(database: Database) -> list[Figure]:
    actors, totals, gates = list(database.actor_stats().values()), database.actor_totals(), database.gates
    quarantined, unfolded = database.quarantine.reasons, database.unfolded.reasons
    waiting, seconds = sum(each.depth for each in actors), Labelled("gate", gates.seconds._asdict())
    return [
        Figure("live_queries", "Live queries that are kept up.", database.live_queries),
        Figure("collections_loaded", "Collections in memory.", len(actors)),
        Figure("collections_quarantined", "Collections that cannot be loaded.", len(quarantined)),
        Figure("collections_unfolded", "Collections whose log cannot be folded.", len(unfolded)),
        Figure("collections_read_only", "Collections whose writes fail.", len(database.read_only)),
        Figure("held_commits", "Commits of other nodes that wait for others.", database.held_commits),
        Figure("mailbox_messages", "Messages that wait in mailboxes.", waiting),
        Figure("turns_total", "Turns of all collections.", totals.turns),
        Figure("turn_messages_total", "Messages in those turns.", totals.messages),
        Figure("turn_seconds_total", "Time in those turns.", totals.turn_seconds),
        Figure("gate_turns_total", "Turns with commits that were shown.", gates.turns),
        Figure("gate_seconds_total", "Time that these took through each gate of the commit rule.", seconds),
        Figure("restarts_total", "Collections that failed and were loaded again.", totals.restarts),
    ]


async def _of_storage(database: Database) -> list[Figure]:
    stats, health = await database.storage.recent_stats(), database.health
    failing, unuploaded = int(health.failure is not None), stats.unuploaded_bytes
    return [
        Figure("collections_stored", "Collections in the storage.", stats.collections),
        Figure("storage_bytes", "Bytes on the storage medium.", stats.bytes),
        Figure("storage_backlog_bytes", "Bytes accepted and not durable yet.", stats.backlog),
        Figure("storage_commits_total", "Commits made durable.", stats.commits),
        Figure("storage_failures_total", "Appends that could not be stored.", health.failures),
        Figure("storage_failing", "1 while the storage stores nothing.", failing),
        Figure("storage_flushes_total", "Flushes that carried them.", stats.flushes),
        Figure("storage_flush_seconds", "Duration of the last flush.", stats.last_flush_seconds),
        Figure("storage_unuploaded_bytes", "Bytes acknowledged and in a folder alone.", unuploaded),
        Figure("storage_unuploaded_seconds", "Age of the oldest of them.", stats.unuploaded_seconds),
        Figure("storage_may_lack", "Others who may have commits that never came here.", stats.may_lack),
    ]
