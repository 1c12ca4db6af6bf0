"""The server's side of one live connection, as a state machine without I/O.

`receive` takes a frame and gives the message to carry out; the other methods give the frames to send.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, cast

from protobase_live.errors import (
    LimitExceeded,
    Overloaded,
    ProtoBaseError,
    ProtocolError,
    Unauthorized,
    ValidationError,
)
from protobase_live.protocol.live.client_messages import (
    ClientMessage,
    CommitRequest,
    Hello,
    Opening,
    Renew,
    Request,
    Seen,
)
from protobase_live.protocol.live.codec import Codec, Frame
from protobase_live.protocol.live.encodings import Encoded, Encodings
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    MESSAGE_TOO_BIG,
    UNAUTHORIZED,
    VERSION,
    LiveLimits,
    WelcomeLimits,
)
from protobase_live.protocol.live.messages import UnknownType, decode_client_in_steps, encode
from protobase_live.protocol.live.server_messages import (
    Bye,
    ChangeForm,
    Changes,
    Difference,
    Ended,
    Error,
    Expiring,
    Presence,
    Result,
    Welcome,
    smaller_forms,
)
from protobase_live.protocol.live.stream_messages import More, Watch
from protobase_live.protocol.live.violation import Violation
from protobase_live.protocol.steps import at_once

_ONE_ITEM = " for one item alone: ask for less of it, with select()"

HEAD_BYTES = 100
"""What a frame of an answer has beside the items of its list, at most."""


class ServerSession:
    """One connection: what it may send now, which requests wait, which streams have how much credit, which
    views are open.
    """

    def __init__(
        self, codec: Codec, limits: LiveLimits, session_id: str, encodings: Encodings | None = None
    ) -> None:
        """``encodings`` are those of ``codec``, shared with other sessions."""
        self.encodings = encodings or Encodings(codec)
        self._codec = codec
        self._limits = limits
        self._id = session_id
        self._greeted = False
        self._waiting: set[int] = set()
        self._credit: dict[int, int] = {}
        self._views: set[int] = set()
        self._has_seen = False

    @property
    def subprotocol(self) -> str:
        """Which encoding the connection has."""
        return self._codec.subprotocol

    @property
    def waiting(self) -> int:
        """How many requests were not answered yet."""
        return len(self._waiting)

    def receive(self, frame: Frame) -> ClientMessage | Error:
        """The message to carry out, or the Error to answer (`encode` it) because nothing is to be done.

        A Request is to be answered once, with `result` or `error`.

        Raises:
            Violation: the connection has to be closed.
        """
        return at_once(self.receive_in_steps(frame))

    def receive_in_steps(self, frame: Frame) -> Generator[None, None, ClientMessage | Error]:
        """`receive`, with pauses while a long message is read; the next one has to wait for its end."""
        self._check_size(frame)
        try:
            message = yield from decode_client_in_steps(frame, self._codec)
        except UnknownType as error:
            return Error(error.id, Failure.of(error))
        except ProtocolError as error:
            raise Violation(BAD_MESSAGE, str(error)) from error
        if isinstance(message, Hello):
            return self._hello(message)
        if not self._greeted:
            raise Violation(BAD_MESSAGE, f"the first message has to be hello, not {message.type}")
        if isinstance(message, More):
            return self._more(message)
        return self._request(message)

    def refusal(self, error: Error) -> Frame:
        """The frame of an Error that `receive` gave."""
        return encode(error, self._codec)

    def refused(self, error: ProtoBaseError) -> Frame:
        """The answer to a `Hello` that is not accepted."""
        return encode(Error(None, Failure.of(error)), self._codec)

    def welcome(self) -> Frame:
        """The answer to `Hello`."""
        told = {name.name: getattr(self._limits, name.name) for name in fields(WelcomeLimits)}
        return encode(Welcome(self._id, WelcomeLimits(**told)), self._codec)

    def result(self, id: int, value: Any = None) -> Frame:
        """The answer to a request; an error if it is larger than the limit or no value."""
        try:
            frame = self._sized(encode(Result(id, value), self._codec))
        except (LimitExceeded, ValidationError) as error:
            return self.error(id, error)
        self._waiting.discard(id)
        return frame

    def answer(self, id: int, value: Any) -> Iterator[Frame | None]:
        """The frames of the answer to a request; an error if one value alone is too large, or none.

        A long list takes as many frames as it needs. It is encoded in portions, with None after each, so that
        others can have their turn.
        """
        if not isinstance(value, list):
            yield self.result(id, value)
            return
        items = cast("list[Any]", value)
        pausing = len(items) > self._limits.batch
        parts, count, size = list[bytes](), 0, HEAD_BYTES
        try:
            for number, encoded in self._encoded(items):
                if parts and size + len(encoded) > self._limits.answer_bytes:
                    yield self._part(id, count, parts, more=True)
                    parts, count, size = [], 0, HEAD_BYTES
                parts.append(encoded)
                count += number
                size += len(encoded) + 1  # what stands between two in JSON
                if pausing:
                    yield None
            frame = self._part(id, count, parts, more=False)
        except (LimitExceeded, ValidationError) as error:
            frame = self.error(id, error)
        self._waiting.discard(id)
        yield frame

    def _encoded(self, items: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
        """Portions of a list, encoded, each with how many items it has; fewer where items are large."""
        for start in range(0, len(items), self._limits.batch):
            yield from self._halved(items[start : start + self._limits.batch])

    def _halved(self, items: Sequence[Any]) -> Iterator[tuple[int, bytes]]:
        encoded = self._codec.encode_items(items)
        if len(items) == 1 or HEAD_BYTES + len(encoded) <= self._limits.answer_bytes:
            self._check_answer(HEAD_BYTES + len(encoded), _ONE_ITEM)
            yield len(items), encoded
            return
        middle = len(items) // 2
        yield from self._halved(items[:middle])
        yield from self._halved(items[middle:])

    def _part(self, id: int, count: int, parts: Sequence[bytes], *, more: bool) -> Frame:
        head: dict[str, Any] = {"type": Result.type, "id": id, **({"more": True} if more else {})}
        return self._codec.encode_long(head, "value", count, parts)

    def error(self, id: int, error: ProtoBaseError) -> Frame:
        """The answer to a request that failed."""
        self._waiting.discard(id)
        self.unsubscribe(id)
        return encode(Error(id, Failure.of(error)), self._codec)

    def credit(self, subscription: int) -> int | None:
        """How many changes a stream may be sent now; None when there is no such stream."""
        return self._credit.get(subscription)

    def changes(self, subscription: int, changes: Sequence[Encoded]) -> list[Frame]:
        """The frames of a stream's next changes, each within the limit; uses up their credit.

        One that alone is larger than the limit is told without what was before, or without both values: the
        stream goes on.
        """
        self._credit[subscription] -= len(changes)
        return self._change_frames(subscription, changes)

    def difference(
        self, subscription: int, cursor: str, reset: bool, changes: Iterable[bytes], total: int
    ) -> Iterator[Frame]:
        """The frames of what happened to a view's rows, each within the limits and made when it is asked for.

        ``changes`` are `RowChangeForm`, each encoded; no more of the ``total`` are taken than a frame needs.

        Raises:
            LimitExceeded: there are too many changes, or one alone is too large.
        """
        if total > self._limits.difference:
            reason = f"{total} changes of rows, more than {self._limits.difference} (difference)"
            raise LimitExceeded(f"{reason}; watch fewer rows: where() and limit()")
        changes, count, taken = iter(changes), self._limits.batch, list[bytes]()
        while True:
            taken += islice(changes, max(0, count - len(taken)))
            part = taken[:count]
            frame = self._listing(Difference(subscription, cursor, reset, len(part) < total, ()), part)
            if len(part) > 1 and _size(frame) > self._limits.answer_bytes:
                count = len(part) // 2
                continue
            yield self._sized(frame)
            total -= len(part)
            if not total:
                return
            taken = taken[count:]

    def unsubscribe(self, subscription: int) -> None:
        """Forget a stream or view, if there is such a one; nothing more may be sent of it."""
        self._credit.pop(subscription, None)
        self._views.discard(subscription)

    def is_waiting(self, id: int) -> bool:
        """Whether a request was not answered yet."""
        return id in self._waiting

    def ended(self, subscription: int, error: ProtoBaseError) -> Frame:
        """The last frame of a stream or view."""
        self.unsubscribe(subscription)
        return encode(Ended(subscription, Failure.of(error)), self._codec)

    def presence(self, collection: str, states: Mapping[int, Any], complete: bool = False) -> Frame:
        """Who came, changed or went in a collection."""
        return encode(Presence(collection, states, complete), self._codec)

    def expiring(self, seconds: float) -> Frame:
        """The token ends soon."""
        return encode(Expiring(seconds), self._codec)

    def bye(self, reason: str) -> Frame:
        """The last message before the server closes the connection."""
        return encode(Bye(reason), self._codec)

    def _check_size(self, frame: Frame) -> None:
        limit = self._limits.message_bytes
        if len(frame) > limit or (isinstance(frame, str) and len(frame.encode()) > limit):
            raise Violation(MESSAGE_TOO_BIG, f"a message has at most {limit} bytes (message_bytes)")

    def _hello(self, hello: Hello) -> Hello:
        if self._greeted:
            raise Violation(BAD_MESSAGE, "hello comes once")
        if hello.version != VERSION:
            raise Violation(BAD_MESSAGE, f"this server speaks version {VERSION}, not {hello.version}")
        if hello.token is not None and len(hello.token) > self._limits.token_chars:
            raise Violation(UNAUTHORIZED, f"a token has at most {self._limits.token_chars} characters")
        if len(hello.client) > self._limits.client_chars:
            raise Violation(BAD_MESSAGE, f"a client name has at most {self._limits.client_chars} characters")
        self._greeted = True
        return hello

    def _more(self, more: More) -> More:
        """Credit for a stream that has just ended is no mistake: the messages crossed."""
        if more.subscription in self._credit:
            credit = self._credit[more.subscription] + more.credit
            self._credit[more.subscription] = self._allowed_credit(credit)
        return more

    def _allowed_credit(self, credit: int) -> int:
        if credit > self._limits.credit:
            raise Violation(BAD_MESSAGE, f"a stream has a credit of at most {self._limits.credit} changes")
        return credit

    def _request(self, request: Request) -> Request | Error:
        if request.id in self._waiting or request.id in self._credit or request.id in self._views:
            raise Violation(BAD_MESSAGE, f"id {request.id} is in use")
        try:
            self._admit(request)
        except ProtoBaseError as error:
            if isinstance(error, Violation):
                raise
            return Error(request.id, Failure.of(error))
        self._waiting.add(request.id)
        return request

    def _admit(self, request: Request) -> None:
        limits = self._limits
        if len(self._waiting) >= limits.requests:
            raise Overloaded(f"{limits.requests} requests (requests) wait for their answers already")
        if isinstance(request, Opening):
            self._open(request)
        elif isinstance(request, CommitRequest) and request.size > limits.operations:
            raise LimitExceeded(
                f"a commit has at most {limits.operations} operations and checks (operations)"
            )
        elif isinstance(request, Renew) and len(request.token or "") > limits.token_chars:
            raise Unauthorized(f"a token has at most {limits.token_chars} characters (token_chars)")
        elif isinstance(request, Seen):
            self._see(request)

    def _open(self, request: Opening) -> None:
        if len(self._credit) + len(self._views) >= self._limits.subscriptions:
            limit = self._limits.subscriptions
            raise LimitExceeded(f"a connection has at most {limit} streams and views (subscriptions)")
        if isinstance(request, Watch):
            self._views.add(request.id)
        else:
            self._credit[request.id] = self._allowed_credit(request.credit)

    def _see(self, seen: Seen) -> None:
        if self._has_seen:
            raise ValidationError("seen comes once")
        if seen.size > self._limits.seen:
            raise LimitExceeded(f"seen names at most {self._limits.seen} cursors (seen), not {seen.size}")
        self._has_seen = True

    def _sized(self, frame: Frame) -> Frame:
        self._check_answer(_size(frame))
        return frame

    def _check_answer(self, size: int, advice: str = "") -> None:
        limit = self._limits.answer_bytes
        if size > limit:
            raise LimitExceeded(f"the answer has more than {limit} bytes (answer_bytes){advice}")

    def _listing(self, message: Changes | Difference, changes: Sequence[bytes]) -> Frame:
        """The frame of a message with these changes, which comes without any."""
        head = {"type": message.type, **message.form()}
        del head["changes"]
        return self._codec.encode_long(head, "changes", len(changes), changes)

    def _change_frames(self, subscription: int, changes: Sequence[Encoded]) -> list[Frame]:
        try:
            return [self._sized(self._listing(Changes(subscription, ()), [each.data for each in changes]))]
        except LimitExceeded:
            if len(changes) == 1:
                return [self._smaller_change(subscription, changes[0].form)]
        half = len(changes) // 2
        first = self._change_frames(subscription, changes[:half])
        return first + self._change_frames(subscription, changes[half:])

    def _smaller_change(self, subscription: int, change: ChangeForm) -> Frame:
        """The frame of a change without values that it has no room for."""
        smaller = smaller_forms(change)
        frame = encode(Changes(subscription, [next(smaller)]), self._codec)
        while _size(frame) > self._limits.answer_bytes and (told := next(smaller, None)):
            frame = encode(Changes(subscription, [told]), self._codec)
        return self._sized(frame)


def _size(frame: Frame) -> int:
    return len(frame if isinstance(frame, bytes) else frame.encode())
