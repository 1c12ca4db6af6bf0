"""The named limits of a supervisor and its workers, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.limits import Limited


@dataclass(frozen=True, slots=True)
class WorkerLimits(Limited):
    """What holds with ``--workers``; every limit says what happens at it."""

    waiting_sockets: int = 2_000
    """Connections that the supervisor holds: they have not said anything yet, or their worker is away. With
    one more the one that has waited longest is closed."""
    peek_seconds: float = 1.0
    """How long a connection may take to say what it wants; then any worker has it, whose
    ``handshake_seconds`` go on."""
    away_seconds: float = 5.0
    """How long connections wait for the worker where their collection is at home; then another one has them,
    or they are closed if there is none."""
    turn_seconds: float = 10.0
    """How long the code of one collection may run in one go; then its worker is killed and started again."""
    silent_seconds: float = 30.0
    """How long a worker may do nothing that shows that it lives; then it is killed and started again."""
    start_seconds: float = 120.0
    """How long a worker may take to start; then it is killed and started again."""
    pause_seconds: float = 10.0
    """How long a worker that dies again and again stays away, at most: nothing at first, then half a second,
    and twice as long each time."""
    steady_seconds: float = 5.0
    """A worker that lived so long has not died again and again."""
    settle_seconds: float = 10.0
    """How long workers that stop wait until the others have what they stored; what is left goes to them
    after the next start."""
    end_seconds: float = 90.0
    """How long workers may take to stop; then they are killed."""
    recorded_bytes: int = 16 * 1024 * 1024
    """Bytes of what a collection is given in one turn that survive the death of its worker; of more only
    digests do."""
    collection_deaths: int = 2
    """How often workers may die in one collection of something else than what was sent; then it is not
    loaded any more until the server is started again."""
    known_digests: int = 10_000
    """Digests of updates in which workers died, or may have; the oldest are forgotten."""
    reports: int = 1_000
    """Reports of deaths that are kept; the oldest are deleted."""
    report_bytes: int = 256 * 1024 * 1024
    """Bytes of these with what they keep; the oldest are deleted."""
