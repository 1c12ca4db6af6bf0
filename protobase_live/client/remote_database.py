"""A database on a server, with the API of an embedded one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from protobase_live.api import DatabaseApi
from protobase_live.client.link import Link
from protobase_live.client.named_query import NamedQuery
from protobase_live.client.remote_presence import PresenceTables, RemotePresenceLine
from protobase_live.client.remote_stream import RemoteChangeStream
from protobase_live.errors import Conflict, NotReplicated
from protobase_live.handles import Row
from protobase_live.handles.presence import Presence
from protobase_live.model.arguments import require_backup
from protobase_live.model.durability import Durability
from protobase_live.model.erasure import Erasure
from protobase_live.model.names import (
    check_collection,
    check_somebody,
    known_collection,
    known_name,
    stored_name,
)
from protobase_live.model.operations import Check, CollectionInfo, Op, Read, Receipt
from protobase_live.model.state_hash import StateHash
from protobase_live.model.values import quoted
from protobase_live.protocol.live.client_messages import ClusterRequest
from protobase_live.protocol.live.collection_messages import (
    BackupRequest,
    CollectionsRequest,
    DropRequest,
    EraseRequest,
    OfCollections,
    RestoreRequest,
    StateHashRequest,
)
from protobase_live.protocol.live.permission_messages import RevokeRequest
from protobase_live.transactions import TransactionLimits

if TYPE_CHECKING:  # a client that asks nothing starts without queries
    from protobase_live.client.remote_live import RemoteLine
    from protobase_live.model.node_status import NodeStatus
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query

PART_BYTES = 4 * 1024 * 1024
"""How much of what is restored is sent at once."""

BACKUP_TRIES = 5
"""How often a backup of a collection is begun that is folded before all of it was read."""

MAX_CLIENT_ID = 2**32 - 1
"""Largest id of a client in presence: those of Yjs clients have 32 bits."""


class RemoteDatabase(DatabaseApi):
    """The API of ``pb.connect``. It connects again by itself, after whatever loss, until it is closed.

    A call raises Unavailable when it got no answer in time and was not carried out, and OutcomeUnknown when
    a commit was sent and its answer was lost; after a change of servers Behind, where the new one lacks what
    this client was acknowledged or shown.
    """

    def __init__(
        self,
        link: Link,
        tables: PresenceTables,
        random: Random,
        address: str,
        transactions: TransactionLimits,
    ) -> None:
        """``address`` is that of the server, for the repr."""
        super().__init__(transactions=transactions)
        self._link = link
        self._tables = tables
        self._random = random
        self._address = address

    def __repr__(self) -> str:
        return f"<RemoteDatabase {quoted(self._address)}{', closed' if self._link.closed else ''}>"

    async def close(self) -> None:
        """Close the connection. Whatever waits fails with Closed, a commit that was sent: OutcomeUnknown."""
        await self._link.close()

    async def read(self, collection: str, read: Read) -> Any:
        """Answer one question; everything the answer shows is durable."""
        check_collection(collection)
        return await self._link.call(lambda session: session.read(collection, read))

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds; durable on return.

        Raises NotReplicated if it is done, and not known to be as durable as asked for.
        """
        answer = await self._link.call(lambda session: session.commit(writes, checks, author, durability))
        if durability is not None and "nodes" not in answer:
            raise NotReplicated("the commit is done; the server is too old to say on how many nodes")
        return Receipt(answer["cursors"], answer.get("nodes", 1))

    def changes(self, collection: str, since: str | None = None) -> RemoteChangeStream:
        """A stream of the collection's changes, from ``since`` or, if None, from now on."""
        check_collection(collection)
        return RemoteChangeStream(self._link, collection, since)

    def presence(self, collection: str, state: Any = None) -> Presence:
        """Who else is in the collection; ``state`` is what the others see of us."""
        check_collection(collection)
        client = self._random.randint(1, MAX_CLIENT_ID)
        return Presence(RemotePresenceLine(self._link, self._tables, collection), client, state)

    async def collections(self, prefix: str = "") -> list[CollectionInfo]:
        """The collections of the server whose names begin with ``prefix``, in order, and what they take."""
        found: list[CollectionInfo] = []
        stored_name(prefix)
        more = True
        while more:
            after = found[-1].name if found else ""
            answer = await self._ask(partial(CollectionsRequest, prefix=prefix, after=after))
            found += [CollectionInfo(**each) for each in answer["collections"]]
            more = answer["more"]
        return found

    async def drop(self, collection: str) -> None:
        """Delete a collection with its history; durable on return.

        Streams and live queries of it are told `reset`. A Yjs client that has a copy of it is closed with
        4410 when it comes back, or sends anything of it.
        """
        await self._ask(partial(DropRequest, collection=stored_name(collection)))

    async def erase(self, collection: str, key: str | None = None) -> Erasure:
        """Have no byte left of a collection or, with ``key``, of a record of it and its past: in no file or
        object of the server on return, nor of those nodes that are ``done``. What else is visible goes on in
        another history, and who has a copy of the former one is told as by `drop`.

        Raises Unavailable, and nothing was erased, while another node has more of the collection.
        """
        stored_name(collection)
        given = None if key is None else known_name(key)
        return Erasure.parse(await self._ask(partial(EraseRequest, collection=collection, key=given)))

    async def state_hash(self, collection: str) -> StateHash:
        """A hash of what users see of a collection, and the commits that it is of; all of it is durable."""
        stored_name(collection)
        return StateHash(**await self._ask(partial(StateHashRequest, collection=collection)))

    async def cluster_status(self) -> NodeStatus:
        """How the node that this client is connected to is linked with others, and how far these are."""
        from protobase_live.model.node_status import NodeStatus

        return NodeStatus.parse(await self._ask(ClusterRequest))

    def named(self, name: str, **params: Any) -> NamedQuery:
        """A query that the server builds, of its parameters and of who asks."""
        return NamedQuery(self._link, name, params)

    async def revoke(self, author: str, collection: str | None = None) -> None:
        """Take away what an author may do with a collection, None: with all, until the server stops.

        What is open of it has ended on return. Needs ``admin`` of the collection, or of the server.
        """
        await self._revoke(author, collection)

    async def let_in(self, author: str, collection: str | None = None) -> None:
        """Take back what `revoke` did; None: all of it."""
        await self._revoke(author, collection, let_in=True)

    async def _revoke(self, author: str, collection: str | None, *, let_in: bool = False) -> None:
        check_somebody(author)
        if collection is not None:
            known_collection(collection)
        await self._ask(partial(RevokeRequest, author=author, collection=collection, let_in=let_in))

    async def stored(self, collection: str) -> bytes:
        """All that is stored of a collection, exactly as it is, for `restore`.

        Raises Conflict where it is folded again and again meanwhile.
        """
        stored_name(collection)
        for _ in range(BACKUP_TRIES - 1):
            with suppress(Conflict):
                return await self._stored(collection)
        return await self._stored(collection)

    async def _stored(self, collection: str) -> bytes:
        stored, version, more = bytearray(), None, True
        while more:
            at = {"offset": len(stored), "version": version}
            answer = await self._ask(partial(BackupRequest, collection=collection, **at))
            stored += answer["part"]
            version, more = answer["version"], answer["more"]
        return bytes(stored)

    async def restore(self, collection: str, stored: bytes) -> None:
        """Store what `backup` gave, in a collection that is empty or has the beginning of it.

        Durable on return. Raises ValidationError for another one, and for bytes that are no backup of it;
        Unavailable, with nothing stored, when the connection is lost in between.
        """
        stored_name(collection)
        require_backup(stored)
        for start in range(0, max(1, len(stored)), PART_BYTES):
            part = stored[start : start + PART_BYTES]
            more = start + len(part) < len(stored)
            given = {"offset": start, "part": part, "more": more}
            await self._ask(partial(RestoreRequest, collection=collection, **given))

    async def _ask(self, request: Callable[[int], OfCollections | ClusterRequest | RevokeRequest]) -> Any:
        return await self._link.call(lambda session: session.ask(request))

    async def _query(self, query: Query) -> list[Row]:
        return await self._link.call(lambda session: session.query(_form(query), explain=False))

    async def _explain(self, query: Query) -> Explanation:
        from protobase_live.query.explanation import Explanation

        form = await self._link.call(lambda session: session.query(_form(query), explain=True))
        return Explanation.parse(form)

    def _line(self, query: Query) -> RemoteLine:
        from protobase_live.client.remote_live import RemoteLine

        return RemoteLine(self._link, _form(query))


def _form(query: Query) -> Any:
    from protobase_live.query.language.form import to_form

    return to_form(query)
