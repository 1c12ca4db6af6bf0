"""One writer at a time: who opens takes over, and who had it open learns so and says why."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import detangle
import pytest

from protobase_storage import StorageError, StorageFenced, StorageFormatError, StorageUnreachable
from protobase_storage.cloud.formats import pack_manifest
from protobase_storage.cloud.keys import manifest_key, slot_key
from protobase_storage.cloud.objects import Unanswered
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, ObjectFaults, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.cloud.values import Manifest
from protobase_storage.conformance.model import make_commit, make_snapshot

PATIENCE = Patience(attempts=2, call_seconds=1, first_pause_seconds=0.1)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test on virtual time."""

    def run() -> None:
        detangle.run(test)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def opened(bucket: Bucket, faults: ObjectFaults | None = None, slots: int = 1000) -> CloudStorage:
    """A storage over a store of its own, whose faults can be set."""
    objects = SimulatedObjects(bucket)
    objects.faults = faults or ObjectFaults()
    return await CloudStorage.open(objects, interval=0, checkpoint_slots=slots, patience=PATIENCE)


@virtual
async def test_the_last_to_open_has_it_and_the_other_says_why_it_stops() -> None:
    bucket = Bucket()
    first = await opened(bucket)
    await first.append([make_commit("a", 1)])
    second = await opened(bucket)
    assert second.identity == first.identity
    lost = first.append([make_commit("a", 2)])
    with pytest.raises(StorageFenced, match=r"taken over by another writer \(epoch 2, this one has 1\)"):
        await lost
    for call in (first.append([]), first.load("a"), first.list(), first.stats(), first.delete("a")):
        with pytest.raises(StorageFenced):
            await call
    assert (await second.load("a")).commits == (make_commit("a", 1),)
    await second.append([make_commit("a", 2)])
    await first.close()
    await second.close()


async def append_until_fenced(storage: CloudStorage) -> int:
    """How many commits were acknowledged."""
    for sequence in count(1):
        try:
            await storage.append([make_commit("a", sequence)])
        except StorageFenced:
            return sequence - 1
        await asyncio.sleep(0.5)
    raise AssertionError


@virtual
async def test_what_is_acknowledged_while_another_takes_over_is_in_its_view() -> None:
    bucket, slow = Bucket(), ObjectFaults(delay=(0.3, 0.3))
    first = await opened(bucket)
    taking_over = asyncio.ensure_future(opened(bucket, slow))
    acknowledged = await append_until_fenced(first)
    second = await taking_over
    assert acknowledged >= 3
    assert len((await second.load("a")).commits) == acknowledged


@virtual
async def test_a_writer_that_slept_through_checkpoints_cannot_use_the_numbers_that_became_free() -> None:
    bucket = Bucket()
    first = await opened(bucket)
    for sequence in (1, 2):
        await first.append([make_commit("a", sequence)])
    second = await opened(bucket, slots=2)
    for sequence in range(3, 20):
        await second.append([make_commit("a", sequence)])
        await asyncio.sleep(1)
    assert slot_key(2) not in bucket.objects  # the slot of the first commit is deleted
    with pytest.raises(StorageFenced):
        await first.append([make_commit("a", 3)])
    await second.close()
    third = await opened(bucket)
    assert len((await third.load("a")).commits) == 19


@virtual
async def test_a_writer_that_slept_through_takeovers_cannot_either() -> None:
    bucket = Bucket()
    first = await opened(bucket)
    await (await opened(bucket)).close()
    third = await opened(bucket, slots=2)
    for sequence in range(1, 20):
        await third.append([make_commit("a", sequence)])
        await asyncio.sleep(1)
    with pytest.raises(StorageFenced):
        await first.append([make_commit("a", 1)])


@virtual
async def test_a_writer_that_does_not_know_of_its_last_slot_cannot_make_it_again() -> None:
    bucket, faults = Bucket(), ObjectFaults()
    first = await opened(bucket, faults)
    faults.late_request, faults.late_seconds = 1.0, 5.0
    with pytest.raises(StorageUnreachable):
        await first.append([make_commit("a", 1)])
    faults.late_request = 0.0
    await asyncio.sleep(10)
    second = await opened(bucket, slots=2)
    for sequence in range(2, 20):
        await second.append([make_commit("a", sequence)])
        await asyncio.sleep(1)
    with pytest.raises(StorageFenced):
        await first.append([make_commit("a", 1, update=b"again")])


