"""The two encodings of the live protocol. A message is itself a value (:mod:`protobase_live.model.values`):
an object whose fields may hold bytes, big integers, dates and sets in the forms that values travel in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ProtocolError, ValidationError
from protobase_live.model import values
from protobase_live.model.values.encoding import list_head
from protobase_live.protocol.steps import at_once

F = TypeVar("F", bytes, str)

Frame = bytes | str
"""A WebSocket message: bytes travel as a binary frame, text as a text frame."""


class MsgpackCodec:
    """MessagePack in binary frames."""

    subprotocol = "protobase-live.v1.msgpack"

    def encode(self, message: Mapping[str, Any]) -> bytes:
        """The frame of a message. Raises ValidationError, which names the field that is no value."""
        return _named(_pack, message)

    def encode_items(self, items: Sequence[Any]) -> bytes:
        """Some of the items of a list, for `encode_long` and `encode_list`."""
        return b"".join(map(_pack, items))

    def encode_list(self, head: Sequence[Any], last: bytes) -> bytes:
        """A list as an item: of what is in ``head``, texts and small numbers, and then of an encoded item."""
        return _one_longer(_pack_plain(head)) + last

    def encode_long(self, message: Mapping[str, Any], name: str, count: int, parts: Sequence[bytes]) -> bytes:
        """The frame of a message that has the field ``name``, too: a list of ``count`` items in ``parts``.

        Its other fields are texts, small numbers and flags.
        """
        return b"".join((_one_longer(_pack_plain(message)), _pack_plain(name), list_head(count), *parts))

    def decode(self, frame: Frame) -> dict[str, Any]:
        """The message of a frame. Raises ProtocolError when it is none."""
        return at_once(self.decode_in_steps(frame))

    def decode_in_steps(self, frame: Frame) -> Generator[None, None, dict[str, Any]]:
        """`decode`, with pauses."""
        if isinstance(frame, str):
            raise ProtocolError(f"a text frame; {self.subprotocol} has binary frames only")
        try:
            return _object((yield from values.unpack_in_steps(frame)))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise ProtocolError(f"not MessagePack of a message: {error}") from error


class JsonCodec:
    """JSON in text frames."""

    subprotocol = "protobase-live.v1.json"

    def encode(self, message: Mapping[str, Any]) -> str:
        """The frame of a message. Raises ValidationError, which names the field that is no value."""
        return _named(_dumps_text, message)

    def encode_items(self, items: Sequence[Any]) -> bytes:
        """Some of the items of a list, for `encode_long` and `encode_list`."""
        return _dumps(items)[1:-1].encode()

    def encode_list(self, head: Sequence[Any], last: bytes) -> bytes:
        """A list as an item: of what is in ``head``, texts and small numbers, and then of an encoded item."""
        return b"%b,%b]" % (_json.encode(head)[:-1].encode(), last)

    def encode_long(self, message: Mapping[str, Any], name: str, count: int, parts: Sequence[bytes]) -> str:
        """The frame of a message that has the field ``name``, too: a list of ``count`` items in ``parts``.

        Its other fields are texts, small numbers and flags.
        """
        return f"{_json.encode(message)[:-1]},{_json.encode(name)}:[{b','.join(parts).decode()}]}}"

    def decode(self, frame: Frame) -> dict[str, Any]:
        """The message of a frame. Raises ProtocolError when it is none."""
        return at_once(self.decode_in_steps(frame))

    def decode_in_steps(self, frame: Frame) -> Generator[None, None, dict[str, Any]]:
        """`decode`, with pauses."""
        if isinstance(frame, bytes):
            raise ProtocolError(f"a binary frame; {self.subprotocol} has text frames only")
        try:
            return _object((yield from values.from_json_in_steps(frame)))
        except (ValidationError, ValueError, TypeError, RecursionError) as error:
            raise ProtocolError(f"not JSON of a message: {error}") from error


Codec = MsgpackCodec | JsonCodec

CODECS: Mapping[str, Codec] = {codec.subprotocol: codec for codec in (MsgpackCodec(), JsonCodec())}
"""The codec of each subprotocol, the one a server prefers first."""

SUBPROTOCOLS = tuple(CODECS)
"""What a server offers to clients that ask for the live protocol."""


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


_pack_plain = cast("Callable[[Any], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]


def _pack(value: Any) -> bytes:
    return values.pack(value, as_written=True)


def _one_longer(packed: bytes) -> bytes:
    """A packed list or map of fewer than 15 entries, whose head says one more."""
    assert packed[0] & 0x0F < 15, "the first byte counts up to 15"
    return bytes((packed[0] + 1,)) + packed[1:]


def _dumps(value: Any) -> str:
    return _json.encode(values.to_json(value, as_written=True))  # the columns of a row have an order


def _dumps_text(value: Any) -> str:
    text = _dumps(value)
    try:
        _ = text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        raise ValidationError(f"a value is no text: {error}") from error
    return text


def _named(encode: Callable[[Any], F], message: Mapping[str, Any]) -> F:
    """What is encoded; a ValidationError names the field of the message and quotes nothing of it."""
    try:
        return encode(message)
    except ValidationError as error:
        if error.__cause__ is None:  # it says of itself what is wrong
            raise
        named = ", ".join(repr(name) for name, value in message.items() if not _fits(encode, value))
        said = f"{named or 'all'} of the message {message.get('type')!r} cannot be sent: {error.__cause__}"
        raise ValidationError(said) from error.__cause__


def _fits(encode: Callable[[Any], object], value: Any) -> bool:
    try:
        encode(value)
    except ValidationError:
        return False
    return True


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"a message is an object, not {type(value).__name__}")
    return cast(dict[str, Any], value)
