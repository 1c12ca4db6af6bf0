"""What is answered over HTTP: values and errors as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from protobase_live.collection.mistakes import at_debug, summary
from protobase_live.errors import (
    Closed,
    CollectionDropped,
    CollectionUnloadable,
    Conflict,
    Forbidden,
    LimitExceeded,
    NotReplicated,
    Overloaded,
    ProtoBaseError,
    ProtocolError,
    RecordExists,
    RecordMissing,
    StorageFailed,
    Unauthorized,
    Unavailable,
    ValidationError,
)
from protobase_live.model import values
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.server_events import CONTENT_TYPE
from protobase_live.server.asgi_types import Send
from protobase_live.server.connection_log import here

STATUSES: Mapping[type[ProtoBaseError], HTTPStatus] = {
    ValidationError: HTTPStatus.BAD_REQUEST,
    RecordExists: HTTPStatus.CONFLICT,
    RecordMissing: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    LimitExceeded: HTTPStatus.UNPROCESSABLE_ENTITY,
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    CollectionUnloadable: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NotReplicated: HTTPStatus.GATEWAY_TIMEOUT,
    CollectionDropped: HTTPStatus.GONE,
    Closed: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    ProtocolError: HTTPStatus.BAD_REQUEST,
    ProtoBaseError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of an error is that of the nearest class above it."""

PORTION = 500
"""How many items of a list are encoded without a pause."""

Headers = Sequence[tuple[str, str]]

_log = logging.getLogger(__name__)

_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a body of JSON, or none."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    headers: Headers = field(default=())
    type: str = "application/json"


class Refusal(Exception):
    """An error whose status says more than its class does."""

    def __init__(self, status: HTTPStatus, error: ProtoBaseError, headers: Headers = ()) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error
        self.headers = headers


def encoded(value: Any) -> bytes:
    """A value as JSON (``docs/protocol.md``, Values)."""
    return _encoder.encode(values.to_json(value, as_written=True)).encode()


def answer(value: Any, status: HTTPStatus = HTTPStatus.OK, headers: Headers = ()) -> Answer:
    """The answer that tells a value."""
    return Answer(status, encoded(value), headers)


def plain_page(status: HTTPStatus, text: str, headers: Headers = ()) -> Answer:
    """The answer that is read by people."""
    return Answer(status, text.encode(), headers, "text/plain; charset=utf-8")


def checked(body: bytes, most_bytes: int, advice: str = "") -> bytes:
    """The body of an answer. Raises LimitExceeded, with ``advice``, for more than ``most_bytes``."""
    if len(body) > most_bytes:
        raise LimitExceeded(f"the answer is longer than {most_bytes} bytes (http_answer_bytes){advice}")
    return body


def whole(value: Any, most_bytes: int, headers: Headers = ()) -> Answer:
    """The answer that tells a value of any length. Raises LimitExceeded for more than ``most_bytes``."""
    return Answer(body=checked(encoded(value), most_bytes), headers=headers)


async def listing(name: str, items: Sequence[Any], more: Mapping[str, Any], most_bytes: int) -> Answer:
    """An object with a list, and ``more`` fields, encoded in portions: others have their turn between them.

    Raises LimitExceeded for more than ``most_bytes``.
    """
    parts, left = list[bytes](), most_bytes
    for start in range(0, len(items), PORTION):
        parts.append(encoded(items[start : start + PORTION])[1:-1])
        if (left := left - len(parts[-1])) < 0:
            break  # it is refused below
        await asyncio.sleep(0)
    fields = b"".join(b"," + encoded({key: value})[1:-1] for key, value in more.items())
    body = b'{"%b":[%b]%b}' % (name.encode(), b",".join(parts), fields)
    return Answer(body=checked(body, most_bytes, "; ask for less"))


def failed(error: ProtoBaseError, status: HTTPStatus | None = None, headers: Headers = ()) -> Answer:
    """The answer that tells an error."""
    kind = next(each for each in type(error).__mro__ if each in STATUSES)
    failure = Failure.of(error)
    told, found, extra = {"type": _class_of(error), **failure.form()}, status or STATUSES[kind], [*headers]
    if error.retryable:
        extra.append(("retry-after", "1"))
    if found is HTTPStatus.UNAUTHORIZED:
        extra.append(("www-authenticate", "Bearer"))
    return answer({"error": told}, found, extra)


def outcome(error: Exception) -> Answer:
    """The answer that tells what went wrong; what is no error of the tree is our mistake, and logged."""
    match error:
        case Refusal():
            return failed(error.error, error.status, error.headers)
        case ProtoBaseError():
            return failed(error)
        case _:
            fields = here("request_failed")
            _log.error("a request failed: %s", summary(error), exc_info=at_debug(error), extra=fields)
            return failed(ProtoBaseError("internal error"))


def _class_of(error: ProtoBaseError) -> str:
    """The name of the class in the tree of errors."""
    module = ProtoBaseError.__module__
    return next(each.__name__ for each in type(error).__mro__ if each.__module__ == module)


async def send_answer(
    send: Send, told: Answer, more: Iterable[tuple[str, str]] = (), is_head: bool = False
) -> None:
    """Send it, with ``more`` headers, or all but its body to whoever asks for the head alone."""
    headers = [*told.headers, *more, ("content-length", str(len(told.body)))]
    if told.body or told.status is HTTPStatus.OK:
        headers.append(("content-type", told.type))
    if told.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        headers = [each for each in headers if each[0] != "content-length"]
    await send({"type": "http.response.start", "status": int(told.status), "headers": raw_headers(headers)})
    await send({"type": "http.response.body", "body": b"" if is_head else told.body})


def stream_headers(more: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of server-sent events: nothing that is between may keep or change them."""
    own = [
        ("content-type", CONTENT_TYPE),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
    ]
    return raw_headers([*own, *more])


def raw_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
