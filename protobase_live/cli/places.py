"""Where an export or backup comes from and an import or restore goes to: a storage, or a running server."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import asdict, replace
from secrets import token_hex
from typing import Protocol

from protobase_live.cli.notes import note
from protobase_live.cli.yjs_peer import bring
from protobase_live.client import ClientLimits, RemoteDatabase, connect
from protobase_live.client.address import without_secrets
from protobase_live.collection.former import history_of, remains_of
from protobase_live.collection.put_back import put_back
from protobase_live.database.database import Database
from protobase_live.database.opening import open_storage
from protobase_live.database.stored import pack_stored, unpack_stored
from protobase_live.errors import ProtoBaseError, StorageFailed, Unavailable, ValidationError
from protobase_live.model.erasure import Erasure
from protobase_live.model.names import RESERVED_PREFIX, check_collection, is_internal, is_reserved
from protobase_live.model.nearest import no_collection
from protobase_live.model.operations import CollectionInfo
from protobase_live.protocol.yjs.structs import merge
from protobase_live.workers.stores import require_no_workers, stores_beside
from protobase_storage import (
    TIMELINE_MARK,
    CollectionCorrupt,
    Commit,
    Loaded,
    Part,
    Storage,
    StorageError,
    random_identity,
    sequence_of,
)

SERVERS = ("ws://", "wss://", "http://", "https://")

CONNECT_SECONDS = 5.0
"""How long a server may take to answer at all."""


CALL_SECONDS = ClientLimits().call_seconds
"""How long it may take for one call, if nothing else is said."""


def whole_update(updates: Sequence[bytes]) -> bytes:
    """One update with the effect of all (at least one)."""
    return merge(updates)


class Place(Protocol):
    """Where collections are. What goes wrong with one is raised as a ProtoBaseError."""

    async def infos(self) -> Sequence[CollectionInfo]:
        """All collections, in the order of their names."""
        ...

    async def deleted(self) -> Sequence[str]:
        """The collections of which only what their deletion left is there, where that is told."""
        ...

    async def size(self) -> int | None:
        """How many bytes all of it takes, None where that is not told."""
        ...

    async def load(self, collection: str) -> Loaded:
        """What is stored of a collection."""
        ...

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """Add updates to a collection; durable on return."""
        ...

    async def backup(self, collection: str) -> bytes:
        """What is stored of a collection, for `restore`."""
        ...

    async def restore(self, collection: str, stored: bytes) -> None:
        """Store what `backup` gave. Raises ValidationError where something else is."""
        ...

    async def delete(self, collection: str) -> None:
        """Delete a collection with its history."""
        ...

    async def erase(self, collection: str, key: str | None) -> Erasure:
        """Have no byte left of a collection, or of a record."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


async def names_in(place: Place, wanted: Sequence[str] = ()) -> list[str]:
    """The names of all collections, in order, or those that are ``wanted``.

    Raises ValidationError that names what is wanted and not there, and what may have been meant.
    """
    there = [each.name for each in await place.infos()]
    wanted = list(dict.fromkeys(wanted))
    unlisted = [check_collection(name) for name in wanted if name not in there]
    absent = [
        name for name in unlisted if not (await place.load(name)).updates
    ]  # a server lists what is read
    if absent:
        raise ValidationError(", and ".join(no_collection(name, there) for name in absent))
    return wanted or there


async def open_place(
    url: str,
    token: str | None,
    *,
    must_exist: bool = False,
    read_only: bool = False,
    call_seconds: float = CALL_SECONDS,
) -> Place:
    """The storage or server at ``url``; ``must_exist`` and ``read_only`` as in `open_storage`.

    ``call_seconds`` is how long a server may take for one call.

    Raises Unavailable, StorageFailed, ValidationError.
    """
    if not url.startswith(SERVERS):
        note_workers(url)
        storage = await open_storage(url, must_exist=must_exist, read_only=read_only)
        return StoragePlace(storage, stores_beside(url))
    stack = AsyncExitStack()
    limits = ClientLimits(connect_seconds=CONNECT_SECONDS, call_seconds=call_seconds)
    try:
        remote = await stack.enter_async_context(connect(url, token, limits=limits))
    except Unavailable as error:
        raise Unavailable(f"cannot connect to {without_secrets(url)}: {error}") from error
    return ServerPlace(url, token, remote, stack)


def note_workers(url: str) -> None:
    """Say where other workers may have what the storage lacks that is about to be read."""
    try:
        require_no_workers(url)
    except ValidationError as error:
        note(str(error))


