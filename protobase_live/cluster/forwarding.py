"""A transaction on its way to the owner of its collections, and what came of it on its way back."""

from __future__ import annotations

from protobase_live.cluster.reign import Done
from protobase_live.cluster.shadows import Request
from protobase_live.errors import ProtoBaseError, ProtocolError
from protobase_live.protocol.live.client_messages import CommitRequest
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.fields import Fields
from protobase_live.protocol.packing import as_number, as_text, pack, unpack

_CODEC = MsgpackCodec()


def encode_request(request: Request) -> bytes:
    """As the live protocol says it: ``commit``."""
    return _CODEC.encode(CommitRequest(0, request.writes, request.checks, request.author).form())


def decode_request(data: bytes) -> Request:
    """Raises ProtocolError."""
    told = CommitRequest.parse(Fields(_CODEC.decode(data), CommitRequest.type))
    return Request(told.writes, told.checks, told.author)


def encode_done(done: Done) -> bytes:
    """``[cursors, nodes, [code, message, retryable]]``, nil in the place of no failure."""
    failure = None if done.failure is None else Failure.of(done.failure)
    told = failure and (failure.code, failure.message, failure.retryable)
    return pack([dict(done.cursors), done.nodes, told])


def decode_done(data: bytes) -> Done:
    """Raises ProtocolError."""
    try:
        cursors, nodes, told = unpack(data)
        failure: ProtoBaseError | None = None
        if told is not None:
            code, message, retryable = told
            failure = Failure(as_text(code), as_text(message), bool(retryable)).error()
        told_cursors = {as_text(name): as_text(cursor) for name, cursor in cursors.items()}
        return Done(told_cursors, failure, as_number(nodes))
    except (TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"what came of a transaction cannot be read: {error}") from error
