"""Keeps a collection's log short: folds what is old into a snapshot, in the background.

A long log harms nobody but whoever loads it. One that cannot be folded stays as it is, and is tried again
each time it is twice as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from protobase_actors import Clock
from protobase_live.collection.fold import fold_aside
from protobase_live.collection.limits import Limits
from protobase_live.collection.outlet import Outlet
from protobase_live.collection.unfolded import Unfolded
from protobase_storage import Commit, Loaded, Snapshot, StaleSnapshot, Storage


class Folding:
    """The length of one collection's log, and its folding."""

    def __init__(
        self,
        name: str,
        storage: Storage,
        clock: Clock,
        limits: Limits,
        unfolded: Unfolded,
        slots: asyncio.Semaphore,
        outlet: Outlet,
    ) -> None:
        """``unfolded`` is told when it cannot be folded. A fold takes one of the database's ``slots``.

        ``outlet`` says what has to stay in the log.
        """
        self._name = name
        self._outlet = outlet
        self._storage = storage
        self._clock = clock
        self._limits = limits
        self._commits = 0
        self._bytes = 0
        self._left_commits = 0
        self._left_bytes = 0
        """Of what was left for other nodes when it was folded last, and is not counted above."""
        self._unfolded = unfolded
        self._slots = slots
        self._allowance = 1
        """How many times as long as its limit the log may be before it is folded."""
        self._task: asyncio.Task[None] | None = None
        self._is_counted_anew = False
        """Whether the log was counted after it was read to be folded."""
        self._storing = False
        """Whether the storage has been given what was folded: it goes on even if nobody waits for it."""

    def loaded(self, loaded: Loaded) -> None:
        """The log is as long as this. What is being folded may be in it, and counts until the next fold."""
        self._commits, self._bytes = len(loaded.commits), _bytes(loaded.commits)
        self._left_commits = self._left_bytes = 0
        self._is_counted_anew = True

    def grew(self, commit: Commit) -> None:
        """One more commit is durable; begins to fold if the log is long."""
        self._commits += 1
        self._bytes += len(commit.update)
        limits, times = self._limits, self._allowance
        too_long = self._commits > times * limits.log_commits or self._bytes > times * limits.log_bytes
        if too_long and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._fold())

    async def stop(self) -> None:
        """Give up folding and wait until it has ended. What is being stored of it is stored first."""
        if self._task is not None:
            if not self._storing:
                self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None  # one that had not begun has not done so itself

    async def _fold(self) -> None:
        try:
            async with self._slots:
                folded, left = await self._fold_older()
            if not self._is_counted_anew:
                self._commits += self._left_commits - len(folded) - len(left)
                self._bytes += self._left_bytes - _bytes(folded) - _bytes(left)
                self._left_commits, self._left_bytes = len(left), _bytes(left)
            self._allowance = 1
            self._unfolded.remove(self._name)
        except StaleSnapshot:
            pass  # another process has folded more, which is seen the next time
        except Exception as error:  # whatever it is, the log is as it was, and so is the collection
            self._allowance *= 2
            self._unfolded.add(self._name, error)
        finally:
            self._storing = False
            self._task = None

    async def _fold_older(self) -> tuple[Sequence[Commit], Sequence[Commit]]:
        """Store a snapshot in the place of the older commits.

        The answer is what it replaces, and what was left though it is as old, because other nodes need it.
        """
        stored = await self._storage.load(self._name)
        if len(stored.commits) < self._commits + self._left_commits:  # another process has folded it
            self.loaded(stored)
        self._is_counted_anew = False
        retained = self._retained(stored.commits)
        left = self._outlet.left_in_log(self._name, stored, retained)
        older = Loaded(stored.snapshot, _without_newest(stored.commits, left))
        if older.commits:
            update = await fold_aside(older.updates, self._clock, self._limits)
            self._storing = True
            await self._storage.compact(Snapshot(self._name, update, older.vector, self._clock.time()))
        return older.commits, _without_newest(stored.commits, retained)[len(older.commits) :]

    def _retained(self, commits: Sequence[Commit]) -> int:
        """How many of the newest commits are retained for cursors."""
        kept = size = 0
        for commit in reversed(commits):
            size += len(commit.update)
            if kept >= self._limits.retained_commits or size > self._limits.retained_bytes:
                break
            kept += 1
        return kept


def _without_newest(commits: Sequence[Commit], count: int) -> tuple[Commit, ...]:
    return tuple(commits[: len(commits) - count])


def _bytes(commits: Sequence[Commit]) -> int:
    return sum(len(commit.update) for commit in commits)
