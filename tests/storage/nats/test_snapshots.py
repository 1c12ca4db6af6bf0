"""Snapshots in a bucket: what goes wrong between it and the stream, and what is there then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from protobase_storage.cloud.objects import Unanswered
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.conformance.model import SECRET, make_commit, make_snapshot
from protobase_storage.errors import (
    CollectionCorrupt,
    StaleSnapshot,
    StorageError,
    StorageUnreachable,
)
from protobase_storage.nats.pieces import REPLACED_SECONDS, UNNAMED_SECONDS
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage

ONCE = Patience(attempts=1)


class Killed(BaseException):
    """The process ends here."""


class Objects(SimulatedObjects):
    """Those of one process, which has something else done before a request, or after it."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket)
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self.after: dict[str, Callable[[], Awaitable[None]]] = {}

    async def _request(self, kind: str, do: Callable[[], Any]) -> Any:
        if before := self.before.pop(kind, None):
            await before()
        result = await super()._request(kind, do)
        if after := self.after.pop(kind, None):
            await after()
        return result


class Place:
    """A stream and a bucket, and what processes are there."""

    def __init__(self) -> None:
        self.servers = StreamServers()
        self.bucket = Bucket()
        self._opened: list[NatsStorage] = []

    def objects(self) -> Objects:
        return Objects(self.bucket)

    async def open(self, objects: SimulatedObjects | None = None, **options: Any) -> NatsStorage:
        """One more process."""
        stream = SimulatedStream(self.servers)
        told = {"snapshots": objects or self.objects(), "stowed_bytes": 0, "patience": ONCE} | options
        storage = await NatsStorage.on(stream, "s", seconds=0.1, **told)
        self._opened.append(storage)
        return storage

    @property
    def snapshots(self) -> list[str]:
        """The objects that are snapshots."""
        return [key for key in self.bucket.objects if "/snap/" in key]

    @property
    def bodies(self) -> set[bytes]:
        """What is in them."""
        return {self.bucket.objects[key] for key in self.snapshots}

    @property
    def notes(self) -> Sequence[str]:
        """What the stream knows of objects."""
        return list(self.servers.subjects("s.piece.*.*"))

    async def close(self) -> None:
        for each in self._opened:
            await each.close()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    yield place
    await place.close()


@pytest.fixture
async def storage(place: Place) -> NatsStorage:
    """One with two commits."""
    storage = await place.open()
    await storage.append([make_commit("a", 1), make_commit("a", 2)])
    return storage


SNAPSHOTS = [make_snapshot("a", {"node-a": n}, update=b"snapshot %d" % n) for n in (0, 1, 2)]


async def test_an_object_that_is_replaced_goes_after_a_while(place: Place, storage: NatsStorage) -> None:
    """The stream may be taken back to before its servers flushed last."""
    for n, expected in ((0, {0}), (1, {0, 1}), (2, {0, 1, 2})):
        await storage.compact(SNAPSHOTS[n])
        assert (await storage.load("a")).snapshot == SNAPSHOTS[n]
        assert place.bodies == {b"snapshot %d" % each for each in expected}
    place.servers.ahead += REPLACED_SECONDS + 1
    for _ in range(2):
        await storage.compact(SNAPSHOTS[2])
        assert place.bodies == {b"snapshot 2"}
    assert len(place.snapshots) == len(place.notes) == 3  # of which two were replaced just now
    [info] = await storage.list()
    assert (info.snapshot_bytes, info.log_commits) == (10, 0)


async def test_no_two_snapshots_share_a_name(place: Place, storage: NatsStorage) -> None:
    names = set[str]()
    for n in (1, 2):
        await storage.compact(SNAPSHOTS[n])
        names |= {*place.snapshots}
    await storage.delete("a")
    await storage.append([make_commit("a", 1)])
    await storage.compact(SNAPSHOTS[1])
    assert len(names | {*place.snapshots}) == 3


