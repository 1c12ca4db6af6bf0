"""What a database in a stream is: told by one message, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..errors import StorageError, StorageFormatError
from ..packing import pack, unpack
from .bucket import SnapshotBucket
from .formats import seal, unseal
from .patient import Patient
from .stream import Draft, Outrun


@dataclass(frozen=True, slots=True)
class Database:
    """Its `identity`, and in which bucket its large snapshots are (None: they are in the stream)."""

    identity: str
    snapshots: str | None = None

    def packed(self) -> bytes:
        """As a message."""
        told = {"identity": self.identity}
        return seal(pack(told if self.snapshots is None else told | {"snapshots": self.snapshots}))

    def check(self, address: str, given: str | None) -> None:
        """Raises `StorageError` for an address that has another bucket."""
        if given == self.snapshots:
            return
        if self.snapshots is None:
            raise StorageError(
                f"{address} keeps its snapshots in the stream, and was opened with snapshots={given}: leave "
                "that out, or copy the database into a new stream (protobase-live copy)"
            )
        told = f"with snapshots={given}" if given else "without"
        raise StorageError(
            f"{address} has its snapshots in {self.snapshots}, and was opened {told}: "
            f"write snapshots={self.snapshots}"
        )


async def find_database(
    stream: Patient,
    subject: str,
    make: Callable[[], str],
    bucket_of: Callable[[str], SnapshotBucket] | None = None,
) -> SnapshotBucket | None:
    """Look under a subject whether there is a database, and begin one if there is nothing. The answer is the
    bucket of its snapshots, if they are in one; ``bucket_of`` is that of a database of some identity.

    Raises `StorageFormatError`, `StorageUnreachable`, and `StorageError` if the database has another bucket.
    """
    begun: SnapshotBucket | None = None
    while (found := await stream.last(subject)) is None:
        identity = make()
        if bucket_of is not None:
            begun = bucket_of(identity)
            await begun.begin()
        draft = Draft(subject, Database(identity, begun.address if begun else None).packed(), 0)
        with suppress(Outrun):  # another process was faster, or an answer was lost
            await stream.publish_once(draft)
    address = stream.stream.address
    database = _read(address, found.data)
    if begun is not None and begun.identity != database.identity:
        await begun.abandon()
        begun = None
    bucket = begun or (bucket_of(database.identity) if bucket_of else None)
    database.check(address, bucket.address if bucket else None)
    return bucket


def _read(address: str, data: bytes) -> Database:
    try:
        return Database(**unpack(unseal(data)))
    except (ValueError, TypeError) as error:
        raise StorageFormatError(f"{address} is no database of ProtoBase: {error}") from error
