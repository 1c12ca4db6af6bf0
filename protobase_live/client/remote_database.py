"""A database on a server, with the API of an embedded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from protobase_live.api import DatabaseApi
from protobase_live.client.link import Link
from protobase_live.client.remote_live import RemoteLine
from protobase_live.client.remote_presence import PresenceTables, RemotePresenceLine
from protobase_live.client.remote_stream import RemoteChangeStream
from protobase_live.collections import Row
from protobase_live.live.present import Presence
from protobase_live.names import check_collection
from protobase_live.operations import Check, Op, Read, Receipt
from protobase_live.query.explanation import Explanation
from protobase_live.query.form import to_form
from protobase_live.query.query import Query

MAX_CLIENT_ID = 2**32 - 1
"""Largest id of a client in presence: those of Yjs clients have 32 bits."""


class RemoteDatabase(DatabaseApi):
    """The API of ``pb.connect``. It connects again by itself, after whatever loss, until it is closed.

    A call raises Unavailable when it got no answer in time and was not carried out, and OutcomeUnknown when
    a commit was sent and its answer was lost.
    """

    def __init__(self, link: Link, tables: PresenceTables, random: Random) -> None:
        super().__init__()
        self._link = link
        self._tables = tables
        self._random = random

    async def close(self) -> None:
        """Close the connection. Whatever waits fails with Closed, a commit that was sent: OutcomeUnknown."""
        await self._link.close()

    async def read(self, collection: str, read: Read) -> Any:
        """Answer one question; everything the answer shows is durable."""
        check_collection(collection)
        return await self._link.call(lambda session: session.read(collection, read))

    async def commit(
        self, writes: Mapping[str, Sequence[Op]], checks: Sequence[Check] = (), author: str | None = None
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds; durable on return."""
        answer = await self._link.call(lambda session: session.commit(writes, checks, author))
        return Receipt(answer["cursors"])

    def changes(self, collection: str, since: str | None = None) -> RemoteChangeStream:
        """A stream of the collection's changes, from ``since`` or, if None, from now on."""
        check_collection(collection)
        return RemoteChangeStream(self._link, collection, since)

    def presence(self, collection: str, state: Any = None) -> Presence:
        """Who else is in the collection; ``state`` is what the others see of us."""
        check_collection(collection)
        client = self._random.randint(1, MAX_CLIENT_ID)
        return Presence(RemotePresenceLine(self._link, self._tables, collection), client, state)

    async def _query(self, query: Query) -> list[Row]:
        return await self._link.call(lambda session: session.query(to_form(query), explain=False))

    async def _explain(self, query: Query) -> Explanation:
        form = await self._link.call(lambda session: session.query(to_form(query), explain=True))
        return Explanation.parse(form)

    def _line(self, query: Query) -> RemoteLine:
        return RemoteLine(self._link, query)
