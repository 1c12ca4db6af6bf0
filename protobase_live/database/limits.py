"""The named limits of a database, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a database takes; every limit says what happens at it."""

    mailbox_messages: int = 1_024
    """Messages that wait for one collection. Senders wait; `Overloaded` when too many senders wait."""
    turn_messages: int = 256
    """Messages one turn drains; the rest waits for the next."""
    unpersisted_turns: int = 2
    """Turns applied and not yet durable; the next turn waits."""
    document_bytes: int = 64 * 1024 * 1024
    """Size of one document. Writes that would make it larger fail with `LimitExceeded`; what only deletes is
    taken from Yjs clients, and refused from transactions, which write what they delete, too."""
    collections: int = 10_000
    """Collections in memory at once; another one fails with `Overloaded` until one is idle."""
    idle_seconds: float = 60.0
    """How long a collection that nobody uses stays in memory."""
    load_seconds: float = 600.0
    """How long loading a collection may take, while others are served; then it fails and is tried again when
    somebody asks. Four million structs, as many as a document of the default size may have, take minutes."""
    feed_changes: int = 4_096
    """Recent changes kept in memory for streams; a slower stream reads the log instead."""
    log_commits: int = 10_000
    """Commits in a collection's log; above it, the older ones are folded into a snapshot."""
    log_bytes: int = 8 * 1024 * 1024
    """Bytes of updates in a collection's log; above it, the older ones are folded into a snapshot."""
    retained_commits: int = 1_000
    """Commits that folding leaves in the log, so that cursors of the recent past resume without a gap."""
    retained_bytes: int = 1024 * 1024
    """Bytes of updates that folding leaves in the log, at most."""
    check_bytes: int = 16 * 1024 * 1024
    """Bytes of what a transaction had read in one collection, which its commit reads again; with more it
    fails with `LimitExceeded`."""
    transact_attempts: int = 16
    """Tries of `transact` before it gives up with `Conflict`."""


DEFAULT_LIMITS = Limits()
