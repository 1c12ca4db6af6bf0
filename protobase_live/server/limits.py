"""The named limits of a server, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server takes from its clients; every limit says how it is answered."""

    message_bytes: int = 16 * 1024 * 1024
    """Longest message of a client; a longer one closes the connection with 1009."""
    sessions: int = 10_000
    """Connections at once; another one is answered with HTTP 503."""
    backlog_bytes: int = 1024 * 1024
    """Bytes that wait to be sent to one Yjs client. Above it, the client is sent no more updates until it
    has read them, and then one update with all it missed."""
    close_seconds: float = 5.0
    """How long a client may take to answer a close."""
    ping_seconds: float = 20.0
    """Between pings; a client from which nothing comes until the next one is disconnected."""
    pending_chunks: int = 16
    """Chunks of messages read from one Yjs client and not yet taken by the collection; above it, the
    client's socket is not read."""


DEFAULT_SERVER_LIMITS = ServerLimits()
