"""A storage that other processes write at the same time: what they store is told to who follows it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .commit import Commit, Vector
from .contract import Storage


@dataclass(frozen=True, slots=True)
class News:
    """What others have stored of a collection, in order. `replaced`: it has become something else, which is
    to be loaded, by a deletion or by a snapshot of what never came here."""

    commits: tuple[Commit, ...] = ()
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Replica:
    """A server that keeps all of a shared storage, as the one that leads sees it."""

    name: str
    leads: bool
    online: bool
    """Whether the servers know it to be there; they notice that it is not only after a while."""
    current: bool
    """Whether it has all that is durable."""
    lag: int
    """Messages that it lacks, about."""
    silent_seconds: float | None
    """How long the one that leads has not heard of it; None: it never has."""


@dataclass(frozen=True, slots=True)
class SharedState:
    """How a shared storage is, and its servers, which are asked at most once a second."""

    name: str
    server: str
    """The one that this process is connected to; empty: to none."""
    servers: tuple[str, ...]
    """Those that it knows."""
    reconnects: int
    """How often the connection was lost and made again."""
    problem: str | None
    """Why the servers have answered nothing when they were last asked; then what follows is older."""
    told_seconds: float | None
    """How old what follows is that the servers have told; None: they have told nothing yet."""
    replicas: tuple[Replica, ...]
    """The one that leads first, if there is one."""
    messages: int
    bytes: int
    max_bytes: int | None
    """More are refused; None: there is no limit."""
    last: int
    """The number of the last message."""
    unstored_bytes: int
    """Bytes that wait here to be stored."""
    followed: int
    """Collections of which this process wants to hear what others store."""
    behind: int
    """Those of them of which something was heard, or is looked for, that is not taken yet."""
    behind_seconds: float
    """For how long that is so of one of them, at most."""


class Channel(Protocol):
    """What processes that share a storage say to each other without storing it. Any of it may be lost; what
    one says on a topic arrives in order. The topics are collections' names, and an empty one."""

    message_bytes: int
    """Longest that can be said."""

    def say(self, topic: str, data: bytes) -> None:
        """Send to all who listen, to this process, too. What is too much is left out."""
        ...

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        """Have ``heard`` called with what is said from some moment on, instead of whoever listened before."""
        ...

    def unlisten(self, topic: str) -> None:
        """Nobody listens any more. Harmless if nobody did."""
        ...

    def when_again(self, tell: Callable[[], None]) -> None:
        """Have ``tell`` called each time that something may have been lost for a while."""
        ...


class SharedStorage(Storage):
    """See `Storage`. An append of a commit that `news` told stores nothing, and completes in its turn."""

    shared = True

    replicas: int
    """How many servers keep all of it. An append is durable when a majority of them has it."""

    channel: Channel
    """To those who share it."""

    @property
    def majority(self) -> int:
        """How many servers have what is durable."""
        return self.replicas // 2 + 1

    @abstractmethod
    async def state(self) -> SharedState:
        """How it is. It is told of servers that do not answer, too. Raises `StorageClosed`."""

    @abstractmethod
    def follow(self, collection: str, vector: Vector, remains: bytes = b"") -> None:
        """From now on `news` tells what others store of a collection beside ``vector``, which was loaded with
        these ``remains``. It begins anew where the collection is followed already: what was read for that and
        is not told yet is not told then.

        It ends when the collection has become something else: that is told, unless this process has deleted
        it. Whoever does that follows what is there then."""

    @abstractmethod
    def unfollow(self, collection: str) -> None:
        """Nobody is interested any more. Harmless if it is not followed."""

    @abstractmethod
    def look(self, collections: Iterable[str]) -> None:
        """Have `news` look at those of them that are followed, as if it had heard of them."""

    @abstractmethod
    async def news(self) -> Mapping[str, News]:
        """Wait until others have stored something of what is followed, and take it.

        The parts of a commit over several collections come together, those of collections that are followed;
        where there is one alone it comes as a commit of its collection. One call at a time. Raises
        `StorageClosed` once that is so, and `StorageError`: then what was to be told is told by a later call.
        """
