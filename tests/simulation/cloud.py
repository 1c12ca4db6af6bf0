"""Writers that take one bucket from each other, over a network that loses requests and answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from protobase_storage import Snapshot, Storage, StorageError, StorageFenced
from protobase_storage.cloud.patient import Patience
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.conformance.model import make_commit

WRITERS = 3
SECONDS = 40.0
"""How long they are at it, on virtual time."""
AFTERWARDS = 120.0
"""By then the last request that was late has arrived."""
PATIENCE = Patience(attempts=3, call_seconds=5, first_pause_seconds=0.1, pause_seconds=1)
COLLECTIONS = ("a", "b/c")


@dataclass
class Told:
    """What one writer's callers were told of their appends, which span both collections."""

    acknowledged: set[bytes] = field(default_factory=set[bytes])
    refused: set[bytes] = field(default_factory=set[bytes])
    """Of these it was said that they are not stored."""
    refused_for_good: set[bytes] = field(default_factory=set[bytes])
    """The same, and something was acknowledged afterwards: no successor can find them any more."""
    fenced: str | None = None


def ids(update: bytes) -> list[bytes]:
    """The commits that an update is made of."""
    return [part for part in update.split(b";") if part]


async def write(storage: Storage, origin: str, random: Random, told: Told) -> None:
    """Append, and sometimes compact, until another writer has taken over."""
    sequence = 0
    while told.fenced is None:
        sequence += 1
        update = f"{origin}.{sequence};".encode()
        commits = [make_commit(name, sequence, origin=origin, update=update) for name in COLLECTIONS]
        try:
            await storage.append(commits)
        except StorageFenced as error:
            told.fenced = str(error)
        except StorageError:
            told.refused |= {*ids(update)}
        else:
            told.acknowledged |= {*ids(update)}
            told.refused_for_good |= told.refused
        if random.random() < 0.1:
            with suppress(StorageError):
                await compact(storage, random.choice(COLLECTIONS))
        await asyncio.sleep(random.uniform(0, 0.3))


async def compact(storage: Storage, name: str) -> None:
    """A snapshot of all that is there."""
    loaded = await storage.load(name)
    await storage.compact(Snapshot(name, b"".join(loaded.updates), loaded.vector, 0.0))


async def live(bucket: Bucket, number: int, random: Random, told: Told) -> None:
    """One writer: opens after a while, writes, and learns that it was replaced, or is cut off in the end."""
    objects = SimulatedObjects(bucket, random)
    await asyncio.sleep(random.uniform(0, SECONDS / 2) if number else 0)
    objects.faults.delay = (0.0, random.choice([0.02, 0.1, 4.0]))
    objects.faults.lost_answer = random.choice([0.0, 0.1, 0.3])
    objects.faults.lost_request = random.choice([0.0, 0.1, 0.3])
    objects.faults.late_request = random.choice([0.0, 0.1])
    storage = None
    while storage is None:
        with suppress(StorageError):
            storage = await CloudStorage.open(
                objects,
                interval=random.choice([0.0, 0.1]),
                checkpoint_slots=random.choice([3, 20]),
                patience=PATIENCE,
                make_bytes=random.randbytes,
                make_identity=lambda: "0123456789ab",
                draw=random.random,
            )
    await write(storage, f"w{number}", random, told)


async def history(seed: int) -> tuple[list[Told], dict[str, list[bytes]]]:
    """What everybody was told, and what a fresh writer finds in the end, by collection."""
    random = Random(seed)
    bucket = Bucket(page_keys=random.choice([3, 1000]))
    told = [Told() for _ in range(WRITERS)]
    tasks = [asyncio.create_task(live(bucket, n, Random(f"{seed} {n}"), each)) for n, each in enumerate(told)]
    await asyncio.wait(tasks, timeout=SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
    await asyncio.sleep(AFTERWARDS)
    storage = await CloudStorage.open(SimulatedObjects(bucket), make_bytes=random.randbytes)
    found = {name: ids(b"".join((await storage.load(name)).updates)) for name in COLLECTIONS}
    await storage.close()
    return told, found


def check(told: list[Told], found: dict[str, list[bytes]]) -> None:
    """Nothing acknowledged is lost, nothing is there twice or in half, nothing refused for good is there."""
    first, second = (found[name] for name in COLLECTIONS)
    assert sorted(first) == sorted(second), "a commit over two collections was torn"
    assert len(first) == len({*first}), "a commit is there twice"
    for each in told:
        assert each.acknowledged <= {*first}, "an acknowledged commit is lost"
        assert each.refused_for_good.isdisjoint(first), "a commit that was refused is there"
        assert each.fenced is None or "taken over by another writer" in each.fenced
    assert any(each.fenced is None for each in told), "nobody has it"
