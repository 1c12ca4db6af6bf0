"""One Hocuspocus client's socket, and the documents on it.

Each document is a collection, and is decided, served, refused and closed for itself. What makes a client
begin again (its collection was loaded again) ends the socket: stock providers begin a document again with a
new socket only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from protobase_actors import Clock, OrderedSet, Ref
from protobase_live.collection.messages import Message
from protobase_live.collection.mistakes import at_debug, summary
from protobase_live.errors import (
    Forbidden,
    LimitExceeded,
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
from protobase_live.server.gate import Gate
from protobase_live.server.hocuspocus_accounts import HocuspocusAccounts, SocketOverloaded
from protobase_live.server.hocuspocus_decisions import HocuspocusDecisions
from protobase_live.server.hocuspocus_line import HocuspocusLine
from protobase_live.server.hocuspocus_served import Served
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

    @property
    def gate(self) -> Gate: ...


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
        self._door = door
        self._token = token
        self._request = request
        self._clock = clock
        self._limits = limits
        self._decisions = HocuspocusDecisions(self._decide, clock, limits, door.gate)
        account = partial(door.account, address=connection.address)
        self._accounts = HocuspocusAccounts(account, limits.socket_documents)
        self._message_bytes = message_bytes + hocuspocus.MAX_KEY_BYTES
        self._documents = Documents(kept, limits.socket_documents)
        self._served: dict[bytes, Served] = {}
        self._fed: dict[bytes, None] = {}
        self._ending: OrderedSet[asyncio.Task[None]] = OrderedSet()
        self._full: OrderedSet[object] = OrderedSet()
        """The documents that can take no more, this socket while its client does not read, and what waits
        for decisions about other documents."""
        self._refusals = 0
        self._ended = False
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
            try:
                await self._finish_deciding()
            finally:  # also if there is no more time for that
                await self._end_all()

    async def _end_all(self) -> None:
        self._ended = True
        self._decisions.close()
        for served in self._served.values():
            self._end(served)
        self._accounts.close()
        await asyncio.gather(*self._ending)

    async def _finish_deciding(self) -> None:
        """Find out about who has written something and is gone."""
        while not self._decisions.idle:
            for key in await self._decisions.finish(self._documents.has_words):
                if key not in self._served:
                    self._documents.silence(key)
            self._go_on()

    # from the client

    def take_frame(self, frame: bytes) -> None:
        """One message. Must not raise."""
        if frame in (hocuspocus.PING_FRAME, hocuspocus.PONG_FRAME):
            self._answer_ping(frame)
            return
        try:
            self._serve(self._documents.receive(frame))
        except (LimitExceeded, ProtocolError) as error:
            self._give_up_on(error)
        if self._documents.full:
            self._full.add(self._documents)
            self._connection.pause_reading()
            self._decisions.hurry()

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
                self._decisions.begin(key, token)
            case Left(key):  # no answer: a provider that has come in its place would take it for its own
                self._decisions.stop(key)
                self._let_go(key)
            case None:
                pass

    def _serve_all(self, events: Iterable[Event]) -> None:
        try:
            for event in events:
                self._serve(event)
        except (LimitExceeded, ProtocolError) as error:
            self._give_up_on(error)

    def _go_on(self) -> None:
        """Serve what has waited for a decision."""
        if self._ended:
            return
        self._serve_all(self._documents.go_on())
        if not self._documents.full:
            self._release(self._documents)
        self.take_end()

    # deciding

    async def _decide(self, key: bytes, token: str | None) -> bool:
        is_decided = await self._try(key, token)
        if is_decided:
            self._go_on()
        return is_decided

    async def _try(self, key: bytes, token: str | None) -> bool:
        """Whether it is decided about a document."""
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
        except SocketOverloaded as error:
            self._decisions.done(key)
            self._refuse(TRY_AGAIN, error)
        except ProtoBaseError as error:
            if error.retryable:
                return self._postpone(key, error)
            code = TOO_MANY if isinstance(error, LimitExceeded) else TRY_AGAIN
            self._deny(key, f"{code} {error}")
        except Exception as error:  # a mistake of ours, which fails alone
            fields = here("document_failed")
            _log.error("a document failed: %s", summary(error), exc_info=at_debug(error), extra=fields)
            self._deny(key, f"{INTERNAL_ERROR} internal error")
        else:
            self._admit(key, entry, ref)
        return True

    async def _enter(self, key: bytes, collection: str, token: str | None) -> tuple[EditorPass, Ref[Message]]:
        """What the client may do with a document, to be closed in the end, and the document."""
        if key not in self._served:
            await self._decisions.enter()
        entry = await self._door.identify(collection, token, self._request)
        try:
            served = self._served.get(key)
            if served is not None and served.entry.author != entry.author:  # who has said what waits
                raise Unauthorized("the token is not of the author who has this document: open it anew")
            self._accounts.hold(key, collection, entry.author)
            ref = await self._door.ref(collection)
            entry.confirm()
        except BaseException:
            entry.close()
            raise
        return entry, ref

    def _postpone(self, key: bytes, error: ProtoBaseError) -> bool:
        """It cannot be told now: whether that is all about this token. A document that is open stays so."""
        if self._documents.full:  # others would wait for it
            self._decisions.done(key)
            self._connection.close_soon(TRY_AGAIN, str(error))
            if key not in self._served:
                self._documents.silence(key)
            return True
        is_renewed = self._documents.is_renewed(key)
        if is_renewed:
            self._decisions.done(key)
        self._serve_all(self._documents.postpone(key))
        return is_renewed

    def _admit(self, key: bytes, entry: EditorPass, ref: Ref[Message]) -> None:
        self._decisions.done(key)
        served = self._served.get(key)
        if served is None and len(self._served) >= self._limits.socket_documents:
            entry.close()
            most = self._limits.socket_documents
            self._deny(key, f"{TOO_MANY} {most} documents are open on this socket (socket_documents)")
            return
        if served is None:
            served = self._open(key, ref, entry)
        else:
            served.let_in(entry)
        if not self._documents.is_left(key):  # who has come in its place would take it for an answer
            scope = hocuspocus.READ_ONLY if entry.read_only else hocuspocus.READ_WRITE
            served.line.write(hocuspocus.encode_authenticated(scope))
        self._serve_all(self._documents.accept(key))
        self.take_end()

    def _open(self, key: bytes, ref: Ref[Message], entry: EditorPass) -> Served:
        self._deadline.cancel()
        self._connection.allow(self._message_bytes)
        collection, _ = hocuspocus.document_of(key)
        line = HocuspocusLine(self, self._connection, key)
        opened, asked = self._door.session(line, ref), hocuspocus.encode_token_request()
        before = self._limits.token_request_seconds
        expiry = Expiry(self._clock, opened.expire, lambda _: line.write(asked), before)
        served = Served(line, opened, collection, entry, expiry)
        served.let_in(entry)
        line.shares_frames = hocuspocus.SEPARATOR not in key
        opened.begin(self._door.presence, collection)
        self._served[key] = served
        return served

    def _deny(self, key: bytes, reason: str) -> None:
        """A token is not accepted; with a newer one, an open document goes on until that is decided."""
        self._decisions.done(key)
        goes_on = key in self._served and self._documents.is_renewed(key)
        if not goes_on:
            self._let_go(key)
            if not self._documents.is_left(key):
                self._write(key, hocuspocus.encode_permission_denied(reason))
        self._serve_all(self._documents.refuse(key))
        self._count_refusal()

    def _count_refusal(self) -> None:
        self._refusals += 1
        if self._refusals >= self._limits.refused_documents:
            self._refuse(TOO_MANY, f"{self._refusals} documents were refused (refused_documents)")

    # what ends

    def close_document(self, line: HocuspocusLine, code: int, reason: str) -> None:
        """End a document because of a fault; its client is told so in the ways that its versions know."""
        self._decisions.stop(line.key)
        self._let_go(line.key)
        self._documents.silence(line.key)
        self._write(line.key, hocuspocus.encode_permission_denied(f"{code} {reason}"))
        self._write(line.key, hocuspocus.encode_close(f"{code} {reason}"))
        self._count_refusal()
        if self._documents.full:  # in whose place there may be room now
            asyncio.get_running_loop().call_soon(self._go_on)

    def _let_go(self, key: bytes) -> None:
        self._accounts.let_go(key)
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

    def _give_up_on(self, error: LimitExceeded | ProtocolError) -> None:
        self._refuse(RESET if isinstance(error, LimitExceeded) else BAD_MESSAGE, error)

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
