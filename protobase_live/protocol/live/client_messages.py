"""What a client of the live protocol says (``docs/protocol.md``), as plain data.

A query travels in its form, which means nothing here: whoever carries it out reads it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from protobase_live.errors import ProtocolError, ValidationError
from protobase_live.model.durability import Durability, durability
from protobase_live.model.operations import Check, Op, Read
from protobase_live.protocol.live.collection_messages import (
    DropRequest,
    EraseRequest,
    OfCollections,
    RestoreRequest,
)
from protobase_live.protocol.live.fields import (
    Fields,
    check_form,
    op_form,
    parse_check,
    parse_op,
    parse_read,
    read_form,
)
from protobase_live.protocol.live.limits import VERSION
from protobase_live.protocol.live.permission_messages import RevokeRequest
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch
from protobase_live.protocol.steps import at_once

PARSE_SLICE = 1_000
"""How many operations are looked at without a pause."""


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
class Renew:
    """Presents a fresh token of the same author, while everything goes on. Answered with null."""

    type: ClassVar[str] = "renew"
    id: int
    token: str | None

    @classmethod
    def parse(cls, fields: Fields) -> Renew:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.optional_text("token"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "token": self.token}


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
    """All writes or none; answered with ``{"cursors": {collection: cursor}, "nodes": n}`` when durable."""

    type: ClassVar[str] = "commit"
    id: int
    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check] = ()
    author: str | None = None
    durability: Durability | None = None
    """None: that of the server."""

    @classmethod
    def parse(cls, fields: Fields) -> CommitRequest:
        """Raises ProtocolError."""
        return at_once(cls.parse_in_steps(fields))

    @classmethod
    def parse_in_steps(cls, fields: Fields) -> Generator[None, None, CommitRequest]:
        """`parse`, with pauses."""
        collections = fields.part("writes")
        writes: dict[str, list[Op]] = {name: [] for name in fields.mapping("writes")}
        for name, ops in writes.items():
            for op in collections.items(name):
                ops.append(parse_op(op, "commit.writes"))
                if len(ops) % PARSE_SLICE == 0:
                    yield
        checks = [parse_check(check, "commit.checks") for check in fields.items("checks")]
        author = fields.optional_text("author")
        return cls(fields.count("id"), writes, checks, author, _durability(fields))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "id": self.id,
            "writes": {name: [op_form(op) for op in ops] for name, ops in self.writes.items()},
            "checks": [check_form(check) for check in self.checks],
            "author": self.author,
            **({} if self.durability is None else {"durability": str(self.durability)}),
        }

    @property
    def collections(self) -> set[str]:
        """The collections that it reads or writes."""
        return {*self.writes, *(check.collection for check in self.checks)}

    @property
    def size(self) -> int:
        """How many operations and checks it has."""
        return len(self.checks) + sum(len(ops) for ops in self.writes.values())


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """Answered with the rows, or with how they would be found (``explain``)."""

    type: ClassVar[str] = "query"
    id: int
    query: Any
    explain: bool = False

    @classmethod
    def parse(cls, fields: Fields) -> QueryRequest:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.value("query"), fields.optional_flag("explain"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "query": self.query, "explain": self.explain}


@dataclass(frozen=True, slots=True)
class Seen:
    """What this client was acknowledged and shown on other connections. Answered with null.

    From now on what is read of these collections, and what is committed, waits until all of that is there.
    """

    type: ClassVar[str] = "seen"
    id: int
    cursors: Mapping[str, Sequence[str]]
    """Of receipts and change streams, by collection."""
    views: Sequence[str]
    """Of live queries."""

    @classmethod
    def parse(cls, fields: Fields) -> Seen:
        """Raises ProtocolError."""
        named = fields.part("cursors")
        cursors = {name: named.texts(name) for name in fields.mapping("cursors")}
        return cls(fields.count("id"), cursors, fields.texts("views"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        cursors = {name: list(each) for name, each in self.cursors.items()}
        return {"id": self.id, "cursors": cursors, "views": list(self.views)}

    @property
    def size(self) -> int:
        """How many cursors it has."""
        return len(self.views) + sum(map(len, self.cursors.values()))


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
class ClusterRequest:
    """Asks how the node is linked with others; answered with the form of a `NodeStatus`."""

    type: ClassVar[str] = "cluster"
    id: int

    @classmethod
    def parse(cls, fields: Fields) -> ClusterRequest:
        """Raises ProtocolError."""
        return cls(fields.count("id"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id}


Opening = Subscribe | Watch
"""What opens a stream or view, which then has the id of this request."""

Request = (
    ReadRequest
    | CommitRequest
    | QueryRequest
    | Opening
    | Seen
    | Unsubscribe
    | Join
    | SetPresence
    | Leave
    | Ping
    | Renew
    | ClusterRequest
    | RevokeRequest
    | OfCollections
)
"""What is answered once, by a `Result` or an `Error` with its id."""

ClientMessage = Hello | More | Request


def _durability(fields: Fields) -> Durability | None:
    level = fields.optional_text("durability")
    try:
        return None if level is None else durability(level)
    except ValidationError as error:
        raise ProtocolError(f"commit.durability: {error}") from None


def repeatable(request: Request) -> bool:
    """Whether a request may be sent again when its connection is lost and nobody knows what became of it."""
    writes = isinstance(request, CommitRequest) and request.writes
    return not writes and not isinstance(request, DropRequest | EraseRequest | RestoreRequest)