class ServerPlace:
    """A running server, through its live door; updates are brought through its Yjs door."""

    def __init__(self, url: str, token: str | None, remote: RemoteDatabase, stack: AsyncExitStack) -> None:
        self._url = url
        self._token = token
        self._remote = remote
        self._stack = stack

    async def infos(self) -> Sequence[CollectionInfo]:
        """See Place."""
        own = await self._remote.collections(RESERVED_PREFIX)
        return sorted([*await self._remote.collections(), *own], key=lambda each: each.name)

    async def deleted(self) -> Sequence[str]:
        """See Place."""
        return ()  # a server lists what can be opened

    async def size(self) -> int | None:
        """See Place."""
        return None  # it is at the server's /metrics

    async def load(self, collection: str) -> Loaded:
        """See Place."""
        return unpack_stored(collection, await self._remote.stored(collection))

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """See Place. What is the server's own is left out: nobody comes in there."""
        if is_reserved(collection):
            note(f"{collection!r} is left out: it is the server's own, and only restore can bring it")
            return
        await bring(self._url, collection, self._token, updates)

    async def backup(self, collection: str) -> bytes:
        """See Place."""
        return await self._remote.backup(collection)

    async def restore(self, collection: str, stored: bytes) -> None:
        """See Place."""
        await self._remote.restore(collection, stored)

    async def delete(self, collection: str) -> None:
        """See Place."""
        await self._remote.drop(collection)

    async def erase(self, collection: str, key: str | None) -> Erasure:
        """See Place."""
        return await self._remote.erase(collection, key)

    async def close(self) -> None:
        """See Place."""
        await self._stack.aclose()


class StoragePlace:
    """A storage that this process has open."""

    def __init__(self, storage: Storage, beside: Sequence[str] = ()) -> None:
        """``beside`` are those of other workers, which have what this one has."""
        self._storage = storage
        self._beside = beside

    async def infos(self) -> Sequence[CollectionInfo]:
        """See Place."""
        found = await self._storage.list()
        return [CollectionInfo(**asdict(each)) for each in found if not is_internal(each.name)]

    async def deleted(self) -> Sequence[str]:
        """See Place."""
        there = set(await names_in(self))
        gone, after = list[str](), ""
        while standings := await self._storage.standings(after):
            after = standings[-1].collection
            names = [each.collection for each in standings if not is_internal(each.collection)]
            gone += [name for name in names if name not in there]
        return gone

    async def size(self) -> int | None:
        """See Place."""
        return (await self._storage.stats()).bytes

    async def load(self, collection: str) -> Loaded:
        """See Place."""
        with _named("read", collection):
            return await self._storage.load(collection)

    async def bring(self, collection: str, updates: Sequence[bytes], structures: Sequence[str]) -> None:
        """See Place."""
        parts = (Part(None, tuple((structure, None) for structure in structures)),) if structures else ()
        stored, now = await self.load(collection), time.time()
        writer = history_of(stored.remains).writer(self._storage.identity)
        origin = f"{writer}{TIMELINE_MARK}{token_hex(6)}"
        first = sequence_of(stored.vector, origin) + 1
        commits = [Commit(origin, n, collection, each, parts, now) for n, each in enumerate(updates, first)]
        with _named("store", collection):
            await self._storage.append(commits)

    async def backup(self, collection: str) -> bytes:
        """See Place."""
        return pack_stored(await self.load(collection))

    async def restore(self, collection: str, stored: bytes) -> None:
        """See Place."""
        with _named("store", collection):
            await put_back(self._storage, collection, unpack_stored(collection, stored), random_identity())

    async def delete(self, collection: str) -> None:
        """See Place."""
        remains = b""
        with suppress(CollectionCorrupt):
            remains = remains_of(await self._storage.load(collection), random_identity())
        with _named("delete", collection):
            await self._storage.delete(collection, remains)

    async def erase(self, collection: str, key: str | None) -> Erasure:
        """See Place. Other nodes are told when the storage is served again.

        What is left goes to other workers then: theirs is all erased.
        """
        async with Database(self._storage) as database:
            erasure = await database.erase(collection, key)
            remains = (await self._storage.standing(collection)).remains
        done = [await _erase_all(url, collection, remains) for url in self._beside]
        return replace(erasure, done=[*erasure.done, *done])

    async def close(self) -> None:
        """See Place."""
        await self._storage.close()


async def _erase_all(url: str, collection: str, remains: bytes) -> str:
    """Erase all of a collection in the storage of another worker; the name of that."""
    storage = await open_storage(url)
    try:
        with _named("erase", collection):
            await storage.erase(collection, remains)
        return storage.identity
    finally:
        await storage.close()


class Failures:
    """What went wrong with single collections, while the others went on."""

    def __init__(self) -> None:
        self._errors: list[ProtoBaseError] = []
        self._count = 0

    @contextmanager
    def alone(self) -> Generator[None]:
        """What is raised inside is remembered, for `check`."""
        self._count += 1
        try:
            yield
        except ProtoBaseError as error:
            self._errors.append(error)

    def __bool__(self) -> bool:
        return bool(self._errors)

    def check(self, what: str, of: int | None = None) -> None:
        """Raise what went wrong, if anything did; ``what`` was not done, such as 'exported'.

        ``of`` is how many collections there are, if `alone` was not entered once for each.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            reasons = "; ".join(map(str, self._errors))
            number = len(self._errors)
            raise StorageFailed(f"{number} of {of or self._count} collections are not {what}: {reasons}")


@contextmanager
def _named(what: str, collection: str) -> Generator[None]:
    try:
        yield
    except StorageError as error:
        raise StorageFailed(f"cannot {what} collection {collection!r}: {error}") from error
