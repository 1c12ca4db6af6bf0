"""What a client of the live door asks about collections as a whole."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from tempfile import SpooledTemporaryFile
from typing import Any

from protobase_live.errors import Forbidden, LimitExceeded, Unavailable
from protobase_live.model.names import not_internal, not_reserved
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    OfCollections,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.permitted_database import PermittedDatabase

PAGE_COLLECTIONS = 10_000
"""Most collections of one answer; with the longest names they take 6 MiB."""

PART_BYTES = 4 * 1024 * 1024
"""Most bytes of a backup in one answer."""

SPOOLED_BYTES = 1024 * 1024
"""How much of what is to be restored is kept in memory; more is kept in a file until all is there."""


class WholeCollections:
    """Those of one connection, one request after the other: each may take a whole collection in memory."""

    def __init__(self, database: PermittedDatabase, limits: LiveLimits) -> None:
        self._database = database
        self._limits = limits
        self._turn = asyncio.Lock()
        self._restoring = ""
        self._parts: SpooledTemporaryFile[bytes] | None = None

    async def perform(self, request: OfCollections) -> Any:
        """The answer. Raises what the database raises, LimitExceeded and Unavailable."""
        async with self._turn:
            return await self._perform(request)

    async def _perform(self, request: OfCollections) -> Any:
        if not isinstance(request, CollectionsRequest):
            not_internal(request.collection)  # a voter that loses its promise could vote twice
        match request:
            case CollectionsRequest():
                return await self._list(request)
            case DropRequest():
                await self._database.drop(not_reserved(request.collection))
            case EraseRequest():
                return asdict(await self._database.erase(not_reserved(request.collection), request.key))
            case StateHashRequest():
                return asdict(await self._database.state_hash(request.collection))
            case BackupRequest():
                return await self._backup(request)
            case RestoreRequest():
                await self._restore(request)
        return None

    def close(self) -> None:
        """Forget what was not restored yet."""
        if self._parts is not None:
            self._parts.close()
            self._parts = None

    async def _list(self, request: CollectionsRequest) -> Any:
        found = [
            each for each in await self._database.collections(request.prefix) if each.name > request.after
        ]
        page = [asdict(each) for each in found[:PAGE_COLLECTIONS]]
        return {"collections": page, "more": len(found) > len(page)}

    async def _backup(self, request: BackupRequest) -> Any:
        version, stored = await self._database.backup_as_of(request.collection, request.version)
        end = request.offset + min(PART_BYTES, self._limits.answer_bytes // 2)
        return {"part": stored[request.offset : end], "version": version, "more": end < len(stored)}

    async def _restore(self, request: RestoreRequest) -> None:
        await self._check_restore(request.collection)  # before anything is kept of it
        parts = self._parts_of(request)
        if request.offset + len(request.part) > self._limits.restore_bytes:
            self.close()
            limit = self._limits.restore_bytes
            raise LimitExceeded(f"what is restored of a collection has at most {limit} bytes (restore_bytes)")
        parts.write(request.part)
        if not request.more:
            parts.seek(0)
            stored = parts.read()
            self.close()
            await self._database.restore(request.collection, stored)

    async def _check_restore(self, collection: str) -> None:
        """Raises Forbidden, and forgets what was kept: who may no longer restore it finishes nothing."""
        try:
            await self._database.check_restore(collection)
        except Forbidden:
            self.close()
            raise

    def _parts_of(self, request: RestoreRequest) -> SpooledTemporaryFile[bytes]:
        """Where the part goes. Raises Unavailable when what comes before it is not here."""
        if request.offset == 0:
            self.close()
            self._restoring = request.collection
            self._parts = SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115 - closed with the last part
        parts = self._parts
        if parts is None or request.collection != self._restoring or parts.tell() != request.offset:
            raise Unavailable("what comes before this part is not here; restore from the beginning")
        return parts
