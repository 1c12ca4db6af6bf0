"""WebSocket frames by hand: what a client's library would never send, and no more work than needed."""

from __future__ import annotations

import struct
from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NO_MASK = b"\x00\x00\x00\x00"
"""A mask that changes nothing."""


def upgrade(path: str, *headers: str) -> bytes:
    """The request that opens a connection."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode()


def frame(payload: bytes, opcode: int = BINARY, *, fin: bool = True, reserved: int = 0) -> bytes:
    """A frame as clients send it; ``reserved`` is the three bits of extensions."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    return bytes([fin << 7 | reserved << 4 | opcode]) + length + NO_MASK + payload


def messages_in(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcodes and payloads of whole frames, masked or not, as they follow each other."""
    at = 0
    while (found := head_at(stream, at)) is not None:
        opcode, mask, begin, end = found
        if end > len(stream):
            return
        yield opcode, _unmasked(stream[begin:end], mask)
        at = end


def head_at(stream: bytes | bytearray, at: int) -> tuple[int, bytes, int, int] | None:
    """Of the frame that begins at ``at`` the opcode, the mask, and where its payload begins and ends; None
    if its head is not there yet."""
    if len(stream) < at + 2:
        return None
    size, masked, begin = stream[at + 1] & 0x7F, stream[at + 1] & 0x80, at + 2
    if size > 125:
        form = "!H" if size == 126 else "!Q"
        begin += struct.calcsize(form)
        if len(stream) < begin:
            return None
        size = struct.unpack_from(form, stream, at + 2)[0]
    mask = bytes(stream[begin : begin + 4]) if masked else b""
    begin += len(mask)
    return stream[at] & 0x0F, mask, begin, begin + size


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    if not any(mask):
        return payload
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    whole = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return whole.to_bytes(len(payload), "big")
