"""How long commits take through the gates of the commit rule, added up, and told to who wants to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from protobase_actors import Clock
from protobase_storage import Commit


class Passage(NamedTuple):
    """How long a turn took from one gate to the next, in seconds."""

    admit: float
    """From its beginning until it was found out who is to be served."""
    apply: float
    """Until the storage was given its commits."""
    persist: float
    """Until the storage said that they are durable, and it was the turn's turn to be shown."""
    show: float
    """Until everybody was told."""


GATES = Passage._fields

Told = Callable[[Sequence[Commit], Passage], None]
"""Is told, in the event loop, of the commits of a turn that was just shown. Must not raise."""


class Moments:
    """When a turn passed which gate. Whoever is at one marks it, in their order."""

    __slots__ = ("_now", "_passed")

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._passed = [self._now()]

    def mark(self) -> None:
        """The next gate was passed."""
        self._passed.append(self._now())

    def passage(self) -> Passage:
        """What came of them, if it is shown now."""
        self.mark()
        return Passage(*(later - sooner for sooner, later in pairwise(self._passed)))


class Gates:
    """The gates of all collections of a database."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Told] = []
        self.turns = 0
        """Turns with commits that were shown since the start."""
        self.seconds = dict.fromkeys(GATES, 0.0)
        """How long they took, by gate."""

    def listen(self, told: Told) -> None:
        """From now on ``told`` is told of each."""
        self._listeners.append(told)

    def begin(self) -> Moments:
        """A turn begins."""
        return Moments(self._clock)

    def shown(self, commits: Sequence[Commit], moments: Moments) -> None:
        """A turn has passed the last one. Runs for each."""
        passage, seconds = moments.passage(), self.seconds
        seconds["admit"] += passage.admit
        seconds["apply"] += passage.apply
        seconds["persist"] += passage.persist
        seconds["show"] += passage.show
        self.turns += 1
        for told in self._listeners:
            told(commits, passage)
