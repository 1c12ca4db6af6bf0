"""Parts of updates that lack a predecessor, until it comes.

They are held outside pycrdt, which loses what it is given out of order. Nothing of them was stored or shown:
who sent them has them, and sends them again when he reconnects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol
from weakref import WeakSet

from protobase_live.document.judge import Judge
from protobase_live.protocol.yjs.structs import Rest

OVERHEAD_BYTES = 200
"""What holding a part costs beside its bytes."""


class Sender(Protocol):
    """Who sent an update."""

    @property
    def author(self) -> str | None:
        """Who is named as its author."""
        ...

    @property
    def judge(self) -> Judge | None:
        """What he may write; None: everything."""
        ...


class StoredLog:
    """Who is named as the sender of what was stored, and lacks something."""

    author: str | None = None
    judge: Judge | None = None


LOG = StoredLog()


class Part(NamedTuple):
    """A part that is held, and who sent it."""

    sender: Sender
    rest: Rest

    @property
    def size(self) -> int:
        """What it costs to hold it, in bytes."""
        return len(self.rest.update) + OVERHEAD_BYTES


class Room(NamedTuple):
    """Most bytes that a document holds; beyond them, what was held longest is let go of."""

    bytes: int = 4 * 1024 * 1024
    client_bytes: int = 1024 * 1024
    """Those of one sender."""


class Held:
    """The parts that one collection holds."""

    def __init__(self, room: Room) -> None:
        """A part that is larger than one of the limits is not held."""
        self._room = room
        self._parts: dict[bytes, Part] = {}
        self._waiting: dict[int, dict[bytes, Part]] = {}
        """The parts by the clients whose structs they wait for."""
        self._sizes: dict[Sender, int] = {}
        self.size = 0
        """Bytes that are held."""
        self.senders: WeakSet[Sender] = WeakSet()
        """Of whom anything was ever held."""

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, sender: Sender, rest: Rest) -> None:
        """Hold a part, once however often it comes."""
        part = Part(sender, rest)
        if rest.update in self._parts or part.size > min(self._room):
            return
        while self._sizes.get(sender, 0) + part.size > self._room.client_bytes:
            self._drop(next(found for found in self._parts.values() if found.sender is sender))
        while self.size + part.size > self._room.bytes:
            self._drop(next(iter(self._parts.values())))
        self._parts[rest.update] = part
        self.senders.add(sender)
        for client in rest.waits:
            self._waiting.setdefault(client, {})[rest.update] = part
        self._sizes[sender] = self._sizes.get(sender, 0) + part.size
        self.size += part.size

    def take_ready(self, vector: Mapping[int, int], advanced: Iterable[int]) -> list[Part]:
        """Take out the parts of which something may fit into a document with this state vector.

        Only parts that wait for one of the clients `advanced` are looked at.
        """
        ready: dict[bytes, Part] = {}
        for client in advanced:
            for update, part in self._waiting.get(client, {}).items():
                if vector.get(client, 0) >= part.rest.waits[client]:
                    ready[update] = part
        for part in ready.values():
            self._drop(part)
        return list(ready.values())

    def _drop(self, part: Part) -> None:
        del self._parts[part.rest.update]
        for client in part.rest.waits:
            waiting = self._waiting[client]
            del waiting[part.rest.update]
            if not waiting:
                del self._waiting[client]
        self.size -= part.size
        self._sizes[part.sender] -= part.size
        if not self._sizes[part.sender]:
            del self._sizes[part.sender]
