"""The figures of one actor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorState(StrEnum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActorTotals:
    """What the actors of a system did since its start, those that have ended too; it only grows."""

    turns: int = 0
    messages: int = 0
    """Messages taken by turns."""
    turn_seconds: float = 0.0
    """Time spent in turns."""
    restarts: int = 0

    def plus(self, stats: ActorStats) -> ActorTotals:
        """These and what one more actor did."""
        return ActorTotals(
            self.turns + stats.turns,
            self.messages + stats.messages,
            self.turn_seconds + stats.turn_seconds,
            self.restarts + stats.restarts,
        )


@dataclass(frozen=True, slots=True)
class ActorStats:
    """A snapshot of one actor. Counts are since `spawn`, over all restarts."""

    state: ActorState
    depth: int
    """Messages in the mailbox."""
    waiting: int
    """Senders waiting for room in it."""
    deferred: int
    """Asks that were taken in an earlier turn and are not answered yet."""
    turns: int
    messages: int
    """Messages taken by turns."""
    turn_seconds: float
    """Time spent in turns."""
    turn_seconds_max: float
    """The longest turn."""
    restarts: int
    active_at: float
    """When the last turn ended (or the actor started), in the clock's monotonic seconds."""
    failure: BaseException | None
    """What the actor last failed with."""
