"""``protobase-live backup`` and ``restore``: collections exactly as they are stored, in one file.

The file is a line that says what it is, then in MessagePack ``[name, stored]`` for each collection (what is
stored, as `protobase_live.database.stored` has it) and nil, then the BLAKE2b digest of all that.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE
from typing import IO, Any, NoReturn, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.cli.loop import end_signals, run
from protobase_live.cli.notes import note
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
    for number in end_signals():
        asyncio.get_running_loop().add_signal_handler(number, signal.raise_signal, signal.SIGINT)
    target = _target(file)
    place = await open_place(source, token, read_only=True)
    failures = Failures()
    try:
        names = await names_in(place, collections)
        with _beside(target) as growing:
            with _private(growing) as out:
                await _write(place, names, failures, out)
            _keep(growing, target, whole=not failures)
    finally:
        await place.close()
    failures.check(f"in {str(file)!r}")


def _target(file: Path) -> Path:
    """The file that a backup takes the place of: behind links, which stay.

    Raises ValidationError for a folder, device or pipe: a file would stand there instead, for everybody.
    """
    _require_file(file, "is written into one")
    return Path(os.path.realpath(file))


def _require_file(file: Path, why: str) -> None:
    """Raises ValidationError for what is there and no file."""
    if file.exists() and not file.is_file():
        raise ValidationError(f"{str(file)!r} is no file; a backup {why}")


@contextmanager
def _beside(file: Path) -> Generator[Path]:
    """Where to write what is to take the place of ``file``; nothing is there afterwards."""
    growing = file.with_name(f"{file.name}.{token_hex(4)}.part")  # another backup may be under way
    try:
        yield growing
    finally:
        growing.unlink(missing_ok=True)


def _private(file: Path) -> IO[bytes]:
    """A new file, to be written, that its owner alone can read: it has all that was ever written."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _keep(growing: Path, file: Path, whole: bool) -> None:
    """Have it be ``file``, durably, for those who could read that one.

    What is not whole takes no other's place.
    """
    if not whole and file.exists():
        note(f"{str(file)!r} is left as it was; another file takes those that can be backed up")
        return
    if file.exists():
        growing.chmod(S_IMODE(file.stat().st_mode))
    growing.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _write(place: Place, names: Sequence[str], failures: Failures, out: IO[bytes]) -> None:
    """Write it durably, with the collections that do not fail."""
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
    _require_file(file, "is read from one, more than once")
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
