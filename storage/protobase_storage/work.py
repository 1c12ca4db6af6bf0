"""What the event loop hands to the thread that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from .commit import Commit
from .errors import StorageError
from .upkeep import Steps


@dataclass(slots=True, eq=False)
class Append:
    """Commits that are stored together."""

    commits: Sequence[Commit]
    future: asyncio.Future[None]
    weight: int
    error: StorageError | None = None

    @property
    def collections(self) -> set[str]:
        """Whom they touch."""
        return {commit.collection for commit in self.commits}


@dataclass(slots=True, eq=False)
class Task:
    """A compaction or deletion under way. Its first step runs at its place in the queue."""

    collection: str | None
    steps: Steps
    future: asyncio.Future[None]
    weight: int
    error: StorageError | None = None


@dataclass(slots=True)
class Delivered:
    """Mark in the queue: whoever appends behind it to these collections was told that an append failed."""

    failures: dict[str, StorageError]
