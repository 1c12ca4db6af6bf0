"""The two encodings of the live protocol. A message is itself a value (:mod:`protobase_live.model.values`):
an object whose fields may hold bytes, big integers, dates and sets in the forms that values travel in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ProtocolError, ValidationError
from protobase_live.model import values

Frame = bytes | str
"""A WebSocket message: bytes travel as a binary frame, text as a text frame."""


class MsgpackCodec:
    """MessagePack in binary frames."""

    subprotocol = "protobase-live.v1.msgpack"

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """The frame of a message."""
        return _pack(message)

    def encode_items(self, items: Sequence[Any]) -> bytes:
        """Some of the items of a list, for `encode_long`."""
        return b"".join(map(_pack, items))

    def encode_long(self, message: Mapping[str, Any], name: str, count: int, parts: Sequence[bytes]) -> bytes:
        """The frame of a message that has the field ``name``, too: a list of ``count`` items in ``parts``."""
        packer: Any = cast(Any, msgpack).Packer()
        fields = [_pack(part) for field in message.items() for part in field]
        head: list[bytes] = [packer.pack_map_header(len(message) + 1), *fields, _pack(name)]
        return b"".join((*head, packer.pack_array_header(count), *parts))

    def decode(self, frame: Frame) -> dict[str, Any]:
        """The message of a frame. Raises ProtocolError when it is none."""
        if isinstance(frame, str):
            raise ProtocolError(f"a text frame; {self.subprotocol} has binary frames only")
        try:
            return _object(values.unpack(frame))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise ProtocolError(f"not MessagePack of a message: {error}") from error


class JsonCodec:
    """JSON in text frames."""

    subprotocol = "protobase-live.v1.json"

    def encode(self, message: Mapping[str, Any]) -> str:
        """The frame of a message."""
        return _dumps(message)

    def encode_items(self, items: Sequence[Any]) -> bytes:
        """Some of the items of a list, for `encode_long`."""
        return _dumps(items)[1:-1].encode()

    def encode_long(self, message: Mapping[str, Any], name: str, count: int, parts: Sequence[bytes]) -> str:
        """The frame of a message that has the field ``name``, too: a list of ``count`` items in ``parts``."""
        return f"{_dumps(message)[:-1]},{_dumps(name)}:[{b','.join(parts).decode()}]}}"

    def decode(self, frame: Frame) -> dict[str, Any]:
        """The message of a frame. Raises ProtocolError when it is none."""
        if isinstance(frame, bytes):
            raise ProtocolError(f"a binary frame; {self.subprotocol} has text frames only")
        try:
            return _object(values.from_json(json.loads(frame)))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise ProtocolError(f"not JSON of a message: {error}") from error


Codec = MsgpackCodec | JsonCodec

CODECS: Mapping[str, Codec] = {codec.subprotocol: codec for codec in (MsgpackCodec(), JsonCodec())}
"""The codec of each subprotocol, the one a server prefers first."""


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def _pack(value: Any) -> bytes:
    return values.pack(value, as_written=True)


def _dumps(value: Any) -> str:
    return _json.encode(values.to_json(value, as_written=True))  # the columns of a row have an order


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"a message is an object, not {type(value).__name__}")
    return cast(dict[str, Any], value)
