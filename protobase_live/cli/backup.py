"""``protobase-live backup`` and ``restore``: collections exactly as they are stored, in one file.

The file is a line that says what it is, then in MessagePack ``[name, stored]`` for each collection (what is
stored, as `protobase_live.database.stored` has it) and nil, then the BLAKE2b digest of all that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.cli.loop import run
from protobase_live.cli.places import Failures, Place, names_in, open_place
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.protocol.packing import pack

MAGIC = b"protobase-live backup 1\n"

DIGEST_BYTES = 32

READ_BYTES = 1024 * 1024
"""How much of a file is read at once to check it."""


def backup(source: str, file: Path, collections: Sequence[str], token: str | None) -> NoReturn:
    """Write the collections, all when none are named, into ``file``, then end the process."""
    run(_backup(source, file, collections, token))


def restore(file: Path, target: str, collections: Sequence[str], token: str | None) -> NoReturn:
    """Store the collections that are in ``file``, or those named, then end the process."""
    run(_restore(file, target, collections, token))


async def _backup(source: str, file: Path, collections: Sequence[str], token: str | None) -> None:
    place = await open_place(source, token, read_only=True)
    failures = Failures()
    growing = file.with_name(f"{file.name}.part")
    try:
        with growing.open("wb") as out:
            await _write(place, collections or await names_in(place), failures, out)
        growing.replace(file)
    finally:
        with suppress(FileNotFoundError):
            growing.unlink()
        await place.close()
    failures.check(f"in {str(file)!r}")


async def _write(place: Place, names: Sequence[str], failures: Failures, out: IO[bytes]) -> None:
    """Write it whole and durably."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def write(data: bytes) -> None:
        digest.update(data)
        out.write(data)

    write(MAGIC)
    for name in names:
        with failures.alone():
            write(pack((name, await place.backup(name))))
    write(pack(None))
    out.write(digest.digest())
    out.flush()
    os.fsync(out.fileno())


async def _restore(file: Path, target: str, collections: Sequence[str], token: str | None) -> None:
    with file.open("rb") as content:
        _check(file, content)
        place = await open_place(target, token)
        failures, missing = Failures(), dict.fromkeys(collections)
        try:
            for name, stored in _collections(content):
                if not collections or name in missing:
                    missing.pop(name, None)
                    with failures.alone():
                        await place.restore(name, stored)
        finally:
            await place.close()
    failures.check("restored")
    if missing:
        raise ValidationError(f"{str(file)!r} has no collection {', '.join(map(repr, missing))}")


def _check(file: Path, content: IO[bytes]) -> None:
    """Raise unless the file is a backup, and whole: before anything of it is stored."""
    if content.read(len(MAGIC)) != MAGIC:
        raise ValidationError(f"{str(file)!r} is no backup that this version can read")
    digest = hashlib.blake2b(MAGIC, digest_size=DIGEST_BYTES)
    left = file.stat().st_size - len(MAGIC) - DIGEST_BYTES
    while left > 0:
        data = content.read(min(left, READ_BYTES))
        digest.update(data)
        left -= len(data) or left
    if content.read() != digest.digest():
        raise StorageFailed(f"{str(file)!r} is damaged or not whole; nothing was restored")


def _collections(content: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """What a file holds that was checked."""
    content.seek(len(MAGIC))
    unpacker: Any = cast(Any, msgpack).Unpacker(content, max_buffer_size=0)
    while (entry := unpacker.unpack()) is not None:
        yield entry[0], entry[1]
