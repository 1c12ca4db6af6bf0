"""The documents of one socket: which of them are undecided, open, or silent.

A client says who it is for each document, and what it has to say about the document right behind that.
Until somebody has decided, this is kept; of a document that was refused nothing is, until its client says
anew who it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from protobase_live.errors import LimitExceeded
from protobase_live.protocol.hocuspocus.messages import AUTH, CLOSE, Auth, decode, split
from protobase_live.protocol.yjs.messages import STEP1, SYNC

_STEP1 = bytes([SYNC, STEP1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A client wants to open a document; answer with `accept` or `silence`."""

    key: bytes
    token: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message about a document that is open."""

    key: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """A client has let go of a document, which is decided or not."""

    key: bytes


Event = Asked | Said | Left


@dataclass(frozen=True, slots=True)
class UndecidedLimits:
    """What is kept of a socket's documents that are undecided, all of them together."""

    bytes: int
    messages: int
    documents: int


@dataclass(slots=True)
class _Undecided:
    """What a client said about a document that is not decided, and whether it has said who it is."""

    asked: bool = False
    messages: list[bytes] = field(default_factory=list[bytes])


class Documents:
    """Who is who on one socket. A document is known by its key, which may name a session of it."""

    def __init__(self, limits: UndecidedLimits, most_silent: int) -> None:
        """Of more than ``most_silent`` documents that are silent the oldest is forgotten."""
        self._limits = limits
        self._most_silent = most_silent
        self._undecided: dict[bytes, _Undecided] = {}
        self._open: set[bytes] = set()
        self._silent: dict[bytes, bool] = {}
        """Those of which nothing is kept, and whether their clients have let go of them by themselves."""
        self._bytes = 0
        self._messages = 0

    def receive(self, frame: bytes) -> Event | None:
        """Take one frame of the client; None if there is nothing to do about it.

        Raises:
            ProtocolError: the frame has no key, or says in a malformed way who the client is.
            LimitExceeded: too much would have to be kept.
        """
        return self._take(*split(frame))

    def accept(self, key: bytes) -> Iterator[Event]:
        """The document is open; what was kept of it comes now, to be gone through at once.

        Raises what `receive` raises.
        """
        undecided = self._forget(key)
        self._silent.pop(key, None)
        self._open.add(key)
        for message in undecided.messages:
            event = self._take(key, message)
            if event is not None:
                yield event

    def silence(self, key: bytes) -> None:
        """The document was refused, or is served no more: it is ignored until its client asks anew."""
        self._end(key, left=False)

    def _take(self, key: bytes, message: bytes) -> Event | None:
        undecided = self._undecided.get(key)
        if message[0] == CLOSE:
            return self._leave(key)
        if undecided is not None and undecided.asked:
            self._keep(key, message)
            return None
        if message[0] == AUTH:
            return self._ask(key, message)
        if key in self._open:
            return Said(key, message)
        # Older providers that have no token do not say so: they begin with step 1. And they have last words
        # about a document that they have let go of.
        begins = message.startswith(_STEP1) and self._silent.get(key, True)
        if begins or key not in self._silent:
            self._keep(key, message)
        if not begins:
            return None
        self._undecided[key].asked = True
        return Asked(key, None)

    def _ask(self, key: bytes, message: bytes) -> Asked | None:
        auth = decode(message)
        if not isinstance(auth, Auth):
            return None
        self._require_room(key)
        self._undecided.setdefault(key, _Undecided()).asked = True
        return Asked(key, auth.token)

    def _leave(self, key: bytes) -> Left | None:
        was_here = key in self._open or key in self._undecided
        self._end(key, left=True)
        return Left(key) if was_here else None

    def _end(self, key: bytes, *, left: bool) -> None:
        self._forget(key)
        self._open.discard(key)
        self._silent[key] = left
        if len(self._silent) > self._most_silent:
            del self._silent[next(iter(self._silent))]

    def _keep(self, key: bytes, message: bytes) -> None:
        self._require_room(key)
        size, limits = len(key) + len(message), self._limits
        if self._bytes + size > limits.bytes:
            raise LimitExceeded(f"documents that are undecided have {limits.bytes} bytes (undecided_bytes)")
        if self._messages >= limits.messages:
            raise LimitExceeded(
                f"documents that are undecided have {limits.messages} messages (undecided_messages)"
            )
        self._undecided.setdefault(key, _Undecided()).messages.append(message)
        self._bytes += size
        self._messages += 1

    def _require_room(self, key: bytes) -> None:
        most = self._limits.documents
        if key not in self._undecided and len(self._undecided) >= most:
            raise LimitExceeded(f"{most} documents are undecided (undecided_documents)")

    def _forget(self, key: bytes) -> _Undecided:
        undecided = self._undecided.pop(key, None) or _Undecided()
        self._messages -= len(undecided.messages)
        self._bytes -= sum(len(key) + len(message) for message in undecided.messages)
        return undecided
