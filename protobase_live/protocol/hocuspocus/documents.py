"""The documents of one socket: which of them are undecided, open, or silent.

A client says who it is for each document, and what it has to say about the document right behind that.
Until somebody has decided, this is kept; of a document that was refused nothing is, until its client says
anew who it is. What is said about an open document is heard while a newer token of it is looked at, too.

When as many are undecided as may be, whatever comes next waits in one line, in its order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from protobase_live.errors import LimitExceeded
from protobase_live.protocol.hocuspocus.messages import AUTH, CLOSE, SYNC_REPLY, Auth, decode, split
from protobase_live.protocol.yjs.messages import STEP1, SYNC

_STEP1 = bytes([SYNC, STEP1])
_STEP1_IN_REPLY = bytes([SYNC_REPLY, STEP1])


@dataclass(frozen=True, slots=True)
class Asked:
    """A client wants to open a document, or says a newer token for one: answer with `accept`, `refuse` or
    `postpone`. What was asked about the document before counts no more."""

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
    """What is kept of a socket's documents that are undecided, all of them together; tokens count, too."""

    bytes: int
    messages: int
    documents: int


class _NoRoom(LimitExceeded):
    """There will be room when something is decided."""


@dataclass(slots=True)
class _Kept:
    """What a client said about a document that is not decided, and whether it has said who it is."""

    asked: bool = False
    postponed: bool = False
    """Whether that could not be decided when it was tried last."""
    token: bytes = b""
    """The message that said who."""
    messages: list[bytes] = field(default_factory=list[bytes])

    @property
    def left(self) -> bool:
        """Whether the client has let go of the document since."""
        return any(message[0] == CLOSE for message in self.messages)

    @property
    def writes(self) -> bool:
        """Whether it wrote something before."""
        return any(
            message[0] in (SYNC, SYNC_REPLY) and not message.startswith((_STEP1, _STEP1_IN_REPLY))
            for message in self.messages
        )

    @property
    def turn(self) -> int | None:
        """The place of the first message by which the client has become another one, or has left."""
        places = (at for at, message in enumerate(self.messages) if message[0] in (AUTH, CLOSE))
        return next(places, None)

    @property
    def renewed(self) -> bool:
        """Whether a newer token was said, before the document was left if it was."""
        return self.turn is not None and self.messages[self.turn][0] == AUTH


