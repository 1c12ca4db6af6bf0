"""Who goes first where several processes write the same collections without a pause: who was outrun takes a
ticket, and who is behind it in the queue waits.

All of it is advice, sent to whoever listens and stored nowhere: what is stored is right without, because each
message says behind which one it is to be stored. A ticket that is lost costs an attempt that is outrun.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from ..commit import Vector, join
from ..errors import StorageError
from ..packing import pack, unpack
from .patient import Patient
from .stream import Unanswered, Unavailable

TICKET_SECONDS = 2.0
"""How long a ticket counts unless it is told again: who has it may have died, or be very busy."""

TELL_SECONDS = 0.5
"""How often who has a ticket tells of it again: he may have many commits of others to take."""

TELLINGS = 20
"""How often he does so, at most: nobody waits for ever for one who hangs."""

CONTESTED_SECONDS = 30.0
"""How long a collection is taken for contested after another process had a ticket for it: longer than who was
outrun takes to load it and come again, or those who take no ticket any more would always be faster."""

TICKETS = 1_024
"""Tickets that are known at once, at most; for more, nobody waits."""

CONTESTED = 4_096
"""Collections that are known to be contested, at most: the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue for these collections. Those of one process that have one number go together."""

    number: int
    process: str
    collections: tuple[str, ...]

    def is_before(self, other: Ticket) -> bool:
        """Whether the other one waits for it."""
        is_lower = (self.number, self.process) < (other.number, other.process)
        return is_lower and not set(other.collections).isdisjoint(self.collections)


@dataclass(slots=True)
class _Held:
    """An own ticket: how many use it, and what those before it have stored."""

    users: int = 0
    telling: asyncio.Task[None] | None = None
    seen: dict[str, Vector] = field(default_factory=dict[str, Vector])


class Queueing:
    """The queue, as this process knows it."""

    def __init__(self, stream: Patient, subject: str, process: str, stored: Callable[[str], Vector]) -> None:
        """``process`` is no other's id at the time; ``stored`` says how far this one knows a collection."""
        self._stream = stream
        self._subject = subject
        self._process = process
        self._stored = stored
        self._held: dict[Ticket, _Held] = {}
        self._heard: dict[Ticket, float] = {}
        """All that are known, own ones too, and when they count no more."""
        self._contested: dict[str, float] = {}
        """Until when."""
        self._last = 0
        """The highest number of others."""
        self._changed = asyncio.Event()

    async def begin(self) -> None:
        """Listen to the others. Raises `StorageError`."""
        await self._stream.hear(self._subject, self._hear)

    def contested(self, collections: Iterable[str]) -> bool:
        """Whether another process has, or had lately, a ticket for one of them."""
        now = _now()
        return any(self._contested.get(name, 0) > now for name in collections)

    @asynccontextmanager
    async def queued(self, collections: Sequence[str]) -> AsyncGenerator[Mapping[str, Vector]]:
        """See `Storage.queued`."""
        # A number above those of others alone: whoever comes here while nobody waits elsewhere goes together.
        ticket = Ticket(self._last + 1, self._process, tuple(sorted(collections)))
        held = self._held.setdefault(ticket, _Held())
        held.users += 1
        try:
            if held.users == 1:
                await self._say(ticket)
                held.telling = asyncio.create_task(self._tell_again(ticket))
            await self._wait(ticket)
            yield held.seen
        finally:
            held.users -= 1
            if not held.users:
                self._held.pop(ticket, None)
                if held.telling is not None:
                    held.telling.cancel()
                await self._say(ticket, {name: dict(self._stored(name)) for name in ticket.collections})

    async def _tell_again(self, ticket: Ticket) -> None:
        """While it is held, so that it counts: who has it may take long to come to what others stored."""
        for _ in range(TELLINGS):
            await asyncio.sleep(TELL_SECONDS)
            await self._say(ticket)

    async def _wait(self, ticket: Ticket) -> None:
        """Until the others have heard of it, and nobody is before it; for none longer than it counts."""
        unheard = _now() + TICKET_SECONDS
        while (until := self._waits_until(ticket, unheard)) > _now():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._changed.wait()

    def _waits_until(self, ticket: Ticket, unheard: float) -> float:
        """When those before it that are known count no more; ``unheard`` if it was not heard itself."""
        before = (until for each, until in self._heard.items() if each.is_before(ticket))
        return max(before, default=0.0) if ticket in self._heard else unheard

    async def _say(self, ticket: Ticket, stored: Mapping[str, Vector] | None = None) -> None:
        """Tell of a ticket, or that it is given back and what was stored."""
        data = pack([ticket.number, ticket.process, ticket.collections, stored])
        with suppress(Unanswered, Unavailable, StorageError):  # it is advice
            await self._stream.stream.say(self._subject, data)

    def _hear(self, data: bytes) -> None:
        with suppress(ValueError, TypeError):  # said by somebody who speaks otherwise: nobody waits for him
            number, process, collections, stored = unpack(data)
            ticket = Ticket(int(number), str(process), tuple(map(str, collections)))
            if stored is None:
                self._note(ticket)
            else:
                self._give_back(ticket, cast("Mapping[str, Vector]", stored))
            self._changed.set()

    def _note(self, ticket: Ticket) -> None:
        now = _now()
        for each in [each for each, until in self._heard.items() if until <= now]:
            del self._heard[each]
        if len(self._heard) < TICKETS:
            self._heard[ticket] = now + TICKET_SECONDS
        if ticket.process != self._process:
            self._last = max(self._last, ticket.number)
            self._note_contested(ticket.collections, now)

    def _note_contested(self, collections: Iterable[str], now: float) -> None:
        for name in collections:
            self._contested.pop(name, None)
            self._contested[name] = now + CONTESTED_SECONDS
        while len(self._contested) > CONTESTED:
            del self._contested[next(iter(self._contested))]

    def _give_back(self, ticket: Ticket, stored: Mapping[str, Vector]) -> None:
        self._heard.pop(ticket, None)
        if ticket.process == self._process:
            return
        for own, held in self._held.items():
            for name in own.collections:  # in their order: what is waited for then is the same in each run
                if name in stored:
                    held.seen[name] = join(held.seen.get(name, {}), stored[name])


def _now() -> float:
    return asyncio.get_running_loop().time()
