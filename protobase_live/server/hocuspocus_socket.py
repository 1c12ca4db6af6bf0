"""One Hocuspocus client's socket, and the documents on it.

Each document is a collection, and is decided, served, refused and closed for itself. What makes a client
begin again (its collection was loaded again) ends the socket: stock providers begin a document again with a
new socket only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from typing import Protocol

from protobase_actors import Clock, OrderedSet, Ref
from protobase_live.collection.messages import Message
from protobase_live.collection.mistakes import at_debug, summary
from protobase_live.errors import (
    Forbidden,
    LimitExceeded,
    Overloaded,
    ProtoBaseError,
    ProtocolError,
    Unauthorized,
    ValidationError,
)
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.hocuspocus.documents import Asked, Documents, Event, Left, Said, UndecidedLimits
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    BAD_NAME,
    FORBIDDEN,
    INTERNAL_ERROR,
    LATE,
    TOO_MANY,
    TRY_AGAIN,
)
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.accounts import Account
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest
from protobase_live.server.connection_log import here
from protobase_live.server.editor_pass import EditorPass
from protobase_live.server.expiry import Expiry
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.hocuspocus_session import HocuspocusSession
from protobase_live.server.limits import ServerLimits
from protobase_live.server.wire import Wire
from protobase_live.server.yjs_presence import LIFE_SIGN

KnownToken = Callable[[], str | None]
"""Says which token a client has, whatever it says itself."""

RESET = 4205
"""Close code of who would have more kept than may be, while nothing is decided; as of Hocuspocus."""

_log = logging.getLogger(__name__)


class Door(Protocol):
    """What a socket's documents are found through."""

    async def identify(self, collection: str, token: str | None, request: ClientRequest) -> EditorPass: ...

    async def ref(self, collection: str) -> Ref[Message]: ...

    def session(self, line: HocuspocusLine, ref: Ref[Message]) -> HocuspocusSession: ...

    def account(self, author: str | None, address: str | None) -> AbstractContextManager[Account]: ...

    @property
    def presence(self) -> PresenceHub: ...


@dataclass(slots=True)
class Served:
    """A document that is served."""

    line: HocuspocusLine
    session: HocuspocusSession
    collection: str
    entry: EditorPass
    """What its client may do there; a new one for each token that it comes with."""
    expiry: Expiry


