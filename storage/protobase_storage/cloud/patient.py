"""Asking an object store again: how often, how long, with which pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .objects import ObjectStore, Page, Unanswered

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an object store is asked for one thing: with the defaults some 10 seconds where it answers
    with errors at once, and 4 minutes where it says nothing at all."""

    attempts: int = 8
    """Requests for one thing, at most."""
    call_seconds: float = 30.0
    """How long one of them may take, for the first MiB."""
    seconds_per_mib: float = 2.0
    """How much longer for each MiB that is sent or asked for."""
    first_pause_seconds: float = 0.1
    """The longest pause after the first; it doubles from one to the next. Each is drawn between half of it
    and all of it."""
    pause_seconds: float = 5.0
    """The longest pause of all."""

    def seconds_for(self, size: int) -> float:
        """How long a request with so many bytes may take."""
        return self.call_seconds + self.seconds_per_mib * size / 2**20

    def pause_after(self, attempt: int, draw: float) -> float:
        """How long to wait after the attempt of that number, from 0; `draw` is random, in [0, 1)."""
        longest = min(self.first_pause_seconds * 2**attempt, self.pause_seconds)
        return longest * (1 + draw) / 2


class PatientObjects:
    """An `ObjectStore` that asks another one again after `Unanswered`, by the event loop's clock."""

    def __init__(self, store: ObjectStore, patience: Patience, random: Callable[[], float]) -> None:
        self.address = store.address
        self._store = store
        self._patience = patience
        self._random = random

    async def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        return await self._ask(key, len(body), lambda: self._store.put(key, body))

    async def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        await self._ask(key, len(body), lambda: self._store.overwrite(key, body))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """See `ObjectStore.get`. `length` None: an object of a few MiB at most."""
        return await self._ask(key, length or 0, lambda: self._store.get(key, start, length))

    async def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        return await self._ask(prefix, 0, lambda: self._store.list(prefix, after))

    async def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        await self._ask(keys[0], 0, lambda: self._store.delete(keys))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._store.close()

    async def _ask(self, key: str, size: int, ask: Callable[[], Awaitable[Result]]) -> Result:
        for attempt in range(self._patience.attempts - 1):
            try:
                return await self._ask_once(key, size, ask)
            except Unanswered:
                await asyncio.sleep(self._patience.pause_after(attempt, self._random()))
        try:
            return await self._ask_once(key, size, ask)
        except Unanswered as error:
            raise Unanswered(f"{error} (asked {self._patience.attempts} times)") from error

    async def _ask_once(self, key: str, size: int, ask: Callable[[], Awaitable[Result]]) -> Result:
        seconds = self._patience.seconds_for(size)
        try:
            async with asyncio.timeout(seconds):
                return await ask()
        except TimeoutError:
            raise Unanswered(f"{self.address}: no answer about {key!r} within {seconds:g} s") from None
