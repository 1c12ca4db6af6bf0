"""What is asked of an object store: objects that are created once, read, listed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class ObjectError(Exception):
    """An object store did not do what it was asked for. The message names the place and what helps."""


class Unanswered(ObjectError):
    """It was too busy, failed, or could not be reached. It may have been done; asking again may help."""


class Refused(ObjectError):
    """It will not be done for this caller: the credentials, the permissions or the bucket are wrong."""


class Closed(ObjectError):
    """It was closed before it was asked, or before it came to do it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some keys in order, and whether there are more behind them."""

    keys: tuple[str, ...]
    more: bool


class ObjectStore(Protocol):
    """The objects under one prefix of one bucket. Only what an erasure leaves nothing of is ever replaced.

    Keys are relative to the prefix, made of letters, digits and ``!-_./`` (see `keys`). Every call raises
    `Unanswered` and `Refused`. A change is seen by every read that is called after it was answered.
    """

    address: str
    """Where it is, for messages: ``s3://bucket/prefix``."""

    async def put(self, key: str, body: bytes) -> bool:
        """Create an object. False if there is one, perhaps this one, which a call before has created."""
        ...

    async def overwrite(self, key: str, body: bytes) -> None:
        """Put an object in the place of the one that is there, in one moment."""
        ...

    async def get(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """`length` bytes of an object from byte `start` on, or all that follow; None if there is none."""
        ...

    async def list(self, prefix: str, after: str) -> Page:
        """Keys that begin with `prefix` and are above `after`, in order; at least one if there is one."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, whether they are there or not."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


async def list_all(store: ObjectStore, prefix: str, after: str = "") -> list[str]:
    """All keys that begin with `prefix` and are above `after`, in order."""
    keys: list[str] = []
    more = True
    while more:
        page = await store.list(prefix, keys[-1] if keys else after)
        keys += page.keys
        more = page.more
    return keys


async def create(store: ObjectStore, key: str, body: bytes) -> bytes | None:
    """Create an object that no other has the bytes of. None: it is there. Otherwise what stands in its place.

    An answer may have been lost, so that 'exists' is no defeat before it was read.
    """
    if await store.put(key, body):
        return None
    found = await store.get(key)
    if found is None:
        raise Unanswered(f"{store.address}: {key!r} exists, and cannot be read")
    return None if found == body else found
