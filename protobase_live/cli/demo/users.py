"""The scripted people: as many as somebody wants, each a client of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from protobase_actors import Clock
from protobase_live.cli.demo.data import BOARD, COLORS, PEOPLE, TEAMS, Member, Task
from protobase_live.cli.demo.person import Person
from protobase_live.client import connect
from protobase_live.errors import ProtoBaseError, RecordExists, ValidationError

MAX_USERS = 100
"""Scripted people at once; asking for more is refused."""

AGAIN_SECONDS = 1.0
"""When somebody who could not go on comes back."""

_NAMES = ("fay", "gus", "hal", "ida", "jo", "kim", "leo", "mia", "ned", "ola")


class Users:
    """All of them; an async context manager that lets them go."""

    def __init__(self, urls: Sequence[str], changed: Callable[[], None], clock: Clock) -> None:
        """``urls`` are the nodes'; ``changed`` is called when there are more or fewer."""
        self._urls = urls
        self._changed = changed
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._tasks)

    async def __aenter__(self) -> Users:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.become(0)

    async def become(self, count: object) -> None:
        """Have so many of them. Raises ValidationError."""
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_USERS:
            raise ValidationError(f"count is {count!r}; expected a whole number from 0 to {MAX_USERS}")
        while len(self._tasks) < count:
            self._tasks.append(asyncio.ensure_future(self._come(len(self._tasks))))
        leaving, self._tasks = self._tasks[count:], self._tasks[:count]
        self._changed()
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)

    async def _come(self, n: int) -> None:
        """Work, and come back after whatever has ended that."""
        first = n % len(self._urls)
        urls = [*self._urls[first:], *self._urls[:first]]
        while True:
            try:
                await self._work(member(n), urls)
            except ProtoBaseError:
                await self._clock.sleep(AGAIN_SECONDS)

    async def _work(self, member: Member, urls: Sequence[str]) -> None:
        async with connect(urls, token=member.name) as database:
            people = await database.collection(PEOPLE, Member)
            with suppress(RecordExists):
                await people.insert(member, key=member.name)
            board = await database.collection(BOARD, Task)
            async with board.presence({"name": member.name, "color": member.color}) as presence:
                await Person(member, board, presence, Random()).work(self._clock)


def member(n: int) -> Member:
    """Who the scripted person of this number is; no two have one name."""
    turn, place = divmod(n, len(_NAMES))
    name = _NAMES[place] if turn == 0 else f"{_NAMES[place]}{turn + 1}"
    return Member(name=name, team=TEAMS[n % len(TEAMS)], color=COLORS[n % len(COLORS)])
