"""What a folder knows of the bucket that it is uploaded to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from ..contract import Standing
from ..errors import StorageFormatError
from ..packing import pack

RECORD_NAME = "upload.json"


@dataclass(frozen=True, slots=True)
class Record:
    """`database` is the identity of what is in the bucket. With the takeover of `epoch` the folder came to
    agree with it; that of `claim` was begun since, or is the same.

    `uploaded` is the hash of what the folder had when all of it was uploaded, empty while it is in use.
    `is_stale`: nothing is in the folder that is not in the bucket, whatever their vectors say.
    """

    database: str
    epoch: int = 0
    claim: int = 0
    uploaded: str = ""
    is_stale: bool = False


def read_record(folder: Path) -> Record | None:
    """The record in a folder, None if there is none. Raises `OSError`, `StorageFormatError`."""
    path = folder / RECORD_NAME
    try:
        return Record(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise StorageFormatError(f"{str(path)!r} is none of ProtoBase, or damaged: {error}") from error


def write_record(folder: Path, record: Record) -> None:
    """Put it in the place of the one before, durably. Raises `OSError`."""
    growing = folder / f"{RECORD_NAME}.part"
    with growing.open("w") as file:
        json.dump(asdict(record), file)
        file.flush()
        os.fsync(file.fileno())
    growing.replace(folder / RECORD_NAME)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_of(standings: Iterable[Standing]) -> str:
    """By what a folder is known that has not changed."""
    told = [(each.collection, sorted(each.vector.items()), each.remains) for each in standings]
    return blake2b(pack(told), digest_size=16).hexdigest()