class Documents:
    """Who is who on one socket. A document is known by its key, which may name a session of it."""

    def __init__(self, limits: UndecidedLimits, most_silent: int) -> None:
        """Of more than ``most_silent`` documents that are silent the oldest is forgotten."""
        self._limits = limits
        self._most_silent = most_silent
        self._undecided: dict[bytes, _Kept] = {}
        self._open: set[bytes] = set()
        self._renewals: dict[bytes, _Kept] = {}
        """Of documents that are open: the newest token, while an older one is looked at."""
        self._silent: dict[bytes, bool] = {}
        """Those of which nothing is kept, and whether their clients have let go of them by themselves."""
        self._line: deque[tuple[bytes, bytes]] = deque()
        self._line_bytes = 0
        self._bytes = 0
        self._messages = 0

    @property
    def full(self) -> bool:
        """Whether something waits for a decision about something else: no more should be received."""
        return bool(self._line)

    def receive(self, frame: bytes) -> Event | None:
        """Take one frame of the client; None if there is nothing to do about it, or not yet (`go_on`).

        Raises:
            ProtocolError: the frame has no key, or says in a malformed way who the client is.
            LimitExceeded: too much would have to be kept.
        """
        key, message = split(frame)
        if not self._line:
            try:
                return self._take(key, message)
            except _NoRoom:
                pass
        self._line_bytes += len(key) + len(message)
        if self._line_bytes > self._limits.bytes:
            raise self._too_many_bytes()
        self._line.append((key, message))
        return None

    def go_on(self) -> Iterator[Event]:
        """Something was decided: what has waited for it, to be gone through at once.

        Raises what `receive` raises.
        """
        while self._line:
            key, message = self._line[0]
            try:
                event = self._take(key, message)
            except _NoRoom:
                return
            self._line.popleft()
            self._line_bytes -= len(key) + len(message)
            if event is not None:
                yield event

    def accept(self, key: bytes) -> Iterator[Event]:
        """The document is open, or stays so; what was kept of it comes now, to be gone through at once.

        Raises what `receive` raises.
        """
        kept = self._forget(key)
        self._silent.pop(key, None)
        self._open.add(key)
        yield from self._replay(key, kept.messages)

    def refuse(self, key: bytes) -> Iterator[Event]:
        """The token that was asked about is not accepted. If a newer one was said meanwhile that is asked
        about now, and what was kept goes under it; else the document is ignored until its client asks anew.

        Raises what `receive` raises.
        """
        kept = self._forget(key)
        if kept.turn is None:
            self._end(key, left=False)
        elif kept.renewed:
            for message in kept.messages[: kept.turn]:
                self._keep(key, message)
            yield from self._replay(key, kept.messages[kept.turn :])
        else:
            self._end(key, left=True)
            yield from self._replay(key, kept.messages[kept.turn + 1 :])

    def postpone(self, key: bytes) -> Iterator[Event]:
        """It cannot be told now whether the token is accepted; the newer one is asked about if there is one,
        else it is to be tried again.

        Raises what `receive` raises.
        """
        if self.is_renewed(key):
            yield from self.refuse(key)
        elif (kept := self._kept(key)) is not None:
            kept.postponed = True

    def silence(self, key: bytes) -> None:
        """The document is served no more: it is ignored until its client asks anew."""
        self._end(key, left=False)

    def is_renewed(self, key: bytes) -> bool:
        """Whether there is a newer token than the one that was asked about."""
        kept = self._kept(key)
        return kept is not None and kept.renewed

    def is_left(self, key: bytes) -> bool:
        """Whether the client of a document that is undecided has let go of it since."""
        kept = self._undecided.get(key)
        return kept is not None and kept.left

    def has_words(self, key: bytes) -> bool:
        """Whether something would be lost if nobody decided."""
        return self.full or (key in self._undecided and self._undecided[key].writes)

    def _kept(self, key: bytes) -> _Kept | None:
        return self._renewals.get(key) or self._undecided.get(key)

    def _replay(self, key: bytes, messages: list[bytes]) -> Iterator[Event]:
        for message in messages:
            event = self._take(key, message)
            if event is not None:
                yield event

    def _take(self, key: bytes, message: bytes) -> Event | None:
        if message[0] == CLOSE:
            return self._leave(key, message)
        if message[0] == AUTH:
            return self._ask(key, message)
        if key in self._open:
            return Said(key, message)
        undecided = self._undecided.get(key)
        if undecided is not None and undecided.asked:
            self._keep(key, message)
            return None
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
        if key in self._open:
            return self._renew(key, message, auth.token)
        undecided = self._undecided.get(key)
        if undecided is not None and undecided.asked and (undecided.left or not undecided.postponed):
            self._keep(key, message)
            return None
        self._require_room(key)
        self._require_bytes(len(key) + len(message))
        undecided = self._undecided.setdefault(key, _Kept())
        self._bytes += len(message) - len(undecided.token)
        undecided.asked, undecided.postponed, undecided.token = True, False, message
        return Asked(key, auth.token)

    def _renew(self, key: bytes, message: bytes, token: str | None) -> Asked | None:
        self._require_bytes(len(key) + len(message))
        renewal = self._renewals.setdefault(key, _Kept())
        self._bytes -= _size(key, renewal)
        is_asked = renewal.asked and not renewal.postponed
        if is_asked:
            self._messages += 1 - len(renewal.messages)
            renewal.messages = [message]
        else:
            renewal.asked, renewal.postponed, renewal.token = True, False, message
        self._bytes += _size(key, renewal)
        return None if is_asked else Asked(key, token)

    def _leave(self, key: bytes, message: bytes) -> Left | None:
        undecided = self._undecided.get(key)
        if undecided is not None and undecided.asked and undecided.writes:
            self._keep(key, message)  # what was written goes first
            return None
        was_here = key in self._open or undecided is not None
        if was_here or key in self._silent:
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
            raise self._too_many_bytes()
        if self._messages >= limits.messages:
            raise LimitExceeded(
                f"documents that are undecided have {limits.messages} messages (undecided_messages)"
            )
        self._undecided.setdefault(key, _Kept()).messages.append(message)
        self._bytes += size
        self._messages += 1

    def _require_room(self, key: bytes) -> None:
        most = self._limits.documents
        if key in self._undecided or len(self._undecided) < most:
            return
        if any(undecided.asked for undecided in self._undecided.values()):
            raise _NoRoom
        raise LimitExceeded(f"{most} documents are undecided (undecided_documents)")

    def _require_bytes(self, size: int) -> None:
        if self._bytes + size <= self._limits.bytes:
            return
        if self._renewals or any(undecided.asked for undecided in self._undecided.values()):
            raise _NoRoom
        raise self._too_many_bytes()

    def _too_many_bytes(self) -> LimitExceeded:
        return LimitExceeded(
            f"documents that are undecided have {self._limits.bytes} bytes (undecided_bytes)"
        )

    def _forget(self, key: bytes) -> _Kept:
        kept = self._undecided.pop(key, None) or self._renewals.pop(key, None) or _Kept()
        self._messages -= len(kept.messages)
        self._bytes -= _size(key, kept)
        return kept


def _size(key: bytes, kept: _Kept) -> int:
    return len(kept.token) + sum(len(key) + len(message) for message in kept.messages)
