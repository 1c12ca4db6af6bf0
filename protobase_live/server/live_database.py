"""What the live door needs of the database that it serves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from protobase_live.model.change import Change
from protobase_live.model.durability import Durability
from protobase_live.model.erasure import Erasure
from protobase_live.model.operations import Check, CollectionInfo, Op, Read, Receipt, Target
from protobase_live.model.state_hash import StateHash
from protobase_live.permissions.permits import NO_PERMITS, Permit, Permits
from protobase_live.presence.hub import PresenceHub

if TYPE_CHECKING:
    from protobase_live.model.node_status import NodeStatus
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query
    from protobase_live.query.result.diff import Diff


class ChangeStream(Protocol):
    """The changes of a collection, pulled."""

    async def __aenter__(self) -> ChangeStream: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    @property
    def cursor(self) -> str:
        """Everything that the stream gives comes after this."""
        ...

    async def batch(self, limit: int) -> list[Change]:
        """At least one change, waited for, and at most ``limit``."""
        ...


class WholeStream(ChangeStream, Protocol):
    """Those of who sees all, unless it is told otherwise."""

    def see(self, part: str | None) -> None:
        """See `protobase_live.changes.stream.ChangeStream`."""
        ...


class Watcher(Protocol):
    """The differences of a query's rows, pulled."""

    async def pull_in_steps(self) -> Diff:
        """Everything new since the last pull, folded into one; the first comes at once."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


class Share(Protocol):
    """The queries of one connection, run once or live. Their rows are dicts, and not to be changed."""

    async def query(self, query: Query) -> Sequence[Any]: ...

    async def watch(self, query: Query, since: str | None = None) -> Watcher: ...


class ClientShare(Share, Protocol):
    """The queries of one client, over all its connections."""

    def part(self) -> Share:
        """Those of one of them."""
        ...


class Views(Protocol):
    """The queries of all."""

    def share(self) -> Share:
        """Those of a connection; others have room beside it."""
        ...

    async def explain(self, query: Query) -> Explanation: ...


class WholeViews(Views, Protocol):
    """Those that ask nobody what he may read."""

    def share(self) -> ClientShare:
        """Those of a client; others have room beside it."""
        ...


class Database(Protocol):
    """What the live door serves."""

    @property
    def presence_hub(self) -> PresenceHub: ...

    @property
    def views(self) -> Views: ...

    async def read(self, collection: str, read: Read) -> Any: ...

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
    ) -> Receipt: ...

    async def arrive(self, collection: str, cursor: str) -> None:
        """Wait until what the cursor of another node names is here. Raises Behind."""
        ...

    def changes(self, collection: str, since: str | None = None, *structures: Target) -> ChangeStream: ...

    async def collections(self, prefix: str = "") -> Sequence[CollectionInfo]: ...

    async def drop(self, collection: str) -> None: ...

    async def erase(self, collection: str, key: str | None = None) -> Erasure: ...

    async def state_hash(self, collection: str) -> StateHash: ...

    async def cluster_status(self) -> NodeStatus: ...

    async def backup_as_of(self, collection: str, version: str | None) -> tuple[str, bytes]:
        """Which version of a collection is stored, or the one asked for, and its bytes. Raises Conflict."""
        ...

    async def restore(self, collection: str, stored: bytes) -> None: ...


class WholeDatabase(Database, Protocol):
    """One that can be told what of it somebody may read and write (`protobase_live.permissions.permits`)."""

    @property
    def views(self) -> WholeViews: ...

    async def read(self, collection: str, read: Read, permit: Permit | None = None) -> Any: ...

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
        permits: Permits = NO_PERMITS,
    ) -> Receipt: ...

    def changes(self, collection: str, since: str | None = None, *structures: Target) -> WholeStream: ...


_QUERIES = "protobase_live.live.views"


async def have_queries() -> None:
    """Import what answers queries, with the first of them: it takes a tenth of a second, and others run."""
    if not hasattr(sys.modules.get(_QUERIES), "Views"):
        await asyncio.to_thread(import_module, _QUERIES)


def query_of(given: Any) -> Query:
    """The query that a client sent, as its form or as text, after `have_queries`. Raises ValidationError."""
    from protobase_live.query.language.form import from_form
    from protobase_live.query.language.query import Query
    from protobase_live.query.language.text import parse

    return parse(given) if isinstance(given, str) else Query.of(from_form(given))
