"""Whose permissions were taken away, at all servers of a database: records of a collection of its own.

So what is revoked is durable, comes to the other nodes of a cluster and to all workers as every commit does,
and holds after a restart. Each server has all of it in memory, where it is asked about.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import Clock
from protobase_live.errors import Closed, ProtoBaseError
from protobase_live.model import values
from protobase_live.model.change import Change
from protobase_live.model.names import RESERVED_PREFIX
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.server.revoked import Revocation, Revoked
from protobase_storage import StorageError

if TYPE_CHECKING:
    from protobase_live.database.database import Database

REVOKED = f"{RESERVED_PREFIX}revoked"
"""The collection. A record has an ``author`` and a ``collection``, None: all."""

PAGE_RECORDS = 1_000
"""How many records are read at once."""

RETRY_SECONDS = 1.0
"""How long to wait before what could not be read is read again."""

Recheck = Callable[[str | None, Iterable[str]], Awaitable[None]]
"""Asks again about what is open of a collection (None: of all) by these authors."""

_log = logging.getLogger(__name__)


class Revocations:
    """Has a server's `Revoked` say what the collection says."""

    def __init__(self, database: Database, revoked: Revoked, recheck: Recheck, clock: Clock) -> None:
        """``recheck`` is called when something was revoked, here or elsewhere, or is no longer."""
        self._database = database
        self._revoked = revoked
        self._recheck = recheck
        self._clock = clock
        self._following: asyncio.Task[None] | None = None
        self._has_looked = asyncio.Event()
        self._here: set[Revocation] = set()
        """What is not stored: it is about to be, or could not be and holds here all the same."""

    async def begin(self) -> None:
        """Follow the collection from now on; wait until what is there holds, or cannot be read."""
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())
        await self._has_looked.wait()

    def close(self) -> None:
        """Follow it no more."""
        if self._following is not None:
            self._following.cancel()

    async def add(self, author: str, collection: str | None) -> None:
        """Refuse an author a collection, None: all. It holds here at once, and durably on return.

        Raises LimitExceeded, and what `Database.commit` raises: then it holds here alone.
        """
        await self.begin()
        each = author, collection
        self._revoked.require_room(each)
        self._here.add(each)
        self._revoked.add(each)
        await self._recheck(collection, [author])
        record = {"author": author, "collection": collection}
        await self._store([Op(RECORDS, "put", (_key(each), record, {}))])
        self._here.discard(each)

    async def discard(self, author: str, collection: str | None) -> None:
        """Refuse an author a collection no more, None: nothing any more.

        Raises what `Database.commit` raises.
        """
        await self.begin()
        gone = self._revoked.of(author, collection)
        if gone:
            await self._store([Op(RECORDS, "delete", (key,)) for key in sorted(map(_key, gone))])
        self._here -= gone
        await self._change(set(), gone)

    async def _store(self, ops: Sequence[Op]) -> None:
        await self._database.commit({REVOKED: ops})

    async def _follow(self) -> None:
        """Have it hold here, again and again; what cannot be read is tried again."""
        is_told = False
        while True:
            try:
                async with self._database.changes(REVOKED) as changes:
                    await self._agree(await self._found())
                    is_told = False
                    self._has_looked.set()
                    while True:
                        for change in await changes.batch(PAGE_RECORDS):
                            await self._take(change)
            except Closed:
                return
            except (ProtoBaseError, StorageError) as error:
                if not is_told:
                    fields = {"event": "revocations_unread"}
                    _log.error("who is revoked cannot be read, and is let in: %s", error, extra=fields)
                is_told = True
                self._has_looked.set()
                await self._clock.sleep(RETRY_SECONDS)

    async def _take(self, change: Change) -> None:
        if change.kind == "reset":
            await self._agree(await self._found())
        else:
            before, after = _said(change.before), _said(change.after)
            await self._change(new=after, gone=before - after)

    async def _agree(self, found: set[Revocation]) -> None:
        await self._change(new=found, gone=self._revoked.all - found)

    async def _change(self, new: set[Revocation], gone: set[Revocation]) -> None:
        for author, collection in sorted(new, key=_key):
            if self._revoked.add((author, collection)):
                await self._recheck(collection, [author])
        for author, collection in sorted(gone - self._here, key=_key):
            if self._revoked.discard((author, collection)):
                await self._recheck(collection, [author])

    async def _found(self) -> set[Revocation]:
        """What the collection says now."""
        found, page = set[Revocation](), await self._page(None)
        while page:
            found.update(*(_said(record) for _, record in page))
            page = await self._page(page[-1][0]) if len(page) == PAGE_RECORDS else []
        return found

    async def _page(self, after: str | None) -> list[tuple[str, Any]]:
        return await self._database.read(REVOKED, Read(RECORDS, "items", (after, PAGE_RECORDS)))


def _key(revocation: Revocation) -> str:
    return hashlib.blake2b(values.pack(list(revocation)), digest_size=16).hexdigest()


def _said(record: Any) -> set[Revocation]:
    """What a record says, which may have come from anywhere."""
    if not isinstance(record, dict):
        return set()
    said = cast("dict[str, Any]", record)
    author, collection = said.get("author"), said.get("collection")
    if not isinstance(author, str) or not isinstance(collection, str | None):
        return set()
    return {(author, collection)}