class HocuspocusSocket:
    """A client, and its documents by their keys."""

    def __init__(
        self,
        connection: Wire,
        door: Door,
        clock: Clock,
        limits: ServerLimits,
        message_bytes: int,
        token: KnownToken | None = None,
        request: ClientRequest = NOTHING_KNOWN,
    ) -> None:
        """``message_bytes`` may a message have behind its key, once a document was opened. Without ``token``
        the client says itself which one it has for a document.
        """
        kept = UndecidedLimits(limits.undecided_bytes, limits.undecided_messages, limits.undecided_documents)
        self.refused = False
        """Whether the socket was closed for something that its client would only do again."""
        self._connection = connection
        self._context = copy_context()
        """Whose connection it is, in which frames are not taken."""
        self._door = door
        self._token = token
        self._request = request
        self._clock = clock
        self._limits = limits
        self._message_bytes = message_bytes + hocuspocus.MAX_KEY_BYTES
        self._documents = Documents(kept, limits.socket_documents)
        self._served: dict[bytes, Served] = {}
        self._fed: dict[bytes, None] = {}
        self._holds: dict[bytes, ExitStack] = {}
        """Of the documents that count as open."""
        self._deciding: dict[bytes, asyncio.Task[None]] = {}
        self._ending: OrderedSet[asyncio.Task[None]] = OrderedSet()
        self._full: OrderedSet[object] = OrderedSet()
        """The documents that can take no more, and this socket while its client does not read."""
        self._counted = ExitStack()
        self._accounts: dict[str | None, Account] = {}
        """Of each author that has had a document here."""
        """That of whoever opened the first document, for which the socket counts."""
        self._refusals = 0
        self._deadline = clock.call_later(limits.first_document_seconds, self._give_up)

    @property
    def collections(self) -> Iterable[str]:
        """What was served last."""
        return (served.collection for served in self._served.values())

    async def run(self) -> None:
        """Serve the socket until it ends."""
        try:
            await self._connection.attend(self, self._limits.backlog_bytes)
        finally:
            self._deadline.cancel()
            self._counted.close()
            for deciding in self._deciding.values():
                deciding.cancel()
            for served in self._served.values():
                self._end(served)
            for hold in self._holds.values():
                hold.close()
            await asyncio.gather(*self._ending)

    # from the client

    def take_frame(self, frame: bytes) -> None:
        """One message. Must not raise."""
        if frame in (hocuspocus.PING_FRAME, hocuspocus.PONG_FRAME):
            self._answer_ping(frame)
            return
        try:
            self._serve(self._documents.receive(frame))
        except LimitExceeded as error:
            self._refuse(RESET, error)
        except ProtocolError as error:
            self._refuse(BAD_MESSAGE, error)

    def take_end(self) -> None:
        """That was all for now of the documents that there was something of."""
        fed, self._fed = self._fed, {}
        for key in fed:
            if (served := self._served.get(key)) is not None:
                served.session.take_end()
        if self._connection.crowded:  # nearly everything is answered: who does not read is not read
            self._full.add(self)
            self._connection.pause_reading()

    def take_probe(self) -> None:
        """Show a client that only reads that the socket lives, by what every version of it can read."""
        served = next(iter(self._served.values()), None)
        if served is not None and not self._connection.crowded:
            served.line.write(LIFE_SIGN)

    def can_write(self) -> None:
        """The socket's buffer is empty again."""
        self._release(self)
        for served in list(self._served.values()):
            served.session.can_write()

    def _answer_ping(self, frame: bytes) -> None:
        if frame == hocuspocus.PING_FRAME and not self._connection.crowded:
            self._connection.write(hocuspocus.PONG_FRAME)

    def _serve(self, event: Event | None) -> None:
        match event:
            case Said(key, message):
                self._fed[key] = None
                self._served[key].session.take_frame(message)
            case Asked(key, token):
                self._stop_deciding(key)
                deciding, context = self._decide(key, token), self._context.copy()
                self._deciding[key] = asyncio.get_running_loop().create_task(deciding, context=context)
            case Left(key):
                self._stop_deciding(key)
                self._let_go(
                    key
                )  # no answer: a provider that has come in its place would take it for its own
            case None:
                pass

    # deciding

    async def _decide(self, key: bytes, token: str | None) -> None:
        try:
            collection, _ = hocuspocus.document_of(key)
            known = token if self._token is None else self._token()
            entry, ref = await self._enter(key, collection, known)
        except Unauthorized as error:
            self._deny(key, str(error))
        except Forbidden as error:
            self._deny(key, f"{FORBIDDEN} {error}")
        except (ValidationError, ProtocolError) as error:
            self._deny(key, f"{BAD_NAME} {error}")
        except ProtoBaseError as error:
            if error.retryable:
                self.refused = self.refused or isinstance(error, Overloaded)
                self._connection.close_soon(TRY_AGAIN, str(error))
            else:
                self._deny(key, f"{TRY_AGAIN} {error}")
        except Exception as error:  # a mistake of ours, which fails alone
            fields = here("document_failed")
            _log.error("a document failed: %s", summary(error), exc_info=at_debug(error), extra=fields)
            self._deny(key, f"{INTERNAL_ERROR} internal error")
        else:
            self._admit(key, entry, ref)

    async def _enter(self, key: bytes, collection: str, token: str | None) -> tuple[EditorPass, Ref[Message]]:
        """What the client may do with a document, to be closed in the end, and the document."""
        entry = await self._door.identify(collection, token, self._request)
        try:
            served = self._served.get(key)
            if served is not None and served.entry.author != entry.author:  # who has said what waits
                raise Unauthorized("the token is not of the author who has this document: open it anew")
            self._hold(key, collection, self._account_of(entry.author))
            ref = await self._door.ref(collection)
            entry.confirm()
        except BaseException:
            entry.close()
            raise
        return entry, ref

    def _account_of(self, author: str | None) -> Account:
        """What an author takes; while the socket is open, it counts as one of its connections."""
        if author not in self._accounts:
            if len(self._accounts) >= self._limits.socket_documents:
                most = self._limits.socket_documents
                raise Overloaded(f"documents of {most} authors were opened on this socket (socket_documents)")
            account = self._door.account(author, self._connection.address)
            self._accounts[author] = self._counted.enter_context(account)
        return self._accounts[author]

    def _hold(self, key: bytes, collection: str, account: Account) -> None:
        """Count a document as open, as long as it is. Raises Overloaded."""
        if key not in self._holds:
            hold = ExitStack()
            hold.enter_context(account.opened.holding([collection]))
            self._holds[key] = hold

    def _stop_deciding(self, key: bytes) -> None:
        if (deciding := self._deciding.pop(key, None)) is not None:
            deciding.cancel()

    def _admit(self, key: bytes, entry: EditorPass, ref: Ref[Message]) -> None:
        self._deciding.pop(key, None)
        served = self._served.get(key)
        if served is None and len(self._served) >= self._limits.socket_documents:
            entry.close()
            most = self._limits.socket_documents
            self._deny(key, f"{TOO_MANY} {most} documents are open on this socket (socket_documents)")
            return
        served = self._open(key, ref, entry) if served is None else self._let_in(served, entry)
        scope = hocuspocus.READ_ONLY if entry.read_only else hocuspocus.READ_WRITE
        served.line.write(hocuspocus.encode_authenticated(scope))
        self._catch_up(key)

    def _let_in(self, served: Served, entry: EditorPass) -> Served:
        """The client of a document may do from now on what ``entry`` says."""
        if served.entry is not entry:
            served.entry.close()
            served.entry = entry
        served.session.author = entry.author
        served.expiry.set(entry.expires)
        entry.give(served.session)
        return served

    def _open(self, key: bytes, ref: Ref[Message], entry: EditorPass) -> Served:
        self._deadline.cancel()
        self._connection.allow(self._message_bytes)
        collection, _ = hocuspocus.document_of(key)
        line = HocuspocusLine(self, self._connection, key)
        opened, asked = self._door.session(line, ref), hocuspocus.encode_token_request()
        before = self._limits.token_request_seconds
        expiry = Expiry(self._clock, opened.expire, lambda _: line.write(asked), before)
        served = self._let_in(Served(line, opened, collection, entry, expiry), entry)
        line.shares_frames = hocuspocus.SEPARATOR not in key
        opened.begin(self._door.presence, collection)
        self._served[key] = served
        return served

    def _catch_up(self, key: bytes) -> None:
        """Serve what a document's client has said while it was undecided."""
        try:
            for event in self._documents.accept(key):
                self._serve(event)
        except (LimitExceeded, ProtocolError) as error:
            self._refuse(BAD_MESSAGE, error)
        self.take_end()

    def _deny(self, key: bytes, reason: str) -> None:
        """A document is not served, or no longer."""
        self._deciding.pop(key, None)
        self._let_go(key)
        self._documents.silence(key)
        self._write(key, hocuspocus.encode_permission_denied(reason))
        self._refusals += 1
        if self._refusals >= self._limits.refused_documents:
            self._refuse(TOO_MANY, f"{self._refusals} documents were refused (refused_documents)")

    # what ends

    def close_document(self, line: HocuspocusLine, code: int, reason: str) -> None:
        """End a document because of a fault; its client is told so in the ways that its versions know."""
        self._stop_deciding(line.key)
        self._deny(line.key, f"{code} {reason}")
        self._write(line.key, hocuspocus.encode_close(f"{code} {reason}"))

    def _let_go(self, key: bytes) -> None:
        if (hold := self._holds.pop(key, None)) is not None:
            hold.close()
        if (served := self._served.pop(key, None)) is not None:
            self._end(served)

    def _end(self, served: Served) -> None:
        self.resume(served.line)
        served.expiry.cancel()
        served.line.open = False
        served.entry.close()
        ending = asyncio.get_running_loop().create_task(served.session.end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _refuse(self, code: int, reason: object) -> None:
        self.refused = True
        self._connection.close_soon(code, str(reason))

    def _give_up(self) -> None:
        seconds = self._limits.first_document_seconds
        self._connection.close_soon(LATE, f"no document within {seconds:g} seconds (first_document_seconds)")

    # what the documents share

    def pause(self, line: HocuspocusLine) -> None:
        """A document can take no more: nothing is read."""
        if line.open:
            self._full.add(line)
            self._connection.pause_reading()

    def resume(self, line: HocuspocusLine) -> None:
        """It can again."""
        self._release(line)

    def _release(self, full: object) -> None:
        """Read on, if that was the last that could take no more."""
        if full in self._full:
            self._full.discard(full)
            if not self._full:
                self._connection.resume_reading()

    def _write(self, key: bytes, message: bytes) -> None:
        self._connection.write(prefixed(key) + message)
