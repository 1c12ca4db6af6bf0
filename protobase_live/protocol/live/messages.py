"""The messages of the live protocol (``docs/protocol.md``) and their frames.

A message is an object with a ``type``. Fields that are not known are ignored; a type that is not known
is answered with an error. A message's ``form`` gives the fields on the wire, ``parse`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TypeVar

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.client_messages import (
    ClientMessage,
    ClusterRequest,
    CommitRequest,
    Hello,
    Join,
    Leave,
    Ping,
    QueryRequest,
    ReadRequest,
    Renew,
    Seen,
    SetPresence,
)
from protobase_live.protocol.live.codec import Codec, Frame
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.live.permission_messages import RevokeRequest
from protobase_live.protocol.live.server_messages import (
    Bye,
    Changes,
    Difference,
    Ended,
    Error,
    Expiring,
    Presence,
    Result,
    ServerMessage,
    Welcome,
)
from protobase_live.protocol.live.stream_messages import More, Subscribe, Unsubscribe, Watch
from protobase_live.protocol.steps import at_once

_CLIENT_TYPES: Mapping[str, Callable[[Fields], ClientMessage]] = {
    message.type: message.parse
    for message in (
        Hello, ReadRequest, CommitRequest, QueryRequest, Subscribe, Watch, Seen, More, Unsubscribe,
        Join, SetPresence, Leave, Ping, Renew, ClusterRequest, CollectionsRequest, DropRequest, EraseRequest,
        StateHashRequest, BackupRequest, RestoreRequest, RevokeRequest,
    )
}  # fmt: skip
_SERVER_TYPES: Mapping[str, Callable[[Fields], ServerMessage]] = {
    message.type: message.parse
    for message in (Welcome, Result, Error, Changes, Difference, Ended, Presence, Expiring, Bye)
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
    return at_once(decode_client_in_steps(frame, codec))


def decode_client_in_steps(frame: Frame, codec: Codec) -> Generator[None, None, ClientMessage]:
    """`decode_client`, with pauses."""
    fields = Fields((yield from codec.decode_in_steps(frame)))
    if fields.text("type") == CommitRequest.type:
        return (yield from CommitRequest.parse_in_steps(fields))
    return _parsed(fields, _CLIENT_TYPES)


def decode_server(frame: Frame, codec: Codec) -> ServerMessage:
    """The message in a server's frame. Raises ProtocolError, UnknownType for a type not known."""
    return _parsed(Fields(codec.decode(frame)), _SERVER_TYPES)


def _parsed(fields: Fields, types: Mapping[str, Callable[[Fields], _Message]]) -> _Message:
    name = fields.text("type")
    parse = types.get(name)
    if parse is None:
        raise UnknownType(name, fields.optional_count("id"))
    return parse(fields)
