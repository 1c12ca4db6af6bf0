"""A scripted person of the demo: somebody who plans, votes, moves and reorders tasks."""

from __future__ import annotations

from random import Random
from typing import Any

from protobase_actors import Clock
from protobase_live.cli.demo.data import COLUMNS, Member, Task
from protobase_live.errors import OutcomeUnknown, RecordMissing, Unavailable
from protobase_live.handles import Collection
from protobase_live.handles.presence import Presence
from protobase_live.structures import Counter

MAX_TASKS = 24
"""Tasks on the board; then nobody plans more, and everybody tidies up what he has planned himself."""

PAUSE_SECONDS = (0.25, 1.1)
"""Shortest and longest rest between two deeds."""

_VERBS = ("Draw", "Measure", "Test", "Explain", "Simplify", "Ship", "Review", "Name")
_THINGS = ("the doors", "the mailbox", "a cursor", "the log", "the README", "a counter", "the queue")


class Person:
    """Does one small thing after the other, until cancelled."""

    def __init__(self, member: Member, board: Collection[Task], presence: Presence, random: Random) -> None:
        self._name = member.name
        self._board = board
        self._presence = presence
        self._random = random
        self._planned: list[str] = []
        """The keys of what this one has planned."""

    async def work(self, clock: Clock) -> None:
        """Work for ever."""
        deeds = (self._plan, self._vote, self._vote, self._move, self._move, self._weigh)
        while True:
            await clock.sleep(self._random.uniform(*PAUSE_SECONDS))
            try:
                await self._random.choice(deeds)()
            except (RecordMissing, OutcomeUnknown, Unavailable):
                continue  # somebody else has taken it away, or a node was lost

    async def _plan(self) -> None:
        if await self._board.count() >= MAX_TASKS:
            await self._tidy()
            return
        title = f"{self._random.choice(_VERBS)} {self._random.choice(_THINGS)}"
        task = Task(title=title, owner=self._name, priority=self._random.randint(0, 5), order=self._place())
        self._planned.append(await self._board.insert(task))

    async def _tidy(self) -> None:
        if self._planned:
            await self._board.delete(self._planned.pop(0))

    async def _vote(self) -> None:
        if key := await self._some_task():
            await self._board.field(key, "votes", Counter).add(1)

    async def _move(self) -> None:
        if key := await self._some_task():
            await self._board.update(key, column=self._random.choice(COLUMNS), order=self._place())

    async def _weigh(self) -> None:
        if key := await self._some_task():
            await self._board.update(key, priority=self._random.randint(0, 5))

    async def _some_task(self) -> str | None:
        """The key of one, at which this one is seen to point."""
        if not (keys := await self._board.keys()):
            return None
        key = self._random.choice(keys)
        await self._presence.set({**self._state, "at": key})
        return key

    def _place(self) -> float:
        return round(self._random.uniform(0, 100), 3)

    @property
    def _state(self) -> dict[str, Any]:
        return self._presence.states[self._presence.client]
