"""A database as one client may use it: what `LiveDatabase` offers, each call of which is decided first.

All doors but those for Yjs clients use it, so that a decision stands in one place. What is not allowed raises
Forbidden, before anything is looked at or done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from protobase_live.model.change import Change
from protobase_live.model.cursor import marked
from protobase_live.model.durability import Durability
from protobase_live.model.erasure import Erasure
from protobase_live.model.operations import Check, CollectionInfo, Op, Read, Receipt, Target
from protobase_live.model.state_hash import StateHash
from protobase_live.permissions.grant import SERVER, Action
from protobase_live.presence.hub import PresenceHub
from protobase_live.server.accounts import Account
from protobase_live.server.authority import Authority
from protobase_live.server.live_database import (
    ChangeStream,
    Share,
    Views,
    Watcher,
    WholeDatabase,
    WholeStream,
    WholeViews,
)
from protobase_live.server.reading import Reading

if TYPE_CHECKING:
    from protobase_live.model.node_status import LinkStatus, NodeStatus
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query
    from protobase_live.query.result.diff import Diff


class PermittedDatabase:
    """Implements `protobase_live.server.live_database.Database`."""

    def __init__(self, database: WholeDatabase, authority: Authority, account: Account | None = None) -> None:
        self._database = database
        self._authority = authority
        self.account = account
        """Which client's queries count together; None: these are on their own."""

    @property
    def presence_hub(self) -> PresenceHub:
        """For who was asked whether he may be present: joining does not wait."""
        return self._database.presence_hub

    @property
    def views(self) -> Views:
        """The queries, of what may be read."""
        return PermittedViews(self._database.views, self._authority, self.account)

    async def read(self, collection: str, read: Read) -> Any:
        """Needs ``read``; answers as if only what may be read were there."""
        await self._authority.check("read", [collection])
        return await self._database.read(collection, read, self._authority.permit(collection))

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
        *,
        own_writes: Mapping[str, Sequence[Op]] | None = None,
        own_checks: Sequence[Check] = (),
    ) -> Receipt:
        """Needs ``write`` of all that is written, and ``read`` of all that is checked.

        Which rows, fields and structures these may be is judged where it is carried out.

        ``own_writes`` and ``own_checks`` are the server's, and belong to the same commit.
        """
        await self.check_commit(writes, checks)
        names = {**writes, **{check.collection: () for check in checks}}
        permits = {name: permit for name in names if (permit := self._authority.permit(name)) is not None}
        receipt = await self._database.commit(
            {**writes, **(own_writes or {})}, [*checks, *own_checks], author, durability, permits
        )
        partly = permits.keys() & receipt.cursors.keys()
        seen = {name: self.seen_cursor(name, receipt.cursors[name]) for name in partly}
        return replace(receipt, cursors={**receipt.cursors, **seen}) if seen else receipt

    def seen_cursor(self, collection: str, cursor: str) -> str:
        """A cursor of a collection as who asks is told it: it says which part he sees, if that is not all."""
        sight = self._authority.sight(collection)
        return cursor if sight is None else marked(cursor, sight.part)

    async def check_commit(self, writes: Mapping[str, Sequence[Op]], checks: Sequence[Check] = ()) -> None:
        """Raises Forbidden unless a commit of these may be made, or of some like these."""
        await self._authority.check("write", writes)
        await self._authority.check("read", {check.collection for check in checks})

    async def arrive(self, collection: str, cursor: str) -> None:
        """For who may read or write the collection: others are not told how far it is."""
        if not await self._authority.may("write", collection):
            await self._authority.check("read", [collection])
        await self._database.arrive(collection, cursor)

    def changes(self, collection: str, since: str | None = None, *structures: Target) -> ChangeStream:
        """Needs ``read``, also later; see `Database.changes`."""
        stream = self._database.changes(collection, since, *structures)
        return PermittedStream(stream, collection, self._authority)

    async def collections(self, prefix: str = "") -> Sequence[CollectionInfo]:
        """Those that may be read; of one that may be read in parts only its name."""
        found = await self._database.collections(prefix)
        return [self._listed(each) for each in found if await self._authority.may("read", each.name)]

    def _listed(self, info: CollectionInfo) -> CollectionInfo:
        whole = self._authority.sight(info.name) is None
        return info if whole else CollectionInfo(info.name, 0, 0, 0)

    async def drop(self, collection: str) -> None:
        """Needs ``admin``."""
        await self._authority.check("admin", [collection])
        await self._database.drop(collection)

    async def erase(self, collection: str, key: str | None = None) -> Erasure:
        """Needs ``admin``."""
        await self._authority.check("admin", [collection])
        return await self._database.erase(collection, key)

    async def state_hash(self, collection: str) -> StateHash:
        """Needs ``admin``, and no limit of what may be read."""
        await self._check_all("read", collection)
        return await self._database.state_hash(collection)

    async def _check_all(self, action: Action, collection: str) -> None:
        """Raises Forbidden for who may not be told, or write, all of a collection at once."""
        await self._authority.check("admin", [collection])
        if await self._authority.may(action, collection):
            await self._authority.check_whole(action, [collection])

    async def cluster_status(self) -> NodeStatus:
        """Needs ``admin`` of the server; tells of no collection without ``admin`` of it."""
        await self._authority.check("admin", [SERVER])
        status = await self._database.cluster_status()
        return replace(status, links=[await self._permitted_link(each) for each in status.links])

    async def _permitted_link(self, link: LinkStatus) -> LinkStatus:
        stuck = {name: why for name, why in link.stuck.items() if await self._authority.may("admin", name)}
        return replace(link, stuck=stuck)

    async def backup_as_of(self, collection: str, version: str | None) -> tuple[str, bytes]:
        """Needs ``admin``, and no limit of what may be read."""
        await self._check_all("read", collection)
        return await self._database.backup_as_of(collection, version)

    async def restore(self, collection: str, stored: bytes) -> None:
        """Needs ``admin``, and no limit of what may be written."""
        await self.check_restore(collection)
        await self._database.restore(collection, stored)

    async def check_restore(self, collection: str) -> None:
        """Raises Forbidden unless the collection may be restored: before anything of it is taken in."""
        await self._check_all("write", collection)


