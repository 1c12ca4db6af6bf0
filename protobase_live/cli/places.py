"""Where an export comes from and an import goes to: a storage, or a running server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from protobase_live.cli.yjs_peer import bring, fetch
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.opening import open_storage
from protobase_live.protocol.structs import EMPTY_UPDATE, merge
from protobase_storage import Commit, Part, Storage, StorageError

SERVERS = ("ws://", "wss://", "http://", "https://")


def whole_update(updates: Sequence[bytes]) -> bytes:
    """One update with the effect of all (at least one)."""
    return merge(updates)


class Place(Protocol):
    """Where documents are fetched from and brought to."""

    async def names(self) -> Sequence[str]:
        """All collections. Raises ValidationError where they cannot be told."""
        ...

    async def fetch(self, collection: str) -> Sequence[bytes]:
        """All of a collection, as updates in order; none when there is nothing."""
        ...

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """Store the first content of a collection. Raises ValidationError when it has some."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


async def open_place(url: str, token: str | None, *, must_exist: bool) -> Place:
    if url.startswith(SERVERS):
        return ServerPlace(url, token)
    return StoragePlace(url, await open_storage(url, must_exist=must_exist))


class ServerPlace:
    """A running server, through its Yjs door."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    async def names(self) -> Sequence[str]:
        """See Place."""
        raise ValidationError(f"name the collections to export: a server ({self._url}) does not list them")

    async def fetch(self, collection: str) -> Sequence[bytes]:
        """See Place."""
        return await fetch(self._url, collection, self._token)

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """See Place."""
        await bring(self._url, collection, self._token, updates)

    async def close(self) -> None:
        """See Place."""


class StoragePlace:
    """A storage that this process has open."""

    def __init__(self, url: str, storage: Storage) -> None:
        self._url = url
        self._storage = storage

    async def names(self) -> Sequence[str]:
        """See Place."""
        return [each.name for each in await self._storage.list()]

    async def fetch(self, collection: str) -> Sequence[bytes]:
        """See Place."""
        try:
            loaded = await self._storage.load(collection)
        except StorageError as error:
            raise StorageFailed(f"cannot read collection {collection!r}: {error}") from error
        updates = [loaded.snapshot.update] if loaded.snapshot else []
        return [*updates, *(commit.update for commit in loaded.commits)]

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """See Place."""
        if any(update != EMPTY_UPDATE for update in await self.fetch(collection)):
            raise ValidationError(f"collection {collection!r} is not empty in {self._url}")
        parts = (Part(None, tuple((structure, None) for structure in structures)),) if structures else ()
        origin, now = self._storage.identity, time.time()
        commits = [Commit(origin, n, collection, each, parts, now) for n, each in enumerate(updates, 1)]
        try:
            await self._storage.append(commits)
        except StorageError as error:
            raise StorageFailed(f"cannot store collection {collection!r}: {error}") from error

    async def close(self) -> None:
        """See Place."""
        await self._storage.close()
