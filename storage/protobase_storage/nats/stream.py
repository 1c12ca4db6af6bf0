"""What is asked of a stream: ordered messages by subject, each with a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import StorageError
from ..shared import Replica


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. `sequence` is its number in the stream, from 1."""

    subject: str
    sequence: int
    data: bytes
    time: str = ""
    """When it was stored, by a server's clock, as RFC 3339 writes it. Only what `last` gives has it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be stored if the last one of its subject has the number `expected` (0: there is none), or
    the last one of the subject `behind`."""

    subject: str
    data: bytes
    expected: int
    behind: str = ""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What the servers say of a stream. `subjects` is how many of those have messages that were asked for."""

    replicas: tuple[Replica, ...]
    messages: int
    bytes: int
    max_bytes: int | None
    last: int
    subjects: int


@dataclass(frozen=True, slots=True)
class Connection:
    """The server that a process is connected to, empty for none; those that it knows, and how often it has
    connected again."""

    server: str
    servers: tuple[str, ...]
    reconnects: int


class Outrun(Exception):
    """Another message was stored under a subject since the expected one; nothing of the call was."""


class Unanswered(Exception):
    """No answer came: what was asked may have been done, or be done yet."""


class Unavailable(Exception):
    """It was not done: there is no such stream now, no majority of its servers, or no connection."""


class Refused(StorageError):
    """The server has answered that it does not do that, and would say so again."""


class Stream(Protocol):
    """A stream on a server. Every method raises `Unanswered`, `Unavailable`, `Refused`."""

    address: str
    """As shown in messages."""
    payload_bytes: int
    """Longest message that the server takes."""

    async def store(self, subject: str, data: bytes) -> int:
        """Store a message; answers with its number."""
        ...

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        """Store all or none; their numbers. Raises `Outrun`. At most `BATCH_MESSAGES`, of a subject each."""
        ...

    async def last(self, subject: str) -> Message | None:
        """The last message of a subject, as the stream's leader knows it."""
        ...

    async def read(self, subject: str, after: int) -> list[Message]:
        """Some of the messages of a subject, or pattern, with higher numbers, in order.

        Nothing: there are none, or none here yet; any server that has a replica may answer.
        """
        ...

    async def subjects(self, pattern: str) -> Mapping[str, int]:
        """The subjects that have messages, and how many."""
        ...

    async def wipe(self, sequence: int) -> None:
        """Drop a message and write over its bytes. Harmless if it is gone."""
        ...

    async def time(self) -> str:
        """What time it is by a server's clock."""
        ...

    async def state(self, pattern: str) -> StreamState:
        """How it is, and how many subjects of a pattern it has."""
        ...

    def connection(self) -> Connection:
        """How this process is connected. Raises nothing."""
        ...

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        """Have ``heard`` called with what is stored from now on, and the number of the message before it
        under its subject; some may be missed. Call the answer to end it."""
        ...

    async def say(self, subject: str, data: bytes) -> None:
        """Send a message that is stored nowhere to who hears it now."""
        ...

    async def hear(self, subject: str, heard: Callable[[bytes], None]) -> Callable[[], None]:
        """Have ``heard`` called with what is said from now on, by this process, too; some may be missed. Call
        the answer to end it."""
        ...

    def when_again(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called each time a lost connection was made again, or another server leads the
        stream. What waited for an answer until then has raised `Unanswered`."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...
