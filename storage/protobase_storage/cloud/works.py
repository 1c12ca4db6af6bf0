"""What waits for the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..commit import Commit, Snapshot
from ..errors import StorageError, told_again
from .plan import Plan
from .values import Deleted, Effect, Published


@dataclass(slots=True, eq=False)
class Work:
    """Something that was called. `future` is its caller's, `weight` its bytes in the backlog."""

    future: asyncio.Future[None]
    weight: int
    error: StorageError | None = None

    def settle(self) -> None:
        """Answer, unless the caller was cancelled."""
        if self.future.done():
            return
        if self.error:
            self.future.set_exception(told_again(self.error))
        else:
            self.future.set_result(None)


@dataclass(slots=True, eq=False)
class Append(Work):
    """Commits that are stored together."""

    commits: Sequence[Commit] = ()

    def admit(self, plan: Plan) -> Sequence[Effect]:
        """What it does, once it is checked. Raises `StorageError`."""
        plan.append(self.commits)
        return self.commits


@dataclass(slots=True, eq=False)
class Deletion(Work):
    """A collection to be forgotten; `instead`, which was uploaded, takes its place."""

    collection: str = ""
    remains: bytes = b""
    instead: Published | None = None

    def admit(self, plan: Plan) -> Sequence[Effect]:
        """What it does."""
        deleted = Deleted(self.collection, self.remains)
        if self.instead is None:
            plan.delete(self.collection, {})
            return [deleted]
        plan.delete(self.collection, self.instead.snapshot.vector)
        return [deleted, self.instead]


@dataclass(slots=True, eq=False)
class Compaction(Work):
    """A snapshot. It has its place among the calls when it is admitted, and counts once it is uploaded."""

    snapshot: Snapshot = field(kw_only=True)
    published: Published | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def collection(self) -> str:
        """Whose snapshot it is."""
        return self.snapshot.collection

    def admit(self, plan: Plan) -> Sequence[Effect]:
        """Nothing yet, but it is checked. Raises `StorageError`."""
        plan.begin(self.snapshot)
        return ()

    def settle(self) -> None:
        """Answer, and let go of the gate."""
        self.settled.set()
        Work.settle(self)


AnyWork = Append | Deletion | Compaction