async def test_what_is_small_stays_in_its_message(place: Place) -> None:
    storage = await place.open(stowed_bytes=10)
    await storage.append([make_commit("a", 1)])
    await storage.compact(make_snapshot("a", {"node-a": 1}, update=b"0123456789"))
    assert place.snapshots == []
    await storage.append([make_commit("a", 2)])
    await storage.compact(make_snapshot("a", {"node-a": 2}, update=b"0123456789+"))
    assert len(place.snapshots) == 1


async def test_large_commits_stay_in_the_stream(place: Place, storage: NatsStorage) -> None:
    commit = make_commit("b", 1, update=bytes(700_000))
    await storage.append([commit])
    assert (await storage.load("b")).commits == (commit,)
    assert place.snapshots == []


async def test_nothing_counts_that_is_not_in_the_bucket(place: Place) -> None:
    objects = place.objects()
    storage = await place.open(objects)
    await storage.append([make_commit("a", 1)])
    objects.faults.lost_request = 1.0
    with pytest.raises(StorageUnreachable):
        await storage.compact(SNAPSHOTS[1])
    assert place.snapshots == []
    assert (await storage.load("a")).snapshot is None
    objects.faults.lost_request = 0.0
    await storage.compact(SNAPSHOTS[1])
    assert (await storage.load("a")).snapshot == SNAPSHOTS[1]


async def test_an_object_is_there_before_the_message_that_names_it(place: Place) -> None:
    objects = place.objects()
    storage, other = await place.open(objects), await place.open()
    await storage.append([make_commit("a", 1)])
    seen: list[object] = []

    async def look() -> None:
        seen.append((await other.load("a")).snapshot)

    objects.before["put"] = objects.after["put"] = look
    await storage.compact(SNAPSHOTS[1])
    assert seen == [None, None]
    assert (await other.load("a")).snapshot == SNAPSHOTS[1]


async def test_who_finds_an_object_gone_looks_again(place: Place, storage: NatsStorage) -> None:
    """It has read a message; meanwhile another process replaces what that names."""
    await storage.compact(SNAPSHOTS[1])
    objects = place.objects()
    reader = await place.open(objects)

    async def replace() -> None:
        await storage.compact(SNAPSHOTS[2])
        place.servers.ahead += REPLACED_SECONDS + 1
        await storage.compact(SNAPSHOTS[2])
        assert place.bodies == {b"snapshot 2"}

    objects.before["get"] = replace
    assert (await reader.load("a")).snapshot == SNAPSHOTS[2]
    objects.before["get"] = lambda: storage.delete("a")
    loaded = await reader.load("a")
    assert (loaded.snapshot, loaded.commits) == (None, ())


async def test_a_stream_that_is_taken_back_finds_the_snapshot_of_then(
    place: Place, storage: NatsStorage
) -> None:
    """A power failure took what its servers had acknowledged and not flushed."""
    await storage.compact(SNAPSHOTS[1])
    flushed = {subject: dict(stored) for subject, stored in place.servers._subjects.items()}
    await storage.compact(SNAPSHOTS[2])
    place.servers._subjects = flushed
    assert (await (await place.open()).load("a")).snapshot == SNAPSHOTS[1]


async def test_an_object_that_is_missing_for_good_is_damage(place: Place, storage: NatsStorage) -> None:
    await storage.compact(SNAPSHOTS[1])
    await storage.append([make_commit("b", 1)])
    [key] = place.snapshots
    body = place.bucket.objects.pop(key)
    with pytest.raises(CollectionCorrupt, match=r"'a'.*the object '.*' is missing"):
        await storage.load("a")
    place.bucket.objects[key] = b"S" + body[1:]
    with pytest.raises(CollectionCorrupt, match=r"'a'.*wrong checksum: the object"):
        await storage.load("a")
    assert len((await storage.load("b")).commits) == 1
    place.bucket.objects[key] = body
    assert (await storage.load("a")).snapshot == SNAPSHOTS[1]


