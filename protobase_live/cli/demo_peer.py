"""A simulated peer of the demo: somebody who plans, votes, finishes and writes notes."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from protobase_live.errors import OutcomeUnknown, RecordMissing, Unavailable
from protobase_live.handles import Collection
from protobase_live.handles.presence import Presence
from protobase_live.model.atoms import Atom
from protobase_live.structures import Counter

BOARD = "demo/board"
MAX_TASKS = 9
"""Tasks on the board; then somebody tidies up."""

MAX_NOTES_CHARS = 240
"""Length of the notes; then the oldest are cut."""

PAUSE_SECONDS = (0.25, 1.1)
"""Shortest and longest rest between two deeds."""

_VERBS = ("Draw", "Measure", "Test", "Explain", "Simplify", "Ship", "Review", "Name")
_THINGS = ("the doors", "the mailbox", "a cursor", "the log", "the README", "a counter", "the queue")
_REMARKS = ("looks good. ", "who takes this? ", "done by noon. ", "fewer words! ", "measured twice. ")


class Task(Atom):
    """What stands on the board; votes add up, also concurrent ones."""

    title: str
    owner: str
    done: bool = False
    votes: Counter = 0  # pyright: ignore[reportAssignmentType] - the kind of the field, written as its value


class DemoPeer:
    """Does one small thing after the other, until cancelled."""

    def __init__(self, name: str, board: Collection[Task], presence: Presence, random: Random) -> None:
        self._name = name
        self._board = board
        self._presence = presence
        self._random = random

    async def work(self) -> None:
        """Work for ever."""
        deeds = (self._plan, self._plan, self._vote, self._vote, self._finish, self._write, self._write)
        while True:
            await asyncio.sleep(self._random.uniform(*PAUSE_SECONDS))
            try:
                await self._presence.set({**self._state, "busy": self._random.random() < 0.5})
                await self._random.choice(deeds)()
            except (RecordMissing, OutcomeUnknown, Unavailable):
                continue  # somebody else tidied it up first, or a node was lost

    @property
    def _state(self) -> dict[str, Any]:
        return self._presence.states[self._presence.client]

    async def _plan(self) -> None:
        tasks = await self._board.items()
        if len(tasks) >= MAX_TASKS:
            done = [key for key, task in tasks.items() if task.done]
            await self._board.delete(self._random.choice(done or list(tasks)))
        else:
            title = f"{self._random.choice(_VERBS)} {self._random.choice(_THINGS)}"
            await self._board.insert(Task(title=title, owner=self._name))

    async def _vote(self) -> None:
        if keys := await self._board.keys():
            await self._board.field(self._random.choice(keys), "votes", Counter).add(1)

    async def _finish(self) -> None:
        tasks = await self._board.items()
        if open_keys := [key for key, task in tasks.items() if not task.done]:
            await self._board.update(self._random.choice(open_keys), done=True)

    async def _write(self) -> None:
        notes = self._board.text("notes")
        remark = f"{self._name}: {self._random.choice(_REMARKS)}"
        for word in remark.split(" ")[:-1]:
            await notes.append(f"{word} ")
            await asyncio.sleep(0.05)
        if (extra := await notes.count() - MAX_NOTES_CHARS) > 0:
            await notes.delete(0, extra)
