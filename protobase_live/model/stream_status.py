"""How a stream is that nodes share, and how far a node is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SILENT_SECONDS = 5.0
"""For how long the leader may not have heard of a replica; then it counts as gone. A healthy one says
something every second."""


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """A server that keeps the stream, as its leader sees it."""

    name: str
    leads: bool
    online: bool
    """Whether the servers know it to be there; they notice that it is not only after a while."""
    current: bool
    """Whether it has all that is durable, as far as that was heard within the last ten seconds."""
    lag: int
    """Messages that it lacks, about."""
    silent_seconds: float | None
    """How long the leader has not heard of it; None: it never has."""

    @property
    def is_there(self) -> bool:
        """Whether it counts in a majority."""
        return self.online and self.silent_seconds is not None and self.silent_seconds <= SILENT_SECONDS

    @property
    def is_catching_up(self) -> bool:
        """Whether it may only lack something, or be unheard of, for a moment."""
        is_new = self.online and self.silent_seconds is None
        return not self.current and (is_new or self.is_there)

    @property
    def fault(self) -> str | None:
        """What is not well with it."""
        if not self.online:
            return f"replica {self.name} is offline"
        if self.silent_seconds is None:
            return f"replica {self.name} has not been heard of by the leader"
        if not self.is_there:
            return f"replica {self.name} has said nothing for {self.silent_seconds:.1f} s"
        return None if self.current else f"replica {self.name} lacks {self.lag} messages"


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream, as one of the nodes on it sees it."""

    name: str
    configured: int
    """How many replicas it is to have."""
    majority: int
    """On how many of them is what is acknowledged. Whether it is flushed there says their `sync_interval`."""
    server: str
    """The server that the node is connected to; empty: to none."""
    servers: Sequence[str]
    """Those that it knows."""
    reconnects: int
    """How often it has lost the connection and made it again."""
    problem: str | None
    """Why nothing answers for the stream now."""
    told_seconds: float | None
    """How old what follows is that the servers have told; None: they have told nothing yet."""
    replicas: Sequence[ReplicaStatus]
    """The leader first, if there is one."""
    messages: int
    bytes: int
    max_bytes: int | None
    """More are refused; None: there is no limit."""
    last: int
    """The number of the last message."""
    unstored_bytes: int
    """Bytes that wait at the node to be stored."""
    followed: int
    """Collections in its memory, of which it wants to hear what others store."""
    behind: int
    """Those of them of which it has heard something, or looks for it, that it does not show yet."""
    behind_seconds: float
    """For how long that is so of one of them, at most."""

    @property
    def current(self) -> int:
        """How many replicas are there and lack nothing."""
        return sum(each.fault is None for each in self.replicas)

    @property
    def works(self) -> bool:
        """Whether the node is connected to it, it answers, and it has a leader and a majority."""
        return bool(self.server) and self.problem is None and self._lost_majority is None

    def faults(self, lag_seconds: float) -> list[str]:
        """What is not well, in words."""
        return list(self._faults(lag_seconds))

    @property
    def is_catching_up(self) -> bool:
        """Whether a replica is: under load, and behind an election, that may be so for a moment."""
        return any(each.is_catching_up for each in self.replicas)

    def _faults(self, lag_seconds: float) -> Iterator[str]:
        if not self.server:
            yield f"not connected to any server of the stream {self.name}"
        if self.problem is not None:
            yield f"the stream {self.name} does not answer: {self.problem}"
        else:
            yield from self._faults_of_replicas()
        if self.behind_seconds > lag_seconds:
            yield f"{self.behind} collections have been behind the stream for {self.behind_seconds:.1f} s"

    def _faults_of_replicas(self) -> Iterator[str]:
        if self._lost_majority is not None:
            yield self._lost_majority
        missing = self.configured - len(self.replicas)
        if missing > 0:
            yield f"{missing} of {self.configured} replicas are on no server"
        yield from (each.fault for each in self.replicas if each.fault is not None)

    @property
    def _lost_majority(self) -> str | None:
        there = [each for each in self.replicas if each.is_there]
        if len(there) < self.majority:
            return f"{len(there)} of {self.configured} replicas are there, which is no majority"
        if not any(each.leads for each in there):
            return f"the stream {self.name} has no leader, and stores nothing"
        return None

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> StreamStatus:
        """What was made plain data."""
        fields: dict[str, Any] = {**form, "servers": list(form["servers"])}
        fields["replicas"] = [ReplicaStatus(**each) for each in form["replicas"]]
        return cls(**fields)


def promise(majority: int, replicas: int) -> str:
    """What an acknowledgement means, in words."""
    where = f"on {majority} of {replicas} servers"
    return f"what is acknowledged is {where}; whether it is flushed there says their sync_interval"