async def test_without_its_bucket_a_storage_takes_commits(place: Place) -> None:
    objects = place.objects()
    storage = await place.open(objects)
    await storage.append([make_commit("a", 1)])
    await storage.compact(SNAPSHOTS[1])
    objects.faults.failure = Unanswered("the bucket is away")
    await storage.append([make_commit("a", 2), make_commit("b", 1)])
    with pytest.raises(StorageUnreachable, match="the bucket is away"):
        await storage.compact(SNAPSHOTS[2])
    with pytest.raises(StorageUnreachable, match="the bucket is away"):
        await storage.load("a")
    assert (await storage.load("b")).commits == (make_commit("b", 1),)
    assert (await storage.standing("a")).vector == {"node-a": 2}
    objects.faults.failure = None
    loaded = await storage.load("a")
    assert (loaded.snapshot, loaded.commits) == (SNAPSHOTS[1], (make_commit("a", 2),))
    await storage.compact(SNAPSHOTS[2])
    assert (await storage.load("a")).snapshot == SNAPSHOTS[2]


async def test_who_opens_it_while_the_bucket_is_away_takes_commits(
    place: Place, storage: NatsStorage, caplog: pytest.LogCaptureFixture
) -> None:
    objects = place.objects()
    objects.faults.failure = Unanswered("the bucket is away")
    other = await place.open(objects)
    assert [each.event for each in caplog.records] == ["snapshots_away"]  # type: ignore[attr-defined]
    await other.append([make_commit("a", 3)])
    objects.faults.failure = None
    await other.compact(SNAPSHOTS[1])
    assert (await storage.load("a")).snapshot == SNAPSHOTS[1]


async def test_what_a_killed_process_has_put_goes_with_a_later_snapshot(
    place: Place, storage: NatsStorage
) -> None:
    await put_and_die(place)
    assert (len(place.snapshots), len(place.notes)) == (1, 1)
    assert (await storage.load("a")).snapshot is None
    await storage.compact(SNAPSHOTS[1])
    assert len(place.snapshots) == 2  # it may yet be named, for all that this one knows
    place.servers.ahead += UNNAMED_SECONDS + 1
    await storage.compact(SNAPSHOTS[2])
    assert sorted(place.bodies) == [b"snapshot 1", b"snapshot 2"]  # the first was replaced just now
    assert len(place.snapshots) == len(place.notes) == 2


async def test_what_a_killed_process_has_put_goes_with_the_collection(
    place: Place, storage: NatsStorage
) -> None:
    await put_and_die(place)
    await storage.delete("a")
    assert (place.snapshots, place.notes) == ([], [])


async def put_and_die(place: Place) -> None:
    """Put a snapshot as a process does that ends before it says so."""
    objects = place.objects()
    dying = await place.open(objects)
    reached = asyncio.Event()

    async def die() -> None:
        reached.set()
        await asyncio.Event().wait()

    objects.after["put"] = die
    compacting = asyncio.create_task(dying.compact(SNAPSHOTS[1]))
    await reached.wait()
    for task in (compacting, *dying._writer._tasks, dying._writer._run_task):
        task.cancel()
    place._opened.remove(dying)
    dying._seat._renewing.cancel()


async def test_what_is_not_stored_because_others_were_faster_is_dropped(
    place: Place, storage: NatsStorage
) -> None:
    objects = place.objects()
    slow = await place.open(objects)
    objects.after["put"] = lambda: storage.compact(SNAPSHOTS[2])
    with pytest.raises(StaleSnapshot):
        await slow.compact(SNAPSHOTS[1])
    assert [place.bucket.objects[key] for key in place.snapshots] == [b"snapshot 2"]
    assert len(place.notes) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_of_what_is_deleted_while_it_is_put_nothing_is_left(
    place: Place, storage: NatsStorage, moment: str
) -> None:
    objects = place.objects()
    slow = await place.open(objects)
    getattr(objects, moment)["put"] = lambda: storage.erase("a")
    with pytest.raises(StorageError):
        await slow.compact(SNAPSHOTS[1])
    assert (place.snapshots, place.notes) == ([], [])
    assert (await slow.load("a")).snapshot is None


async def test_nothing_is_left_either_if_nobody_waits_for_it_any_more(
    place: Place, storage: NatsStorage
) -> None:
    objects = place.objects()
    slow = await place.open(objects)
    compacting = asyncio.create_task(slow.compact(SNAPSHOTS[1]))

    async def erase() -> None:
        compacting.cancel()
        await storage.erase("a")

    objects.before["put"] = erase
    await asyncio.wait([compacting])
    await slow.close()
    assert (place.snapshots, place.notes) == ([], [])


