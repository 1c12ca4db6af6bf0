"""The messages of the live protocol (``docs/protocol.md``), as plain data.

A message is an object with a ``type``. Fields that are not known are ignored; a type that is not known
is answered with an error. ``form`` gives the fields on the wire, ``parse`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from protobase_live.errors import ProtocolError
from protobase_live.operations import Check, Op, Read
from protobase_live.protocol.codec import CODECS, Codec, Frame
from protobase_live.protocol.failure import Failure
from protobase_live.protocol.fields import (
    Fields,
    check_form,
    op_form,
    parse_check,
    parse_op,
    parse_read,
    read_form,
)
from protobase_live.protocol.limits import VERSION, WelcomeLimits

SUBPROTOCOLS = tuple(CODECS)
"""What a server offers to clients that ask for the live protocol, the preferred one first."""

ChangeForm = Mapping[str, Any]
"""A change on the wire: structure, kind, key, before, after, cursor, author."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A client's first message."""

    type: ClassVar[str] = "hello"
    token: str | None = None
    client: str = ""
    version: int = VERSION

    @classmethod
    def parse(cls, fields: Fields) -> Hello:
        """Raises ProtocolError."""
        client = fields.optional_text("client") or ""
        return cls(fields.optional_text("token"), client, fields.count("version"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"version": self.version, "token": self.token, "client": self.client}


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Answered with the value."""

    type: ClassVar[str] = "read"
    id: int
    collection: str
    read: Read

    @classmethod
    def parse(cls, fields: Fields) -> ReadRequest:
        """Raises ProtocolError."""
        read = parse_read(fields.value("read"), "read.read")
        return cls(fields.count("id"), fields.text("collection"), read)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection, "read": read_form(self.read)}


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """All writes or none; answered with ``{"cursors": {collection: cursor}}`` when they are durable."""

    type: ClassVar[str] = "commit"
    id: int
    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check] = ()
    author: str | None = None

    @classmethod
    def parse(cls, fields: Fields) -> CommitRequest:
        """Raises ProtocolError."""
        writes = {
            name: [parse_op(op, "commit.writes") for op in fields.part("writes").items(name)]
            for name in fields.mapping("writes")
        }
        checks = [parse_check(check, "commit.checks") for check in fields.items("checks")]
        return cls(fields.count("id"), writes, checks, fields.optional_text("author"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "id": self.id,
            "writes": {name: [op_form(op) for op in ops] for name, ops in self.writes.items()},
            "checks": [check_form(check) for check in self.checks],
            "author": self.author,
        }

    @property
    def size(self) -> int:
        """How many operations and checks it has."""
        return len(self.checks) + sum(len(ops) for ops in self.writes.values())


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Opens a stream of changes, which this id names from now on. Answered with ``{"cursor": cursor}``."""

    type: ClassVar[str] = "subscribe"
    id: int
    collection: str
    since: str | None
    credit: int

    @classmethod
    def parse(cls, fields: Fields) -> Subscribe:
        """Raises ProtocolError."""
        since = fields.optional_text("since")
        return cls(fields.count("id"), fields.text("collection"), since, fields.count("credit"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection, "since": self.since, "credit": self.credit}


@dataclass(frozen=True, slots=True)
class More:
    """Grants a stream ``credit`` more changes. Not answered."""

    type: ClassVar[str] = "more"
    subscription: int
    credit: int

    @classmethod
    def parse(cls, fields: Fields) -> More:
        """Raises ProtocolError."""
        return cls(fields.count("subscription"), fields.count("credit"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, "credit": self.credit}


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ends a stream. Answered with null; nothing of the stream follows the answer."""

    type: ClassVar[str] = "unsubscribe"
    id: int
    subscription: int

    @classmethod
    def parse(cls, fields: Fields) -> Unsubscribe:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.count("subscription"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "subscription": self.subscription}


@dataclass(frozen=True, slots=True)
class Join:
    """Asks for the presence of a collection. Answered with null; a `Presence` with all states follows."""

    type: ClassVar[str] = "join"
    id: int
    collection: str

    @classmethod
    def parse(cls, fields: Fields) -> Join:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.text("collection"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection}


@dataclass(frozen=True, slots=True)
class SetPresence:
    """Says who a client of this connection is in a collection it joined; null takes it out."""

    type: ClassVar[str] = "set"
    id: int
    collection: str
    client: int
    state: Any

    @classmethod
    def parse(cls, fields: Fields) -> SetPresence:
        """Raises ProtocolError."""
        client, state = fields.count("client"), fields.value("state")
        return cls(fields.count("id"), fields.text("collection"), client, state)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection, "client": self.client, "state": self.state}


@dataclass(frozen=True, slots=True)
class Leave:
    """Leaves the presence of a collection, with every client that was set."""

    type: ClassVar[str] = "leave"
    id: int
    collection: str

    @classmethod
    def parse(cls, fields: Fields) -> Leave:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.text("collection"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "collection": self.collection}


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered with null."""

    type: ClassVar[str] = "ping"
    id: int

    @classmethod
    def parse(cls, fields: Fields) -> Ping:
        """Raises ProtocolError."""
        return cls(fields.count("id"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id}


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to `Hello`."""

    type: ClassVar[str] = "welcome"
    session: str
    limits: WelcomeLimits
    version: int = VERSION

    @classmethod
    def parse(cls, fields: Fields) -> Welcome:
        """Raises ProtocolError."""
        limits = fields.part("limits")
        told = WelcomeLimits(
            message_bytes=limits.count("message_bytes"),
            answer_bytes=limits.count("answer_bytes"),
            heartbeat_seconds=limits.number("heartbeat_seconds"),
            requests=limits.count("requests"),
            subscriptions=limits.count("subscriptions"),
            credit=limits.count("credit"),
            presences=limits.count("presences"),
            operations=limits.count("operations"),
        )
        return cls(fields.text("session"), told, fields.count("version"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"version": self.version, "session": self.session, "limits": asdict(self.limits)}


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a request."""

    type: ClassVar[str] = "result"
    id: int
    value: Any = None

    @classmethod
    def parse(cls, fields: Fields) -> Result:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.value("value"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "value": self.value}


@dataclass(frozen=True, slots=True)
class Error:
    """The answer to a request that failed; without an id, to a message that had none."""

    type: ClassVar[str] = "error"
    id: int | None
    failure: Failure

    @classmethod
    def parse(cls, fields: Fields) -> Error:
        """Raises ProtocolError."""
        return cls(fields.optional_count("id"), Failure.parse(fields))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, **self.failure.form()}


@dataclass(frozen=True, slots=True)
class Changes:
    """The next changes of a stream, in order."""

    type: ClassVar[str] = "changes"
    subscription: int
    changes: Sequence[ChangeForm]

    @classmethod
    def parse(cls, fields: Fields) -> Changes:
        """Raises ProtocolError."""
        changes = [_parse_change(raw) for raw in fields.items("changes")]
        return cls(fields.count("subscription"), changes)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, "changes": self.changes}


@dataclass(frozen=True, slots=True)
class Ended:
    """A stream is over, for the reason told."""

    type: ClassVar[str] = "ended"
    subscription: int
    failure: Failure

    @classmethod
    def parse(cls, fields: Fields) -> Ended:
        """Raises ProtocolError."""
        return cls(fields.count("subscription"), Failure.parse(fields))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, **self.failure.form()}


@dataclass(frozen=True, slots=True)
class Presence:
    """States of a collection's clients as they are now; None for a client that is gone.

    ``complete``: whoever is not in it is gone too (the first after a `Join`).
    """

    type: ClassVar[str] = "presence"
    collection: str
    states: Mapping[int, Any]
    complete: bool = False

    @classmethod
    def parse(cls, fields: Fields) -> Presence:
        """Raises ProtocolError."""
        states: dict[int, Any] = {}
        for client, state in fields.mapping("states").items():
            if not client.isascii() or not client.isdecimal():
                raise ProtocolError(f"presence.states has client ids as keys, not {client[:60]!r}")
            states[int(client)] = state
        return cls(fields.text("collection"), states, fields.flag("complete"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        states = {str(client): state for client, state in self.states.items()}
        return {"collection": self.collection, "states": states, "complete": self.complete}


@dataclass(frozen=True, slots=True)
class Bye:
    """The server is going away and closes the connection next; a client connects again."""

    type: ClassVar[str] = "bye"
    reason: str = field(default="")

    @classmethod
    def parse(cls, fields: Fields) -> Bye:
        """Raises ProtocolError."""
        return cls(fields.text("reason"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"reason": self.reason}


Request = ReadRequest | CommitRequest | Subscribe | Unsubscribe | Join | SetPresence | Leave | Ping
"""What is answered once, by a `Result` or an `Error` with its id."""

ClientMessage = Hello | More | Request
ServerMessage = Welcome | Result | Error | Changes | Ended | Presence | Bye

_CLIENT_TYPES: Mapping[str, Callable[[Fields], ClientMessage]] = {
    message.type: message.parse
    for message in (
        Hello, ReadRequest, CommitRequest, Subscribe, More, Unsubscribe, Join, SetPresence, Leave, Ping
    )
}  # fmt: skip
_SERVER_TYPES: Mapping[str, Callable[[Fields], ServerMessage]] = {
    message.type: message.parse for message in (Welcome, Result, Error, Changes, Ended, Presence, Bye)
}


_Message = TypeVar("_Message")


class UnknownType(ProtocolError):
    """A message of a type that is not known here, with its id if it has one."""

    def __init__(self, name: str, id: int | None) -> None:
        super().__init__(f"unknown message type {name[:60]!r}")
        self.id = id


def encode(message: ClientMessage | ServerMessage, codec: Codec) -> Frame:
    """The frame of a message."""
    return codec.encode({"type": message.type, **message.form()})


def decode_client(frame: Frame, codec: Codec) -> ClientMessage:
    """The message in a client's frame. Raises ProtocolError, UnknownType for a type not known."""
    return _decode(frame, codec, _CLIENT_TYPES)


def decode_server(frame: Frame, codec: Codec) -> ServerMessage:
    """The message in a server's frame. Raises ProtocolError, UnknownType for a type not known."""
    return _decode(frame, codec, _SERVER_TYPES)


def _decode(frame: Frame, codec: Codec, types: Mapping[str, Callable[[Fields], _Message]]) -> _Message:
    fields = Fields(codec.decode(frame))
    name = fields.text("type")
    parse = types.get(name)
    if parse is None:
        raise UnknownType(name, fields.optional_count("id"))
    return parse(fields)


def _parse_change(raw: Any) -> ChangeForm:
    if not isinstance(raw, dict):
        raise ProtocolError(f"changes.changes has to hold objects, not {repr(raw)[:60]}")
    fields = Fields({"type": "changes.changes", **raw})
    return {
        "structure": fields.text("structure"),
        "kind": fields.text("kind"),
        "key": fields.value("key"),
        "before": fields.value("before"),
        "after": fields.value("after"),
        "cursor": fields.text("cursor"),
        "author": fields.optional_text("author"),
    }
