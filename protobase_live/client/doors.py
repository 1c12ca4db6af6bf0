"""The servers that a client may be connected to, and which of them is dialled next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from protobase_actors import Clock
from protobase_live.client.limits import ClientLimits
from protobase_live.errors import ProtoBaseError


@dataclass(eq=False, slots=True)
class Door:
    """The live door of one server."""

    url: str
    attempts: int = 0
    """How often it was left again since a connection to it has lasted."""
    unanswered: int = 0
    """How many attempts came to nothing since there was a connection to it, however short."""
    due: float = 0.0
    """When it may be dialled, in seconds of the clock."""
    refused: ProtoBaseError | None = None
    """Why nothing can be reached there, however long one waits, as far as the last attempt says."""


class Doors:
    """All of them, in an order that is drawn once: many clients spread over the servers.

    The one that was left comes after the others, and is dialled with pauses that grow. The others are dialled
    within half of ``backoff_seconds``, and not by all who have lost the same server in the same moment.
    """

    def __init__(self, urls: Sequence[str], *, clock: Clock, random: Random, limits: ClientLimits) -> None:
        """There is one address at least, and none twice."""
        self._clock = clock
        self._random = random
        self._limits = limits
        self._doors = [Door(url) for url in urls]
        if len(urls) > 1:
            random.shuffle(self._doors)

    async def next(self) -> Door:
        """The door to dial, as soon as one may be: of several the one that was left the least often."""
        soonest = min(door.due for door in self._doors)
        await self._clock.sleep(max(0.0, soonest - self._clock.monotonic()))
        return min((door for door in self._doors if door.due <= soonest), key=lambda each: each.attempts)

    def left(self, door: Door, lasted: float, *, absent: bool = False) -> None:
        """A connection to a door has ended after ``lasted`` seconds, 0 if there was none.

        It is ``absent`` if nothing listens there: asking costs little, so who knows no other asks sooner.
        """
        now = self._clock.monotonic()
        soon = now + self._random.random() * self._limits.backoff_seconds / 2
        for other in self._doors:
            other.due = max(other.due, soon)
        if lasted >= self._limits.max_backoff_seconds:
            door.attempts = 0  # not before: a server may welcome everybody and close at once
        door.due = now + self._pause(door.attempts, self._longest_pause(absent))
        door.attempts += 1
        door.unanswered = 0 if lasted else door.unanswered + 1

    def pause(self, attempt: int) -> float:
        """Exponential, capped, and spread: many clients that lost one server do not return at once."""
        return self._pause(attempt, self._limits.max_backoff_seconds)

    def _pause(self, attempt: int, most: float) -> float:
        longest = min(most, self._limits.backoff_seconds * 2 ** min(attempt, 30))
        return longest * (0.5 + self._random.random() / 2)

    def _longest_pause(self, absent: bool) -> float:
        longest = self._limits.max_backoff_seconds
        if absent and len(self._doors) == 1:
            return min(longest, self._limits.absent_backoff_seconds)
        return longest

    def patience(self, door: Door) -> float:
        """How long one attempt may take: where there are others, not long at first.

        It may be slow to answer, and is waited for longer each time, unless it has answered: who loses one
        server after the other must not wait for one that has gone meanwhile.
        """
        longest = self._limits.attempt_seconds
        if len(self._doors) == 1:
            return longest
        return min(longest, self._limits.switch_seconds * 2 ** min(door.unanswered, 30))

    def patience_at(self, url: str) -> float:
        """The same of the door there."""
        return self.patience(next(door for door in self._doors if door.url == url))

    def silence(self, seconds: float) -> float:
        """How long a server may say nothing that told ``seconds``: where there are others, not so long."""
        return seconds if len(self._doors) == 1 else min(seconds, self._limits.silence_seconds)

    @property
    def all_refused(self) -> bool:
        """Whether nothing can be reached anywhere."""
        return all(door.refused is not None for door in self._doors)