class PermittedStream:
    """A change stream that ends when it may no longer be read.

    Where parts of the collection are seen its cursors say so (`Sight.part`): whoever comes back with one when
    the rules, or what he claims, let another part be seen is told anew what there is.
    """

    def __init__(self, stream: WholeStream, collection: str, authority: Authority) -> None:
        self._stream = stream
        self._collection = collection
        self._authority = authority
        self._reading = Reading([collection], authority)

    async def __aenter__(self) -> PermittedStream:
        """Raises Forbidden, and what the stream raises."""
        await self._reading.begin(self._begin)
        return self

    async def _begin(self) -> None:
        self._sight = self._authority.sight(self._collection)
        if self._sight is not None:
            self._stream.see(self._sight.part)
        await self._stream.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._reading.close()
        await self._stream.__aexit__(kind, error, trace)

    @property
    def cursor(self) -> str:
        """See `ChangeStream`."""
        cursor = self._stream.cursor
        return cursor if self._sight is None else marked(cursor, self._sight.part)

    async def batch(self, limit: int) -> list[Change]:
        """See `ChangeStream`: what is seen of the changes. Raises Forbidden."""
        while True:
            changes = await self._reading.wait(self._stream.batch(limit))
            if self._sight is None:
                return changes
            seen = [each for change in changes if (each := self._sight.change(change)) is not None]
            if seen:
                told = [replace(each, cursor=marked(each.cursor, self._sight.part)) for each in seen]
                # What is hidden behind it need not be looked at again, and a reset not be told again.
                return [*told[:-1], replace(told[-1], cursor=self.cursor)]
            await asyncio.sleep(0)  # there may be very many that are not seen, and others wait


class PermittedWatcher:
    """A live query that ends when it may no longer be read."""

    def __init__(self, watcher: Watcher, reading: Reading) -> None:
        self._watcher = watcher
        self._reading = reading

    async def pull_in_steps(self) -> Diff:
        """See `Watcher`. Raises Forbidden."""
        return await self._reading.wait(self._watcher.pull_in_steps())

    def close(self) -> None:
        """See `Watcher`."""
        self._reading.close()
        self._watcher.close()


class PermittedViews:
    """Queries over what may be read."""

    def __init__(self, views: WholeViews, authority: Authority, account: Account | None) -> None:
        self._views = views
        self._authority = authority
        self._account = account

    def share(self) -> Share:
        """See `Views`. What is counted is the client's, what is permitted this connection's."""
        views, account = self._views, self._account
        share = views.share() if account is None else account.share(views).part()
        return PermittedShare(share, self._authority)

    async def explain(self, query: Query) -> Explanation:
        """Needs ``read`` of all collections of the query, as a whole: it tells how much there is."""
        await self._authority.check_whole("read", query.collections)
        return await self._views.explain(query)


class PermittedShare:
    """The queries of one connection."""

    def __init__(self, share: Share, authority: Authority) -> None:
        self._share = share
        self._authority = authority

    async def query(self, query: Query) -> Sequence[Any]:
        """Needs ``read`` of all collections of the query; answers as if only what may be read were there."""
        await self._authority.check("read", query.collections)
        return await self._share.query(self._narrowed(query))

    async def watch(self, query: Query, since: str | None = None) -> Watcher:
        """Needs the same, also later."""
        reading = Reading(query.collections, self._authority)
        return PermittedWatcher(await reading.begin(partial(self._watch, query, since)), reading)

    async def _watch(self, query: Query, since: str | None) -> Watcher:
        return await self._share.watch(self._narrowed(query), since)

    def _narrowed(self, query: Query) -> Query:
        from protobase_live.permissions.narrowing import narrow  # with the first query, as the rest of them

        return narrow(query, self._authority.sight)
