"""Where an export comes from and an import goes to: a storage, or a running server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from protobase_live.cli.portable import Draft
from protobase_live.cli.yjs_peer import bring, fetch
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.opening import open_storage
from protobase_live.protocol.structs import EMPTY_UPDATE, merge
from protobase_storage import Commit, Part, Storage, StorageError

SERVERS = ("ws://", "wss://", "http://", "https://")


class Place(Protocol):
    """Where documents are fetched from and brought to."""

    async def names(self) -> Sequence[str]:
        """All collections. Raises ValidationError where they cannot be told."""
        ...

    async def fetch(self, collection: str) -> bytes:
        """All of a collection, as one update; EMPTY_UPDATE when there is none."""
        ...

    async def bring(self, collection: str, draft: Draft) -> None:
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

    async def fetch(self, collection: str) -> bytes:
        """See Place."""
        return await fetch(self._url, collection, self._token)

    async def bring(self, collection: str, draft: Draft) -> None:
        """See Place."""
        await bring(self._url, collection, self._token, draft.update())

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

    async def fetch(self, collection: str) -> bytes:
        """See Place."""
        try:
            loaded = await self._storage.load(collection)
        except StorageError as error:
            raise StorageFailed(f"cannot read collection {collection!r}: {error}") from error
        updates = [loaded.snapshot.update] if loaded.snapshot else []
        updates += [commit.update for commit in loaded.commits]
        return merge(updates) if updates else EMPTY_UPDATE

    async def bring(self, collection: str, draft: Draft) -> None:
        """See Place."""
        if await self.fetch(collection) != EMPTY_UPDATE:
            raise ValidationError(f"collection {collection!r} is not empty in {self._url}")
        parts = (Part(None, tuple((structure, None) for structure in draft.structures)),)
        origin = self._storage.identity
        commit = Commit(origin, 1, collection, draft.update(), parts, time.time())
        try:
            await self._storage.append([commit])
        except StorageError as error:
            raise StorageFailed(f"cannot store collection {collection!r}: {error}") from error

    async def close(self) -> None:
        """See Place."""
        await self._storage.close()
