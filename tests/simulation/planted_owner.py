"""Mistakes of nodes that have an owner, which a simulation of owned collections has to find."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protobase_live.cluster.election import Election
from protobase_live.cluster.lease import Lease
from protobase_live.cluster.promise import Promise, PromiseStore
from protobase_live.cluster.reign import Reign

Plant = Callable[[pytest.MonkeyPatch], None]


def lease_used_after_its_end(patch: pytest.MonkeyPatch) -> None:
    """The owner counts from when it hears that it was granted the lease, and for longer."""

    def renew(self: Lease, asked_at: float) -> None:
        self._until = max(self._until, self._clock.monotonic() + 2 * self._seconds)

    patch.setattr(Lease, "renew", renew)


def term_not_stored(patch: pytest.MonkeyPatch) -> None:
    """What a node has promised is kept in memory alone."""

    async def store(self: PromiseStore, promise: Promise) -> None:
        pass

    patch.setattr(PromiseStore, "store", store)


def acknowledged_before_a_majority_has_it(patch: pytest.MonkeyPatch) -> None:
    """Storing it here is enough."""

    async def choose(self: Reign, proposal) -> int:
        return 1

    patch.setattr(Reign, "_choose", choose)


def what_was_proposed_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A new owner does not look at what the others have stored for the one before."""

    async def recover(self: Reign, votes, places) -> None:
        await self._log.until(lambda: self._log.has(places))

    patch.setattr(Reign, "_recover", recover)


def a_minority_elects(patch: pytest.MonkeyPatch) -> None:
    """One node less than a majority grants the lease, and stores what is proposed."""
    patch.setattr(Election, "_majority", property(lambda self: max(1, self._replication.configured // 2)))


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        lease_used_after_its_end,
        term_not_stored,
        acknowledged_before_a_majority_has_it,
        what_was_proposed_forgotten,
        a_minority_elects,
    )
}
