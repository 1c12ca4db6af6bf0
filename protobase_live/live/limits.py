"""The named limits of queries, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protobase_live.limits import Limited


@dataclass(frozen=True, slots=True)
class ViewLimits(Limited):
    """What a database takes of queries; every limit says what happens at it."""

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset({"identity_queries", "client_queries"})

    views: int = 20_000
    """Different live queries. Those that nobody watches make room; then `Overloaded`."""
    lingering_views: int = 1_000
    """Live queries that nobody watches any more; the one that was left first goes when there are more."""
    view_rows: int = 1_000_000
    """Rows of a live query: it fails with `LimitExceeded`."""
    all_view_rows: int = 4_000_000
    """Rows of all live queries together. Those that nobody watches make room; then `Overloaded`."""
    view_bytes: int = 128 * 1024 * 1024
    """Bytes that a live query which computes texts or collects values holds, and that one change may make of
    these: it fails with `LimitExceeded`."""
    all_view_bytes: int = 512 * 1024 * 1024
    """Bytes of all such live queries together. Those that nobody watches make room; then `Overloaded`."""
    query_rows: int = 1_000_000
    """Rows of a query that is run once: `LimitExceeded`."""
    query_bytes: int = 128 * 1024 * 1024
    """Bytes of texts that such a query joins and of values that it collects: `LimitExceeded`."""
    all_query_bytes: int = 512 * 1024 * 1024
    """The same of all such queries that are under way: `Overloaded`."""
    query_steps: int = 8_000
    """Batches of some 500 rows that such a query looks at or makes: `LimitExceeded`."""
    all_query_steps: int = 32_000
    """The same of all such queries that are under way: `Overloaded`. What they hold, they have looked at."""
    client_views: int = 1_024
    """Live queries that one connection to a server watches: `Overloaded`."""
    client_view_rows: int = 1_000_000
    """Rows of these together when another one begins, those that it shares with others included:
    `Overloaded`."""
    identity_views: int = 5_000
    """The same over all connections of one client: one author by its token, or one address: `Overloaded`."""
    identity_view_rows: int = 2_000_000
    """Rows of these together, counted likewise: `Overloaded`."""
    identity_view_bytes: int = 256 * 1024 * 1024
    """Bytes of those of them that compute texts or collect values, counted likewise: `Overloaded`."""
    identity_queries: int = 48
    """Queries of such a client that run, and live queries of it that are filled, at once, over all its
    connections; others wait."""
    client_view_bytes: int = 256 * 1024 * 1024
    """Bytes of those of them that compute texts or collect values: `Overloaded`."""
    client_queries: int = 16
    """Queries of one connection that run, and live queries of it that are filled, at once; others wait."""
    long_queries: int = 64
    """Such queries that take more than a moment, at once: `Overloaded`."""
    retained_changes: int = 256
    """Recent changes of a view, and recent turns from the commits of one node to those of another in a
    collection; who is further behind gets a snapshot."""
    linger_seconds: float = 30.0
    """How long a view that nobody watches waits for somebody to come back."""


DEFAULT_VIEW_LIMITS = ViewLimits()