async def test_of_what_is_erased_no_object_is_left(place: Place, storage: NatsStorage) -> None:
    await storage.compact(make_snapshot("a", {"node-a": 1}, update=SECRET))
    await storage.compact(SNAPSHOTS[2])  # it is kept for a while
    assert SECRET in place.bucket.objects.values()
    instead = make_snapshot("a", {"node-e": 1}, update=b"what stays")
    await storage.erase("a", b"", instead)
    assert [place.bucket.objects[key] for key in place.snapshots] == [b"what stays"]
    assert (await storage.load("a")).snapshot == instead
    await storage.erase("a")
    assert (place.snapshots, place.notes) == ([], [])


async def test_erasing_is_completed_when_the_bucket_is_back(place: Place) -> None:
    objects = place.objects()
    storage = await place.open(objects)
    await storage.append([make_commit("a", 1)])
    await storage.compact(make_snapshot("a", {"node-a": 1}, update=SECRET))
    objects.faults.failure = Unanswered("the bucket is away")
    with pytest.raises(StorageUnreachable):
        await storage.erase("a")
    assert SECRET in place.bucket.objects.values()
    await place.open()
    assert (place.snapshots, place.notes) == ([], [])


async def test_what_is_deleted_without_the_bucket_goes_later(place: Place) -> None:
    objects = place.objects()
    storage = await place.open(objects)
    await storage.append([make_commit("a", 1)])
    await storage.compact(SNAPSHOTS[1])
    objects.faults.failure = Unanswered("the bucket is away")
    await storage.delete("a")
    assert (await storage.load("a")).snapshot is None
    objects.faults.failure = None
    await storage.delete("a")
    assert (place.snapshots, place.notes) == ([], [])


async def test_without_a_bucket_messages_are_as_they_were(place: Place) -> None:
    storage = await place.open(snapshots=None)
    await storage.append([make_commit("a", 1)])
    await storage.compact(make_snapshot("a", {"node-a": 1}, update=bytes(600_000)))
    assert place.bucket.objects == {}
    [subject] = place.notes
    assert len(place.servers.read(subject, 0)) == 2
    assert int(subject.rpartition(".")[2], 16)


async def test_all_that_open_it_name_the_same_bucket(place: Place, storage: NatsStorage) -> None:
    await storage.compact(SNAPSHOTS[1])
    other = place.objects()
    other.address = "simulated://other"
    with pytest.raises(
        StorageError,
        match=r"has its snapshots in simulated://bucket, and was opened with snapshots=simulated://other: "
        r"write snapshots=simulated://bucket",
    ):
        await place.open(other)
    with pytest.raises(StorageError, match=r"was opened without: write snapshots=simulated://bucket"):
        await place.open(snapshots=None)
    elsewhere = SimulatedObjects(Bucket())
    with pytest.raises(StorageError, match="correct the bucket's endpoint"):
        await place.open(elsewhere)
    assert (await storage.load("a")).snapshot == SNAPSHOTS[1]


async def test_a_stream_that_has_no_bucket_gets_none(place: Place) -> None:
    await place.open(snapshots=None)
    with pytest.raises(StorageError, match=r"keeps its snapshots in the stream.*copy the database"):
        await place.open()
    assert place.bucket.objects == {}


async def test_of_two_that_begin_it_one_does(place: Place) -> None:
    objects = place.objects()

    async def begin() -> None:
        await place.open()

    objects.after["put"] = begin
    storage = await place.open(objects)
    assert len(place.bucket.objects) == 1  # of the one that was slower nothing is left
    await storage.append([make_commit("a", 1)])
    await storage.compact(SNAPSHOTS[1])
    assert (await (await place.open()).load("a")).snapshot == SNAPSHOTS[1]


async def test_it_is_not_begun_without_its_bucket(place: Place) -> None:
    objects = place.objects()
    objects.faults.failure = Unanswered("the bucket is away")
    with pytest.raises(StorageUnreachable, match="the bucket is away"):
        await place.open(objects)
    assert place.servers.last("s.meta") is None
