"""Snapshots as objects of a bucket."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..cloud.cleaning import DELETE_AT_ONCE
from ..cloud.errors import storage_error
from ..cloud.keys import SNAPSHOTS, escape
from ..cloud.objects import ObjectError, ObjectStore
from ..cloud.patient import Patience, PatientObjects
from ..errors import StorageError, StorageUnreachable

PATIENCE = Patience(attempts=4, call_seconds=10.0, first_pause_seconds=0.5)
"""How long a bucket is asked for one thing: with these some 3 seconds where it answers with errors at once,
and 40 where it says nothing at all, and longer for what is large. Commits do not wait for it."""

PUT_SECONDS = 1_800.0
"""How long putting a snapshot may take in all: less than what no message names is left to who puts it
(`pieces.UNNAMED_SECONDS`)."""

Result = TypeVar("Result")


class SnapshotBucket:
    """The objects of one database, whose keys begin with its identity: any number may share a prefix.

    No two objects share a name, and none is ever replaced. An object that says whose they are is there before
    any other, so that a bucket at the wrong endpoint is never taken for one that has lost everything. Every
    method raises `StorageUnreachable`, and `StorageError` where it is another bucket, or refuses.
    """

    def __init__(
        self,
        objects: ObjectStore,
        identity: str,
        patience: Patience = PATIENCE,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``draw`` says how long to pause, in [0, 1)."""
        self.address = objects.address
        self.identity = identity
        self._objects = PatientObjects(objects, patience, draw)
        self._own = f"{identity}/meta"
        self._is_own = False

    async def begin(self) -> None:
        """Have it belong to the database, which is new."""
        await self._ask(lambda: self._objects.put(self._own, b""))
        self._is_own = True

    async def abandon(self) -> None:
        """Another process has begun the database, and by another identity."""
        await self._ask(lambda: self._objects.delete([self._own]))

    async def check(self) -> None:
        """Look whether it is the one that belongs to the database, unless that is known."""
        if self._is_own:
            return
        if await self._ask(lambda: self._objects.get(self._own)) is None:
            raise StorageError(
                f"{self.address} has no object {self._own!r}: this is not where the stream's snapshots are; "
                "correct the bucket's endpoint"
            )
        self._is_own = True

    async def put(self, collection: str, id: str, data: bytes) -> None:
        """Create an object, which is durable then."""
        await self.check()
        key = self._key(collection, id)
        try:
            async with asyncio.timeout(PUT_SECONDS):
                # If there is one, it is this: a call before has created it, whose answer was lost.
                await self._ask(lambda: self._objects.put(key, data))
        except TimeoutError as error:
            told = f"{self.address}: {key!r} was not put within {PUT_SECONDS:g} s"
            raise StorageUnreachable(told) from error

    async def get(self, collection: str, id: str, length: int) -> bytes | None:
        """The first so many bytes of an object; None if there is none."""
        await self.check()
        return await self._ask(lambda: self._objects.get(self._key(collection, id), 0, length))

    async def drop(self, collection: str, ids: Sequence[str]) -> None:
        """Delete objects, whether they are there or not."""
        if not ids:
            return
        await self.check()
        keys = [self._key(collection, each) for each in ids]
        for start in range(0, len(keys), DELETE_AT_ONCE):
            some = keys[start : start + DELETE_AT_ONCE]
            await self._ask(lambda some=some: self._objects.delete(some))

    async def close(self) -> None:
        """Let go of connections."""
        await self._objects.close()

    def _key(self, collection: str, id: str) -> str:
        return f"{self.identity}/{SNAPSHOTS}{escape(collection)}/{id}"

    @staticmethod
    async def _ask(ask: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await ask()
        except ObjectError as error:
            raise storage_error(error) from error
