"""`nats://`: the contract on a stream."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from ..cloud.objects import ObjectStore
from ..cloud.patient import Patience
from ..commit import Commit, Loaded, Snapshot, Vector, covers, includes, is_elsewhere
from ..contract import (
    BACKLOG_LIMIT,
    READS_LIMIT,
    CollectionInfo,
    Standing,
    StorageStats,
    append_checked,
    check_erasure,
    check_name,
    check_remains,
    check_snapshot,
    random_identity,
    refused,
)
from ..errors import StorageClosed, StorageError, StorageFenced, StorageUnreachable, TooManyReads
from ..shared import News, SharedState, SharedStorage
from .address import NatsAddress
from .bucket import PATIENCE, SnapshotBucket
from .catalogue import Catalogue
from .channel import NatsChannel
from .connection import connect
from .database import find_database
from .erasing import Eraser
from .follower import Follower
from .heads import Heads
from .limits import PATIENCE_SECONDS
from .opening import find_stream
from .patient import Patient
from .pieces import STOWED_BYTES, PieceStore
from .queueing import Queueing
from .reading import Reader
from .seats import Seat, take_seat
from .sender import Sender
from .stream import Stream
from .subjects import Subjects
from .upkeep import Upkeep
from .watch import Watch
from .writer import Writer

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class NatsStorage(SharedStorage):
    """A stream that any number of processes read and write. Made by `open`."""

    def __init__(
        self,
        patient: Patient,
        name: str,
        seat: Seat,
        replicas: int = 1,
        *,
        bucket: SnapshotBucket | None = None,
        stowed_bytes: int = STOWED_BYTES,
        backlog_limit: int = BACKLOG_LIMIT,
        reads_limit: int = READS_LIMIT,
        make_bytes: Callable[[int], bytes] = secrets.token_bytes,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``name`` is the stream's; ``bucket`` has its snapshots of more than ``stowed_bytes``. For the
        options see `open`."""
        self.identity = seat.identity
        self.replicas = replicas
        self._name = name
        self._seat = seat
        self._bucket = bucket
        self._stream = patient.stream
        subjects = Subjects(name)
        payload_bytes = self._stream.payload_bytes
        pieces = PieceStore(patient, subjects, payload_bytes, make_bytes, bucket, stowed_bytes)
        self._reader = Reader(patient, subjects, pieces)
        heads = Heads(self._reader)
        self._upkeep = Upkeep(patient, subjects, pieces, self._reader, heads)
        self._follower = Follower(patient, subjects, self._reader, self.identity)
        is_followed = self._follower.is_followed
        sender = Sender(patient, subjects, pieces, heads, make_bytes, is_followed)
        self._follower.is_own = sender.is_own
        self._writer = Writer(
            heads,
            sender,
            self._upkeep,
            backlog_limit=backlog_limit,
            clock=clock,
            is_followed=is_followed,
        )
        self._queueing = Queueing(patient, subjects.queue, self.identity, heads.vector)
        self.channel = self._said = NatsChannel(patient, subjects)
        self._catalogue = Catalogue(patient, subjects, self._reader)
        self._watch = Watch(self._stream, subjects.logs, clock)
        self._eraser = Eraser(patient, subjects, self._writer, self._upkeep)
        self._stream.when_again(self._follower.look_at_all)
        self._reads_limit = reads_limit
        self._reading = 0
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        address: NatsAddress,
        *,
        must_exist: bool = False,
        seconds: float = PATIENCE_SECONDS,
        backlog_limit: int = BACKLOG_LIMIT,
        reads_limit: int = READS_LIMIT,
        make_identity: Callable[[], str] = random_identity,
        wrap: Callable[[Stream], Stream] = lambda stream: stream,
    ) -> NatsStorage:
        """Open what is in the stream, which is made if it is not there, unless it ``must_exist``.

        ``seconds`` is how long a stream that does not answer is asked again, ``backlog_limit`` in bytes,
        ``reads_limit`` how many reads may be under way. ``wrap`` is for tests.

        Raises `StorageUnreachable`, `StorageFormatError`, and `StorageError` for a stream that is not as it
        must be, for a database that has another bucket, or without nats-py or the bucket's library.
        """
        async with AsyncExitStack() as opened:
            objects = await _objects(address)
            if objects is not None:
                opened.push_async_callback(objects.close)
            connected = await connect(address)
            opened.push_async_callback(connected.close)
            replicas = await find_stream(connected, address, seconds, must_exist)
            storage = await cls.on(
                wrap(connected),
                address.stream,
                replicas,
                snapshots=objects,
                seconds=seconds,
                backlog_limit=backlog_limit,
                reads_limit=reads_limit,
                make_identity=make_identity,
            )
            opened.pop_all()
        return storage

    @classmethod
    async def on(
        cls,
        stream: Stream,
        name: str,
        replicas: int = 1,
        *,
        snapshots: ObjectStore | None = None,
        patience: Patience = PATIENCE,
        draw: Callable[[], float] = random.random,
        seconds: float = PATIENCE_SECONDS,
        make_identity: Callable[[], str] = random_identity,
        make_bytes: Callable[[int], bytes] = secrets.token_bytes,
        **options: Any,
    ) -> NatsStorage:
        """Open what is in a stream that is there, and has that name; large ``snapshots`` are there, which is
        asked with this ``patience`` and pauses that it is to ``draw``. ``options`` are those of
        `NatsStorage`; for the rest see `open`. Raises `StorageUnreachable`, `StorageFormatError`, and
        `StorageError` if the database has another bucket."""
        patient, subjects = Patient(stream, seconds), Subjects(name)
        made = partial(SnapshotBucket, snapshots, patience=patience, draw=draw) if snapshots else None
        bucket = await find_database(patient, subjects.meta, make_identity, made)
        if bucket is not None:
            await _look_at(bucket)
        seat = await take_seat(patient, subjects, make_identity, make_bytes)
        storage = cls(patient, name, seat, replicas, bucket=bucket, make_bytes=make_bytes, **options)
        await storage._queueing.begin()
        await storage._finish_erasing()
        return storage

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        """See `Storage.append`."""
        return self.append_behind(commits, {})

    def append_behind(self, commits: Sequence[Commit], known: Mapping[str, Vector]) -> asyncio.Future[None]:
        """See `Storage.append_behind`."""
        self._check_open()
        if self._seat.lost:
            return refused(StorageFenced(self._seat.lost))
        new = [commit for commit in commits if not self._follower.has_told(commit)]
        return append_checked(new, lambda checked: self._writer.append(checked, known))

    def contested(self, collections: Iterable[str]) -> bool:
        """See `Storage.contested`."""
        return self._queueing.contested(collections)

    def queued(self, collections: Sequence[str]) -> AbstractAsyncContextManager[Mapping[str, Vector]]:
        """See `Storage.queued`."""
        return self._queueing.queued(collections)

    def follow(self, collection: str, vector: Vector, remains: bytes = b"") -> None:
        """See `SharedStorage.follow`."""
        self._check_open()
        self._follower.follow(collection, vector, remains)

    def unfollow(self, collection: str) -> None:
        """See `SharedStorage.unfollow`."""
        self._follower.unfollow(collection)

    def look(self, collections: Iterable[str]) -> None:
        """See `SharedStorage.look`."""
        self._follower.look(collections)

    async def news(self) -> Mapping[str, News]:
        """See `SharedStorage.news`."""
        return await self._follower.news()

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        check_name(collection)
        return await self._read(lambda: self._load(collection))

    async def _load(self, collection: str) -> Loaded:
        stored, snapshot = await self._reader.loaded(collection)
        return Loaded(snapshot, stored.commits, stored.remains)

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        check_name(collection)
        return await self._read(lambda: self._commits_after(collection, vector, limit))

    async def _commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        stored = await self._reader.stored(collection)
        if stored.snapshot and not includes(vector, stored.snapshot.vector):
            return None
        if any(is_elsewhere(vector, commit.origin, commit.sequence) for commit in stored.commits):
            return None
        return tuple(commit for commit in stored.commits if not covers(vector, commit))[:limit]

    async def compact(self, snapshot: Snapshot) -> None:
        """See `Storage.compact`."""
        self._check_open()
        check_snapshot(snapshot)
        await self._writer.compact(snapshot)

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`. All of these collections are read."""
        return await self._read(lambda: self._catalogue.infos(prefix))

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        check_name(collection)
        return await self._read(lambda: self._catalogue.standing(collection))

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`. They are of one moment where nobody else writes meanwhile."""
        return await self._read(lambda: self._catalogue.standings(collections))

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        return await self._read(lambda: self._catalogue.page(after, limit))

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """See `Storage.delete`."""
        self._check_open()
        check_name(collection)
        check_remains(remains)
        work = await self._writer.delete(collection, remains)
        try:
            await self._upkeep.drop_deleted(work)
        except StorageError as error:  # it counts as deleted, and the next deletion or erasure drops it
            told = "%s: of %r is left what was deleted: %s"
            address = self._stream.address
            _log.warning(told, address, collection, error, extra={"event": "erasing_unfinished"})

    async def erase(self, collection: str, remains: bytes = b"", snapshot: Snapshot | None = None) -> None:
        """See `Storage.erase`, and docs/storage.md for what the server itself may keep."""
        self._check_open()
        check_erasure(collection, remains, snapshot)
        await self._eraser.erase(collection, remains, snapshot)

    async def _finish_erasing(self) -> None:
        """Complete what a process before has begun, or leave it to the next opening."""
        try:
            await self._eraser.finish()
        except StorageError as error:
            told = "%s still has what was erased: %s"
            _log.warning(told, self._stream.address, error, extra={"event": "erasing_unfinished"})

    async def stats(self) -> StorageStats:
        """See `Storage.stats`; of the flushes each is a round, of any number of messages."""
        self._check_open()
        return self._stats(*await self._catalogue.size())

    async def recent_stats(self) -> StorageStats:
        """See `Storage.recent_stats`."""
        self._check_open()
        await self._watch.look()
        return self._stats(self._watch.state.subjects, self._watch.state.bytes)

    def _stats(self, collections: int, size: int) -> StorageStats:
        writer = self._writer
        counted = writer.commits, writer.flushes, writer.last_flush_seconds, writer.backlog
        return StorageStats(collections, size, *counted)

    async def state(self) -> SharedState:
        """See `SharedStorage.state`."""
        self._check_open()
        await self._watch.look()
        told, connection = self._watch.state, self._stream.connection()
        followed, behind, behind_seconds = self._follower.standing()
        return SharedState(
            name=self._name,
            server=connection.server,
            servers=connection.servers,
            reconnects=connection.reconnects,
            problem=self._watch.problem,
            told_seconds=self._watch.told_seconds,
            replicas=told.replicas,
            messages=told.messages,
            bytes=told.bytes,
            max_bytes=told.max_bytes,
            last=told.last,
            unstored_bytes=self._writer.backlog,
            followed=followed,
            behind=behind,
            behind_seconds=behind_seconds,
        )

    async def close(self) -> None:
        """See `Storage.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._follower.close()
        self._said.close()
        self._watch.close()
        await self._writer.stop()
        await self._seat.release()
        await self._stream.close()
        if self._bucket is not None:
            await self._bucket.close()

    async def _read(self, read: Callable[[], Awaitable[Result]]) -> Result:
        self._check_open()
        if self._reading >= self._reads_limit:
            raise TooManyReads(f"{self._reading} reads wait already; the limit is {self._reads_limit}")
        self._reading += 1
        try:
            return await read()
        finally:
            self._reading -= 1

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StorageClosed(f"the storage at {self._stream.address} is closed")


async def _objects(address: NatsAddress) -> ObjectStore | None:
    if address.snapshots is None:
        return None
    from ..clouds import connected  # only who uses one needs what it loads

    return await connected(address.snapshots)


async def _look_at(bucket: SnapshotBucket) -> None:
    """Raises `StorageError` for another bucket than the database's. One that does not answer is looked at
    when it is used: what is not in it is there without it."""
    try:
        await bucket.check()
    except StorageUnreachable as error:
        _log.warning("the stream's snapshots cannot be read: %s", error, extra={"event": "snapshots_away"})