@virtual
async def test_a_checkpoint_finds_out_that_another_writer_is_about_to_take_over() -> None:
    bucket = Bucket()
    storage = await opened(bucket, slots=2)
    claim = Manifest(number=2, epoch=2, writer=b"other", identity=storage.identity)
    bucket.objects[manifest_key(2)] = pack_manifest(claim)
    await storage.append([make_commit("a", 1)])
    await asyncio.sleep(1)
    with pytest.raises(StorageFenced, match="epoch 2, this one has 1"):
        await storage.append([make_commit("a", 2)])
    await storage.close()
    assert len((await (await opened(bucket)).load("a")).commits) == 1


class Forgetful(SimulatedObjects):
    """A store whose answer is lost whenever it has created something."""

    async def put(self, key: str, body: bytes) -> bool:
        if await super().put(key, body):
            raise Unanswered("the connection was cut")
        return False


@virtual
async def test_a_lost_answer_is_no_defeat() -> None:
    bucket = Bucket()
    storage = await CloudStorage.open(Forgetful(bucket), interval=0, patience=PATIENCE)
    await storage.append([make_commit("a", 1)])
    await storage.compact(make_snapshot("a", {"node-a": 1}))
    await storage.append([make_commit("a", 2)])
    await storage.close()
    assert len(bucket.objects) == 1 + 4 + 1  # the manifest, the slots, the snapshot: nothing was made twice
    loaded = await (await opened(bucket)).load("a")
    assert loaded.snapshot == make_snapshot("a", {"node-a": 1})
    assert loaded.commits == (make_commit("a", 2),)


@pytest.mark.parametrize("fault", ["lost_answer", "lost_request", "late_request"])
def test_what_was_given_up_does_not_count_whatever_came_of_it(fault: str) -> None:
    async def main() -> None:
        bucket, faults = Bucket(), ObjectFaults()
        storage = await opened(bucket, faults)
        await storage.append([make_commit("a", 1)])
        setattr(faults, fault, 1.0)
        with pytest.raises(StorageUnreachable, match="asked 2 times"):
            await storage.append([make_commit("a", 2, update=b"lost"), make_commit("b", 1)])
        setattr(faults, fault, 0.0)
        await asyncio.sleep(60)
        await storage.append([make_commit("a", 2, update=b"again")])
        expected = (make_commit("a", 1), make_commit("a", 2, update=b"again"))
        for view in (storage, await opened(bucket)):  # the first does not know yet that there is a second
            assert (await view.load("a")).commits == expected
            assert [info.name for info in await view.list()] == ["a"]

    detangle.run(main)


@virtual
async def test_two_that_open_at_once_leave_one() -> None:
    bucket, slow = Bucket(), ObjectFaults(delay=(0.1, 0.1))
    outcomes = await asyncio.gather(*[opened(bucket, slow) for _ in range(4)], return_exceptions=True)
    storages = [each for each in outcomes if isinstance(each, CloudStorage)]
    appended = await asyncio.gather(
        *[each.append([make_commit("a", 1)]) for each in storages], return_exceptions=True
    )
    assert appended.count(None) == 1
    assert all(error is None or isinstance(error, StorageFenced) for error in appended)
    assert all(isinstance(each, CloudStorage | StorageFenced) for each in outcomes)


@virtual
async def test_a_missing_slot_is_no_silence() -> None:
    bucket = Bucket()
    storage = await opened(bucket)
    for sequence in (1, 2, 3):
        await storage.append([make_commit("a", sequence)])
    await storage.close()
    del bucket.objects[slot_key(3)]
    with pytest.raises(StorageFormatError, match="lacks object 'wal/00000000000000000003'"):
        await opened(bucket)


@virtual
async def test_a_slot_of_another_log_is_noticed() -> None:
    ours, theirs = Bucket(), Bucket()
    for bucket, name in ((ours, "a"), (theirs, "b")):
        storage = await opened(bucket)
        for sequence in (1, 2):
            await storage.append([make_commit(name, sequence)])
        await storage.close()
    ours.objects[slot_key(3)] = theirs.objects[slot_key(3)]
    with pytest.raises(StorageFormatError, match="slot 3 does not follow slot 2"):
        await opened(ours)


@virtual
async def test_other_formats_are_refused_by_name() -> None:
    bucket = Bucket({manifest_key(1): b"hello"})
    with pytest.raises(StorageFormatError, match=r"manifest/0+1' is none of ProtoBase, or damaged"):
        await opened(bucket)


