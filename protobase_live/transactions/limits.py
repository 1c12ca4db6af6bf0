"""The named limits of transactions, with their defaults: the same embedded and over the wire."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.limits import Limited


@dataclass(frozen=True, slots=True)
class TransactionLimits(Limited):
    """What one transaction may do; every limit says what happens at it."""

    transaction_operations: int = 10_000
    """Writes of one transaction; another one fails with `LimitExceeded`. A server has a limit of its own,
    `LiveLimits.operations`."""
    transaction_bytes: int = 16 * 1024 * 1024
    """Bytes that what they write takes, packed; more fails with `LimitExceeded`."""
    transaction_reads: int = 20_000
    """Different questions whose answers one transaction relies on; another one fails with `LimitExceeded`."""
    transact_attempts: int = 32
    """Tries of `transact` before it gives up with `Conflict`, or with what its function raised then."""
    recheck_seconds: float = 1.0
    """How long `transact` looks, when its function has raised something, whether what that had read is still
    so; then what it raised is raised."""


DEFAULT_TRANSACTION_LIMITS = TransactionLimits()
