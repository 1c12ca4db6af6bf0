"""Storages in streams on the servers that a test's environment names, one stream for each path."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from protobase_storage.nats.address import NatsAddress, parse_address
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft, Stream

VARIABLE = "PROTOBASE_TEST_NATS"
"""``HOST:PORT[,HOST:PORT...]``."""

REPLICAS = "PROTOBASE_TEST_NATS_REPLICAS"

FOLDER = "PROTOBASE_TEST_NATS_FOLDER"
"""Where the servers keep their files."""


def stream_of(place: Path | str) -> str:
    """The name of the stream that stands for a path."""
    return f"p{blake2b(str(place).encode(), digest_size=8).hexdigest()}"


def url_of(place: Path | str) -> str:
    """The address of a place, as users write it."""
    return f"nats://{os.environ[VARIABLE]}/{stream_of(place)}?replicas={os.environ.get(REPLICAS, '1')}"


def address_of(place: Path | str) -> NatsAddress:
    """The same, read."""
    return parse_address(url_of(place))


class SteppingStream:
    """A `Stream` that says what it is about to do and has done."""

    def __init__(self, stream: Any, on_step: Callable[[str], None]) -> None:
        self._stream = stream
        self._on_step = on_step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        self._on_step(f"about to publish {len(drafts)}")
        numbers = await self._stream.publish(drafts)
        self._on_step(f"published {len(drafts)}")
        return numbers

    async def store(self, subject: str, data: bytes) -> int:
        number = await self._stream.store(subject, data)
        self._on_step("stored")
        return number

    async def wipe(self, sequence: int) -> None:
        await self._stream.wipe(sequence)
        self._on_step("wiped")


def wrapping(on_step: Callable[[str], None] | None) -> Callable[[Stream], Stream]:
    """What says its steps, if somebody wants to know."""
    return lambda stream: stream if on_step is None else SteppingStream(stream, on_step)


async def open_nats(
    place: Path | str, *, on_step: Callable[[str], None] | None = None, **options: Any
) -> NatsStorage:
    """The storage at a place."""
    return await NatsStorage.open(address_of(place), wrap=wrapping(on_step), **options)