@virtual
async def test_one_that_must_exist_is_not_made() -> None:
    bucket = Bucket()
    with pytest.raises(StorageError, match="there is no database at simulated://bucket"):
        await CloudStorage.open(SimulatedObjects(bucket), must_exist=True)
    assert bucket.objects == {}


@virtual
async def test_former_manifests_are_deleted() -> None:
    bucket = Bucket()
    for _ in range(3):
        await (await opened(bucket)).close()
    assert [key for key in bucket.objects if key.startswith("manifest/")] == [manifest_key(3)]


@virtual
async def test_a_snapshot_that_is_being_uploaded_when_another_takes_over_does_not_count() -> None:
    bucket, faults = Bucket(), ObjectFaults()
    first = await opened(bucket, faults)
    await first.append([make_commit("a", 1)])
    faults.delay = (0.4, 0.4)
    compaction = asyncio.ensure_future(first.compact(make_snapshot("a", {"node-a": 1})))
    await asyncio.sleep(0.1)
    second = await opened(bucket)
    with pytest.raises(StorageFenced):
        await compaction
    assert (await second.load("a")).snapshot is None


class Overtaken(SimulatedObjects):
    """A store with a manifest that is on its way while another writer takes over and makes checkpoints."""

    def __init__(self, bucket: Bucket, number: int) -> None:
        super().__init__(bucket)
        self.key = manifest_key(number)
        self.before: set[str] = set()

    async def put(self, key: str, body: bytes) -> bool:
        if key == self.key:
            self.key = ""
            other = await opened(self._bucket, slots=2)
            for sequence in range(3, 20):
                await other.append([make_commit("a", sequence)])
                await asyncio.sleep(0.1)
            await other.close()
            self.before = {*self._bucket.objects}
        return await super().put(key, body)


SLOW = Patience(call_seconds=1000)


@virtual
async def test_a_checkpoint_that_comes_late_deletes_nothing() -> None:
    """The number of its manifest became free, because its successor has come to later ones."""
    bucket = Bucket()
    objects = Overtaken(bucket, 2)
    first = await CloudStorage.open(objects, interval=0, checkpoint_slots=3, patience=SLOW)
    for sequence in (1, 2):
        await first.append([make_commit("a", sequence)])
    await asyncio.sleep(100)
    assert len(objects.before) > 5
    with pytest.raises(StorageFenced):
        await first.append([make_commit("a", 3)])
    await first.close()
    assert objects.before <= bucket.objects.keys()
    assert len((await (await opened(bucket)).load("a")).commits) == 19


@virtual
async def test_a_claim_that_comes_late_is_made_again() -> None:
    bucket = Bucket()
    first = await opened(bucket)
    await first.append([make_commit("a", 2)])
    await first.close()
    storage = await CloudStorage.open(Overtaken(bucket, 2), interval=0, patience=SLOW)
    assert len((await storage.load("a")).commits) == 18
    await storage.append([make_commit("a", 20)])


@virtual
async def test_who_was_replaced_and_reads_what_is_gone_learns_that() -> None:
    bucket = Bucket()
    former = await opened(bucket)
    await former.append([make_commit("a", 1), make_commit("b", 1)])
    await former.compact(make_snapshot("a", {"node-a": 1}))
    successor = await opened(bucket, slots=2)
    await successor.append([make_commit("a", 2)])
    await successor.compact(make_snapshot("a", {"node-a": 2}))
    for sequence in range(2, 12):
        await successor.append([make_commit("b", sequence)])
        await asyncio.sleep(1)
    with pytest.raises(StorageFenced, match="epoch 2"):
        await former.load("a")
    assert (await successor.load("a")).snapshot == make_snapshot("a", {"node-a": 2})


@virtual
async def test_who_was_replaced_keeps_nothing_of_those_who_are_told() -> None:
    bucket = Bucket()
    former, _ = await opened(bucket), await opened(bucket)
    errors: list[BaseException] = []
    for sequence in range(10):
        for call in (former.append([make_commit("a", sequence + 1)]), former.load("a")):
            with pytest.raises(StorageFenced) as caught:
                await call
            errors.append(caught.value)
    assert len({id(error) for error in errors}) == 20
    dead = former._writer.dead
    assert dead not in errors
    assert dead is not None
    frames, traceback = 0, dead.__traceback__
    while traceback is not None:
        frames, traceback = frames + 1, traceback.tb_next
    assert frames < 10
