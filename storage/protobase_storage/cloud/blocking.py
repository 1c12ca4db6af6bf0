"""An object store whose client blocks, called in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from .objects import Closed, Page

CALLS_AT_ONCE = 16
"""Threads of one object store, and so requests that are under way; more wait for one of them."""

Result = TypeVar("Result")


class BlockingObjects(Protocol):
    """`ObjectStore`, but for a thread to wait in. Called from several threads at once."""

    address: str

    def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        ...

    def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        ...

    def get(self, key: str, start: int, length: int | None) -> bytes | None:
        """See `ObjectStore.get`."""
        ...

    def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class ThreadedObjects:
    """An `ObjectStore` that asks a blocking one, from a bounded pool of threads."""

    def __init__(self, blocking: BlockingObjects) -> None:
        self.address = blocking.address
        self._blocking = blocking
        self._is_closed = False
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, "protobase-objects")

    async def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        return await self._call(lambda: self._blocking.put(key, body))

    async def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        await self._call(lambda: self._blocking.overwrite(key, body))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """See `ObjectStore.get`."""
        if length == 0:
            return b""
        return await self._call(lambda: self._blocking.get(key, start, length))

    async def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        return await self._call(lambda: self._blocking.list(prefix, after))

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        await self._call(lambda: self._blocking.delete(keys))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)  # what waits for a thread says that it is closed
        await asyncio.to_thread(self._blocking.close)

    async def _call(self, call: Callable[[], Result]) -> Result:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._carry_out, call)

    def _carry_out(self, call: Callable[[], Result]) -> Result:
        self._check_open()
        return call()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed(f"{self.address} is closed")
