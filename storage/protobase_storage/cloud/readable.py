"""What can be read of a database on an object store, by who writes it and by who only looks at it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..commit import Commit, Loaded, Vector
from ..contract import CollectionInfo, Standing, Storage, check_name
from ..errors import TooManyReads
from .errors import storage_error
from .objects import ObjectError
from .reading import Reader
from .state import State, Stored

Result = TypeVar("Result")


class Readable(Storage):
    """The reading half of the contract: the catalogue from memory, the rest from objects."""

    def __init__(self, identity: str, state: State, reader: Reader, reads_limit: int) -> None:
        self.identity = identity
        self._state = state
        self._reader = reader
        self._reads_limit = reads_limit
        self._reading = 0

    async def load(self, collection: str) -> Loaded:
        """See `Storage.load`."""
        check_name(collection)
        return await self._read(lambda: self._reader.load(collection))

    async def commits_after(self, collection: str, vector: Vector, limit: int) -> tuple[Commit, ...] | None:
        """See `Storage.commits_after`."""
        check_name(collection)
        return await self._read(lambda: self._reader.commits_after(collection, vector, limit))

    async def list(self, prefix: str = "") -> list[CollectionInfo]:
        """See `Storage.list`."""
        self._check_readable()
        return [
            CollectionInfo(
                name, stored.snapshot_bytes, stored.log_commits, stored.log_bytes, stored.entry.damage
            )
            for name, stored in sorted(self._state.collections.items())
            if name.startswith(prefix) and not stored.is_deleted
        ]

    async def standing(self, collection: str) -> Standing:
        """See `Storage.standing`."""
        check_name(collection)
        self._check_readable()
        stored = self._state.collections.get(collection, Stored())
        stored.check(collection)
        return _standing(collection, stored)

    async def standings_of(self, collections: Sequence[str]) -> list[Standing]:
        """See `Storage.standings_of`."""
        self._check_readable()
        known = [(name, self._state.collections.get(name, Stored())) for name in collections]
        return [_standing(name, each) for name, each in known if not each.entry.damage]

    async def standings(self, after: str = "", limit: int = 1_000) -> list[Standing]:
        """See `Storage.standings`."""
        self._check_readable()
        collections = self._state.collections
        names = sorted(name for name, each in collections.items() if name > after and not each.entry.damage)
        return [_standing(name, collections[name]) for name in names[:limit]]

    async def _read(self, read: Callable[[], Awaitable[Result]]) -> Result:
        self._check_readable()
        if self._reading >= self._reads_limit:
            raise TooManyReads(f"{self._reading} reads wait already; the limit is {self._reads_limit}")
        self._reading += 1
        try:
            return await read()
        except ObjectError as error:
            raise storage_error(error) from error
        finally:
            self._reading -= 1

    @abstractmethod
    def _check_readable(self) -> None:
        """Raises what says why nothing can be read any more."""


def _standing(name: str, stored: Stored) -> Standing:
    return Standing(name, dict(stored.vector), stored.entry.remains)
