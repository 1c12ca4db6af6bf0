"""How long commits take through the gates of the commit rule, added up, and told to who wants to know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

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


class Written(Protocol):
    """What a turn has of a commit."""

    @property
    def commit(self) -> Commit: ...


Told = Callable[[Sequence[Commit], Passage], None]
"""Is told, in the event loop, of the commits of a turn that was just shown. Must not raise."""


class Gates:
    """The gates of all collections of a database.

    The moments at which a turn has passed them are a list of times, to which whoever is at one appends `now`.
    """

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        """The time, in seconds. Asked four times for each turn, so nothing is between."""
        self._listeners: list[Told] = []
        self.turns = 0
        """Turns with commits that were shown since the start."""
        self._admit = self._apply = self._persist = self._show = 0.0

    @property
    def seconds(self) -> Passage:
        """How long these took in all."""
        return Passage(self._admit, self._apply, self._persist, self._show)

    def listen(self, told: Told) -> None:
        """From now on ``told`` is told of each."""
        self._listeners.append(told)

    def shown(self, written: Sequence[Written], moments: Sequence[float]) -> None:
        """A turn has passed the last one, and the others at these moments. Runs for each."""
        began, admitted, applied, persisted = moments
        now = self.now()
        self._admit += admitted - began
        self._apply += applied - admitted
        self._persist += persisted - applied
        self._show += now - persisted
        self.turns += 1
        if self._listeners:
            passage = Passage(admitted - began, applied - admitted, persisted - applied, now - persisted)
            commits = [each.commit for each in written]
            for told in self._listeners:
                told(commits, passage)
