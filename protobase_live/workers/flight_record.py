"""What a worker is doing, in memory that outlives it."""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

_HEAD = struct.Struct("<QddQ")
"""1 while code of a collection runs, since when, the last sign of life, the bytes of what it does."""
_RUNNING, _SINCE, _BEAT = struct.Struct("<Q"), 8, 16
_TIME = struct.Struct("<d")
_codec = cast(Any, msgpack)


Message = tuple[str | None, str | None, Sequence[bytes]]
"""What a Yjs client has sent: its author, its address, and its updates."""


class Sent(NamedTuple):
    """A message of a Yjs client."""

    author: str | None
    address: str | None
    updates: Sequence[bytes] | None
    """None where they were too long to be kept."""
    digests: Sequence[str]


class Doing(NamedTuple):
    """What a collection's code runs for."""

    what: str
    collection: str
    sent: Sequence[Sent]


def digest_of(update: bytes) -> str:
    """What an update is known by."""
    return blake2b(update, digest_size=16).hexdigest()


def make_memory() -> int:
    """A descriptor of memory that two processes can share."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("protobase-live")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class FlightRecord:
    """One worker writes it, and the supervisor reads it when the worker has died, or whether it lives."""

    def __init__(self, descriptor: int, size: int) -> None:
        """``size`` is how many bytes of what a collection is given there is room for."""
        os.ftruncate(descriptor, _HEAD.size + size)
        self._size = size
        self._map = mmap.mmap(descriptor, _HEAD.size + size)
        self._written: object = None

    # by the worker

    def begin(self, doing: object, packed: bytes, now: float) -> None:
        """Code runs from now on for what ``packed`` says, which is written once for the same ``doing``."""
        if self._written is not doing:
            self._written = doing
            self._map[_HEAD.size : _HEAD.size + len(packed)] = packed
        _HEAD.pack_into(self._map, 0, 1, now, now, len(packed))

    def end(self) -> None:
        """It does not run."""
        _RUNNING.pack_into(self._map, 0, 0)

    def beat(self, now: float) -> None:
        """The worker lives."""
        _TIME.pack_into(self._map, _BEAT, now)

    def pack(self, what: str, collection: str, sent: Sequence[Message]) -> bytes:
        """What `begin` takes: with the bytes of all updates, if there is room for them."""
        room = self._size - 1_024
        if sum(len(update) + 16 for *_, updates in sent for update in updates) <= room:
            return _codec.packb([what, collection, sent])
        found = [(*who, [digest_of(each) for each in updates]) for *who, updates in sent]
        return _codec.packb([what, collection, found])[: self._size]

    # by the supervisor

    def reset(self, now: float) -> None:
        """Another worker is about to begin."""
        _HEAD.pack_into(self._map, 0, 0, now, now, 0)

    @property
    def running_since(self) -> float | None:
        """Since when code of a collection runs in one go; None if none does."""
        running, since, _, _ = _HEAD.unpack_from(self._map)
        return since if running else None

    @property
    def last_beat(self) -> float:
        """When the worker has shown for the last time that it lives."""
        return _HEAD.unpack_from(self._map)[2]

    def doing(self) -> Doing | None:
        """What it was doing when it died, or does now; None if that is nothing of a collection."""
        running, _, _, length = _HEAD.unpack_from(self._map)
        if not running:
            return None
        try:
            what, collection, sent = _codec.unpackb(self._map[_HEAD.size : _HEAD.size + length])
        except Exception:  # cut off where even the digests have no room
            return None
        return Doing(what, collection, [_sent(*each) for each in sent])

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()


def _sent(author: str | None, address: str | None, updates: list[Any]) -> Sent:
    if updates and isinstance(updates[0], str):
        return Sent(author, address, None, updates)
    return Sent(author, address, updates, [digest_of(each) for each in updates])
