"""Every limit of the live protocol, in one place. A server tells its own in `welcome`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protobase_live.limits import Limited

VERSION = 1
"""The version of the live protocol that this package speaks."""

BAD_MESSAGE = 4400
UNAUTHORIZED = 4401
FORBIDDEN = FORBIDDEN_ORIGIN = 4403
BAD_NAME = 4404
LATE = 4408
GONE = 4410
MESSAGE_TOO_BIG = 4413
TOO_MANY = 4429
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
TRY_AGAIN = 1013
TOKEN_ENDED = 3000
"""To a Yjs client that was let in before, and is to come back with a fresh token: stock clients do after this
one (registered as 'Unauthorized'), and not after 4401."""

MAX_REASON_BYTES = 123
"""Longest reason of a WebSocket close frame (RFC 6455, 5.5)."""


@dataclass(frozen=True, slots=True)
class LiveLimits(Limited):
    """What a server accepts on its live door; the comment says what happens at the limit."""

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {"batch", "hello_seconds", "heartbeat_seconds", "requests"}
    )

    connections: int = 10_000  # connections of the door: closed with TOO_MANY
    message_bytes: int = 16 * 1024 * 1024  # a message of a client: closed with MESSAGE_TOO_BIG
    answer_bytes: int = 16 * 1024 * 1024  # a message of the server: its call or stream fails
    hello_bytes: int = 128 * 1024  # a message before `welcome`: closed with MESSAGE_TOO_BIG
    hello_seconds: float = 10.0  # from the connection to `hello`: closed with LATE
    bye_seconds: float = 5.0  # from `bye` to the close: answers that take longer are not sent
    expiry_warning_seconds: float = 30.0  # from `expiring` to a token's end: closed with UNAUTHORIZED
    heartbeat_seconds: float = 20.0  # silence after which a client should ask with `ping`
    requests: int = 64  # requests of a connection that wait for their answer: overloaded
    commit_bytes: int = 32 * 1024 * 1024  # commits of these, in messages' bytes: more is not read before
    subscriptions: int = 1024  # change streams and views of a connection: limit_exceeded
    credit: int = 1024  # changes that a client may grant to one stream: closed with BAD_MESSAGE
    text_chars: int = 64 * 1024  # characters before and after a change of a text: told as a splice alone
    batch: int = 256  # changes in one message; the rest follows in the next
    difference: int = 1_000_000  # changes in one difference, all its messages together: limit_exceeded
    encoded_bytes: int = 4 * 1024 * 1024  # what is told to many is kept encoded: more is encoded for each
    seen: int = 1024  # cursors of what a client has seen at other servers: limit_exceeded
    presences: int = 64  # collections whose presence a connection joined: limit_exceeded
    operations: int = 32_768  # operations and checks of one commit: limit_exceeded
    restore_bytes: int = 1024 * 1024 * 1024  # what is stored of a collection to restore: limit_exceeded
    token_chars: int = 8192  # closed with BAD_MESSAGE
    client_chars: int = 200  # the name a client gives itself: closed with BAD_MESSAGE


@dataclass(frozen=True, slots=True)
class WelcomeLimits:
    """Those limits that a client has to know, as `welcome` tells them."""

    message_bytes: int
    answer_bytes: int
    heartbeat_seconds: float
    requests: int
    subscriptions: int
    credit: int
    presences: int
    operations: int
    difference: int = 0  # 0: a server that knows no views
    seen: int = 0  # 0: a server that knows no `seen`
