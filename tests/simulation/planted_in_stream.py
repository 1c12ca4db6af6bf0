"""Mistakes that the simulation of nodes on one stream has to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from protobase_live.live.level import Level
from protobase_storage.nats.follower import Follower
from protobase_storage.nats.sender import Sender
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.stream import Draft, Unanswered

Plant = Callable[[pytest.MonkeyPatch], None]


def expectation_left_out(patch: pytest.MonkeyPatch) -> None:
    """Transactions are stored behind whatever others have stored meanwhile."""

    async def publish(self: SimulatedStream, drafts: Sequence[Draft]) -> list[int]:
        logs = [replace(draft, expected=await self._last(draft)) for draft in drafts]
        return await right(self, logs)

    async def last(self: SimulatedStream, draft: Draft) -> int:
        found = self._servers.last(draft.behind or draft.subject)
        return found.sequence if found and ".log." in (draft.behind or draft.subject) else draft.expected

    right = SimulatedStream.publish
    patch.setattr(SimulatedStream, "_last", last, raising=False)
    patch.setattr(SimulatedStream, "publish", publish)


def acknowledged_without_an_answer(patch: pytest.MonkeyPatch) -> None:
    """What is sent counts as stored."""

    async def publish(self: Sender, parcel, tag, bodies) -> None:
        try:
            await right(self, parcel, tag, bodies)
        except Unanswered:
            return

    right = Sender._publish
    patch.setattr(Sender, "_publish", publish)


def parts_told_apart(patch: pytest.MonkeyPatch) -> None:
    """What belongs to what is told is told when it is heard."""
    patch.setattr(Follower, "_missing_parts", lambda self: set[tuple[str, str]]())


def levels_left_out(patch: pytest.MonkeyPatch) -> None:
    """A query reads collections as they were loaded, one after the other."""
    patch.setattr(Level, "late", lambda self, collections: [])


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        acknowledged_without_an_answer,
        expectation_left_out,
        levels_left_out,
        parts_told_apart,
    )
}
"""By name."""
