"""Nothing is stored behind what was lost: not even what was called before anybody had heard of that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from protobase_storage import CollectionCorrupt, FileStorage, Storage, StorageError
from protobase_storage.cloud.objects import Refused
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.state import Stored
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.cloud.values import Entry
from protobase_storage.conformance.model import make_commit
from protobase_storage.local_cloud.opening import open_local

ROOM = 200_000
ONCE = Patience(attempts=1)


async def a_file(folder: Path) -> Storage:
    return await FileStorage.open(folder, max_bytes=ROOM)


async def a_folder_and_bucket(folder: Path) -> Storage:
    objects = SimulatedObjects(Bucket())
    return await open_local(objects, folder, max_bytes=ROOM, interval=0, patience=ONCE)


async def a_bucket(folder: Path) -> Storage:
    return await CloudStorage.open(Small(Bucket()), interval=0, patience=ONCE)


class Small(SimulatedObjects):
    """Takes no large objects."""

    async def put(self, key: str, body: bytes) -> bool:
        await asyncio.sleep(0)
        if len(body) > ROOM:
            raise Refused("too large")
        return await super().put(key, body)


KINDS = [a_file, a_folder_and_bucket, a_bucket]


@pytest.mark.parametrize("opened", KINDS)
async def test_what_is_called_before_a_failure_is_heard_fails_with_it(
    tmp_path: Path, opened: Callable[[Path], Awaitable[Storage]]
) -> None:
    storage = await opened(tmp_path)
    loop, behind = asyncio.get_running_loop(), list[asyncio.Future[None]]()
    await storage.append([make_commit("a", 1)])
    lost = storage.append([make_commit("a", 2, update=b"x" * 2 * ROOM), make_commit("b", 1)])
    heard = asyncio.ensure_future(_outcome(lost))

    def call() -> None:  # in the same round in which it fails
        if not lost.done():
            loop.call_soon(call)
        elif not heard.done():
            behind.append(storage.append([make_commit("a", 3)]))
            behind.append(storage.append([make_commit("b", 2)]))
            behind.append(storage.append([make_commit("c", 1)]))

    loop.call_soon(call)
    assert isinstance(await heard, StorageError)
    results = await asyncio.gather(*behind, return_exceptions=True)
    assert [isinstance(each, StorageError) for each in results] == [True, True, False]
    assert (await storage.load("a")).vector == {"node-a": 1}
    assert (await storage.load("b")).vector == {}
    await storage.close()


@pytest.mark.parametrize("opened", KINDS)
async def test_who_hears_of_it_may_call_again_at_once(
    tmp_path: Path, opened: Callable[[Path], Awaitable[Storage]]
) -> None:
    storage = await opened(tmp_path)
    lost = [storage.append([make_commit("a", n, update=b"x" * 2 * ROOM)]) for n in (1, 2)]
    for each in lost:
        with pytest.raises(StorageError):
            await each
    await storage.append([make_commit("a", 1)])
    with pytest.raises(StorageError):
        await storage.append([make_commit("a", 2, update=b"x" * 2 * ROOM)])
    await storage.append([make_commit("a", 2)])
    assert (await storage.load("a")).vector == {"node-a": 2}
    await storage.close()


async def test_what_is_beside_a_damaged_collection_is_lost_with_what_follows(tmp_path: Path) -> None:
    storage = await CloudStorage.open(SimulatedObjects(Bucket()), interval=0)
    storage._state.collections["damaged"] = Stored(Entry(damage="its slot"))
    lost = storage.append([make_commit("damaged", 1), make_commit("a", 1)])
    behind, other = storage.append([make_commit("a", 2)]), storage.append([make_commit("b", 1)])
    assert [type(await _outcome(each)) for each in (lost, behind, other)] == [
        CollectionCorrupt,
        CollectionCorrupt,
        type(None),
    ]
    await storage.append([make_commit("a", 1)])
    await storage.close()


async def test_errors_are_new_ones_each_time(tmp_path: Path) -> None:
    """One that is raised again keeps what everybody had at hand who was told it."""
    storage = await FileStorage.open(tmp_path)
    storage._writer._dead = StorageError("an input/output error")
    errors = [await _outcome(storage.append([make_commit("a", 1)])) for _ in range(3)]
    assert [str(each) for each in errors] == ["an input/output error"] * 3
    assert len({id(each) for each in errors}) == 3
    assert storage._writer._dead.__traceback__ is None
    await storage.close()


async def _outcome(future: asyncio.Future[None]) -> BaseException | None:
    try:
        await future
    except StorageError as error:
        return error
    return None


async def test_what_is_damaged_is_not_told_of_others_when_its_slot_is_refused(tmp_path: Path) -> None:
    objects = Small(Bucket())
    storage = await CloudStorage.open(objects, interval=0, patience=ONCE)
    await storage.append([make_commit("b", 1)])
    storage._state.collections["a"] = Stored(Entry(damage="x"))
    lost = [
        storage.append([make_commit("a", 1), make_commit("b", 2)]),
        storage.append([make_commit("c", 1, update=b"x" * 2 * ROOM)]),
    ]
    told = await asyncio.gather(*lost, return_exceptions=True)
    assert [type(each) for each in told] == [CollectionCorrupt, StorageError]
    await storage.append([make_commit("b", 2)])
    await storage.close()


class Held(SimulatedObjects):
    """Takes nothing before it is told to."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket)
        self.gate = asyncio.Event()
        self.gate.set()

    async def put(self, key: str, body: bytes) -> bool:
        await self.gate.wait()
        return await super().put(key, body)


async def a_folder_behind(objects: SimulatedObjects, folder: Path) -> Storage:
    return await open_local(
        objects, folder, max_bytes=ROOM, interval=0, patience=ONCE, unuploaded_bytes=100_000
    )


async def test_what_waits_for_the_bucket_is_not_stored_behind_a_loss(tmp_path: Path) -> None:
    objects = Held(Bucket())
    storage = await a_folder_behind(objects, tmp_path)
    objects.gate.clear()
    await storage.append([make_commit("a", 1)])
    lost = storage.append([make_commit("a", 2, update=b"x" * 2 * ROOM)])
    behind, other = storage.append([make_commit("a", 3)]), storage.append([make_commit("b", 1)])
    told = await asyncio.wait_for(asyncio.gather(lost, behind, return_exceptions=True), 5.0)
    assert all(isinstance(each, StorageError) for each in told)
    objects.gate.set()
    await asyncio.wait_for(other, 5.0)
    assert (await storage.load("a")).vector == {"node-a": 1}
    await storage.close()


async def test_what_waits_behind_what_never_came_goes_on(tmp_path: Path) -> None:
    storage = await a_folder_behind(SimulatedObjects(Bucket()), tmp_path)
    lost = storage.append([make_commit("a", 1, update=b"x" * 2 * ROOM)])
    behind = storage.append([make_commit("b", 1)])
    with pytest.raises(StorageError):
        await lost
    await asyncio.wait_for(behind, 5.0)
    await asyncio.wait_for(storage.close(), 5.0)
