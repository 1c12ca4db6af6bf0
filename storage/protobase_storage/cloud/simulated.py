"""An object store in memory, with the semantics and the faults of real ones, on the event loop's clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from .objects import ObjectError, Page, Unanswered

Result = TypeVar("Result")


@dataclass(slots=True)
class ObjectFaults:
    """What may go wrong from now on. Durations are in seconds, the others are probabilities."""

    delay: tuple[float, float] = (0.0, 0.0)
    """How long a request takes on its way there, and the same again on its way back, from and to."""
    lost_request: float = 0.0
    """Nothing is done, and the caller is told so as by a connection that was cut."""
    lost_answer: float = 0.0
    """It is done, and the caller is told the same."""
    late_request: float = 0.0
    """The caller is told the same at once, and it is done only `late_seconds` later."""
    late_seconds: float = 30.0
    failure: ObjectError | None = None
    """What every request fails with."""


@dataclass(slots=True)
class Bucket:
    """The objects themselves. Any number of stores may look at them, one for each process."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    page_keys: int = 1000
    """Keys in one answer to a listing."""


class SimulatedObjects:
    """An `ObjectStore` on a bucket. What is done is done in one moment, between the two delays."""

    def __init__(self, bucket: Bucket, random: Random | None = None) -> None:
        self.address = "simulated://bucket"
        self.faults = ObjectFaults()
        self.requests: Counter[str] = Counter()
        """How many there were, by kind: put, get, list, delete."""
        self._bucket = bucket
        self._random = random or Random(0)

    async def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        return await self._request("put", lambda: self._put(key, body))

    def _put(self, key: str, body: bytes) -> bool:
        if key in self._bucket.objects:
            return False
        self._bucket.objects[key] = body
        return True

    async def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        await self._request("put", lambda: self._bucket.objects.update({key: body}))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """See `ObjectStore.get`."""
        end = None if length is None else start + length
        found = await self._request("get", lambda: self._bucket.objects.get(key))
        return None if found is None else found[start:end]

    async def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        return await self._request("list", lambda: self._list(prefix, after))

    def _list(self, prefix: str, after: str) -> Page:
        keys = sorted(key for key in self._bucket.objects if key.startswith(prefix) and key > after)
        return Page(tuple(keys[: self._bucket.page_keys]), len(keys) > self._bucket.page_keys)

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        await self._request("delete", lambda: [self._bucket.objects.pop(key, None) for key in keys])

    async def close(self) -> None:
        """See `ObjectStore.close`."""

    async def _request(self, kind: str, do: Callable[[], Result]) -> Result:
        self.requests[kind] += 1
        faults = self.faults
        await self._travel()
        if faults.failure:
            raise faults.failure
        cut = Unanswered(f"{self.address}: the connection was cut")
        if self._happens(faults.lost_request):
            raise cut
        if self._happens(faults.late_request):
            asyncio.get_running_loop().call_later(faults.late_seconds, do)
            raise cut
        result = do()
        await self._travel()
        if self._happens(faults.lost_answer):
            raise cut
        return result

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    async def _travel(self) -> None:
        least, most = self.faults.delay
        if most:
            await asyncio.sleep(self._random.uniform(least, most))
