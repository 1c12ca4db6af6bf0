"""The servers of a stream in memory, with the semantics of JetStream's, on the event loop's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ..shared import Replica
from .limits import PAGE_BYTES, PAGE_MESSAGES
from .stream import Draft, Message, Outrun, StreamState, Unavailable

BEGINNING = datetime(2027, 1, 1, tzinfo=UTC)
"""What time it is for the servers when the event loop's clock begins."""

LAG_SECONDS = 5.0
"""How far the replicas that are read may be behind, at most."""


@dataclass(frozen=True, slots=True)
class _Stored:
    message: Message
    moment: float


class Listener(Protocol):
    """A process that is told what happens."""

    def tell_elected(self) -> None:
        """Another server leads the stream."""
        ...

    def tell_stored(self, message: Message, before: int) -> None:
        """A message was stored, the one before it under its subject was this."""
        ...

    def tell_said(self, subject: str, data: bytes) -> None:
        """Somebody has said this."""
        ...


class StreamServers:
    """The stream itself. Any number of `SimulatedStream` may use it, one for each process."""

    def __init__(self) -> None:
        self.has_leader = True
        """Whether a majority of the servers is there and has elected one. Without, replicas can be read, and
        nothing else is answered."""
        self.is_electing = False
        """Whether nobody leads the stream, and nobody has noticed: what is published is refused, since nobody
        listens for it, and other requests are heard by servers that leave the answer to a leader."""
        self.term = 0
        """How many leaders have died."""
        self.is_there = True
        """Whether nobody has deleted the stream. It comes back as it was."""
        self.ahead = 0.0
        """By how many seconds their clock was set forward."""
        self._subjects: dict[str, dict[int, _Stored]] = {}
        self._subject_of: dict[int, str] = {}
        self._sequence = 0
        self._wiped: deque[tuple[float, _Stored]] = deque()
        """What some replica may have yet, and when it was wiped."""
        self._streams: dict[Listener, None] = {}

    def kill_leader(self) -> None:
        """It dies: its answers that are under way are lost, and what only leaders answer is not answered."""
        self.is_electing = True
        self.term += 1

    def elect(self) -> None:
        """Another server leads, and says so."""
        self.is_electing = False
        for stream in self._streams:
            stream.tell_elected()

    def add(self, stream: Listener) -> None:
        """A process is there, which may listen."""
        self._streams[stream] = None

    def remove(self, stream: Listener) -> None:
        """It is no more. Harmless if it was not there."""
        self._streams.pop(stream, None)

    def publish(self, drafts: Sequence[Draft]) -> list[int]:
        """Store all, or raise `Outrun`."""
        for draft in drafts:
            if self._last_number(draft.behind or draft.subject) != draft.expected:
                raise Outrun(f"wrong last sequence: {self._last_number(draft.behind or draft.subject)}")
        return [self.store(draft.subject, draft.data) for draft in drafts]

    def store(self, subject: str, data: bytes) -> int:
        """Store a message, and send it to who listens."""
        before, self._sequence = self._last_number(subject), self._sequence + 1
        message = Message(subject, self._sequence, data, self.moment())
        self._subjects.setdefault(subject, {})[self._sequence] = _Stored(message, now())
        self._subject_of[self._sequence] = subject
        for stream in self._streams:
            stream.tell_stored(message, before)
        return self._sequence

    def last(self, subject: str) -> Message | None:
        """The last message of a subject."""
        stored = self._subjects.get(subject)
        return stored[max(stored)].message if stored else None

    def read(self, pattern: str, after: int, lacks: float = 0.0, keeps: float = 0.0) -> list[Message]:
        """A page from a replica that lacks what was stored in the last seconds, and has what was wiped in
        some."""
        there = [each for subject in self._matching(pattern) for each in self._subjects[subject].values()]
        there += [
            each
            for wiped, each in self._wiped
            if wiped > now() - keeps and _matches(pattern, each.message.subject)
        ]
        found = [
            each.message
            for each in sorted(there, key=lambda each: each.message.sequence)
            if each.message.sequence > after and (not lacks or each.moment <= now() - lacks)
        ]
        page, size = list[Message](), 0
        for message in found[:PAGE_MESSAGES]:
            size += len(message.data)
            if page and size > PAGE_BYTES:
                break
            page.append(message)
        return page

    def subjects(self, pattern: str) -> Mapping[str, int]:
        """How many messages subjects have."""
        return {subject: len(self._subjects[subject]) for subject in self._matching(pattern)}

    def wipe(self, sequence: int) -> None:
        """Drop a message."""
        subject = self._subject_of.pop(sequence, None)
        if subject is not None:
            self._wiped.append((now(), self._subjects[subject].pop(sequence)))
            while self._wiped[0][0] < now() - LAG_SECONDS:
                self._wiped.popleft()
            if not self._subjects[subject]:
                del self._subjects[subject]

    def state(self, pattern: str) -> StreamState:
        """How the stream is, on a single server."""
        stored = [each for messages in self._subjects.values() for each in messages.values()]
        size = sum(len(each.message.subject) + len(each.message.data) for each in stored)
        last = max((each.message.sequence for each in stored), default=0)
        leader = Replica("simulated", True, True, True, 0, 0.0)
        return StreamState((leader,), len(stored), size, None, last, len(self._matching(pattern)))

    def say(self, subject: str, data: bytes) -> None:
        """Send it to who hears that subject."""
        for stream in self._streams:
            stream.tell_said(subject, data)

    def moment(self) -> str:
        """What time it is, as JetStream tells it: RFC 3339."""
        time = BEGINNING + timedelta(seconds=now() + self.ahead)
        return f"{time.replace(tzinfo=None).isoformat()}Z"

    def require(self, *, leader: bool = True) -> None:
        """Raises `Unavailable` where nobody answers."""
        if not self.is_there:
            raise Unavailable("stream not found (10059)")
        if leader and (self.is_electing or not self.has_leader):
            raise Unavailable("no server answers for the stream: it has lost the majority of its servers")

    def _last_number(self, subject: str) -> int:
        last = self.last(subject)
        return last.sequence if last else 0

    def _matching(self, pattern: str) -> list[str]:
        if "*" not in pattern:
            return [pattern] if pattern in self._subjects else []
        return [subject for subject in self._subjects if _matches(pattern, subject)]


def _matches(pattern: str, subject: str) -> bool:
    """Whether a subject is one of a pattern, in which an asterisk stands for any token."""
    wanted, found = pattern.split("."), subject.split(".")
    return len(wanted) == len(found) and all(
        each in ("*", token) for each, token in zip(wanted, found, strict=True)
    )


def now() -> float:
    """The event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
