"""An embedded database: collections as actors in this process, over one storage."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from random import Random, SystemRandom
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import ActorStats, ActorSystem, ActorTotals, Clock, Ref, SystemClock, in_steps
from protobase_live.api import DatabaseApi
from protobase_live.changes.stream import ChangeStream
from protobase_live.cluster.erasures import Erasures
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.replication import Replication
from protobase_live.collection.actor import CollectionActor
from protobase_live.collection.asleep import Asleep
from protobase_live.collection.audience import Audience
from protobase_live.collection.gates import Gates
from protobase_live.collection.identity import Identity
from protobase_live.collection.joint_replication import NONE_KNOWN, Answer, KnownHistories
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.collection.messages import Begin, HashState, Message, Question, Transact
from protobase_live.collection.quarantine import Quarantine
from protobase_live.collection.read_only import ReadOnly
from protobase_live.collection.recorded import RecordedActor
from protobase_live.collection.recorder import Recorder
from protobase_live.collection.unfolded import Unfolded
from protobase_live.database.arriving import arrive
from protobase_live.database.committing import Committing
from protobase_live.database.copying import copied_in_steps
from protobase_live.database.health import Health
from protobase_live.database.histories import Histories
from protobase_live.database.home import Home
from protobase_live.database.in_use import InUse
from protobase_live.database.known_errors import errors_named
from protobase_live.database.opened import OpenedStructures
from protobase_live.database.pool import close_all, collection_pool
from protobase_live.database.sharing import asking, share
from protobase_live.database.stored import pack_as_of, unpack_stored
from protobase_live.database.streaming import Streaming
from protobase_live.document import OPEN
from protobase_live.handles import Row
from protobase_live.handles.presence import Presence
from protobase_live.model.arrival import Arrival
from protobase_live.model.durability import LOCAL, Durability
from protobase_live.model.erasure import Erasure
from protobase_live.model.names import check_author, check_node, is_listed, known_collection, stored_name
from protobase_live.model.operations import RECORDS, Check, CollectionInfo, Op, Read, Receipt, Target
from protobase_live.model.schemas import Schemas
from protobase_live.model.state_hash import StateHash
from protobase_live.model.values import quoted
from protobase_live.permissions.permits import NO_PERMITS, Permit, Permits
from protobase_live.presence.embedded_line import EmbeddedPresenceLine
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from protobase_storage import Commit, Storage

if TYPE_CHECKING:
    from protobase_live.cluster.owner import Owner
    from protobase_live.live.limits import ViewLimits
    from protobase_live.live.live import Line
    from protobase_live.live.views import Views
    from protobase_live.model.node_status import MemberStatus, NodeStatus
    from protobase_live.query.explanation import Explanation
    from protobase_live.query.language.query import Query


class Database(DatabaseApi):
    """The API of ``pb.open``; an async context manager that owns its storage."""

    def __init__(
        self,
        storage: Storage,
        *,
        author: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
        view_limits: ViewLimits | None = None,
        presence_limits: PresenceLimits | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        cluster_limits: ClusterLimits | None = None,
        node_id: str | None = None,
        durability: Durability = LOCAL,
        owner: Sequence[str] = (),
        address: str = "",
        schemas: Schemas | None = None,
    ) -> None:
        """``author`` is written into the commits made here; ``clock`` and ``random`` are for tests.

        ``node_id`` is what other nodes of a cluster call it, if None by its storage's identity; two on copies
        of a folder need one each. ``durability`` is that of what is written without saying. ``owner``
        says which collections are owned, by patterns: their transactions are carried out by one node of the
        cluster at a time. ``address`` is what the database is called in its repr. ``schemas`` are what the
        records of collections have to fit.

        Raises InvalidName for a node id that cannot be one.
        """
        super().__init__(transactions=limits)
        self.in_use = InUse()
        """Where it can be used, and whether still."""
        self._closing: asyncio.Task[None] | None = None
        self._clock = SystemClock() if clock is None else clock
        self.health = Health(self._clock, limits.storage_failed_seconds, limits.storage_seconds)
        """Whether what is written is stored."""
        self._unwatched_storage = storage
        self._storage = self.health.watch(storage)
        self._author = author
        self._address, self._schemas = address, schemas or Schemas()
        self._durability = durability
        self.limits = limits
        self._random = SystemRandom() if random is None else random
        self._system = ActorSystem(clock=self._clock, random=self._random)
        self._pool = collection_pool(self._system, self._actor, limits)
        self.presence_hub = PresenceHub(self._clock, limits=presence_limits, random=self._random)
        self._view_limits = view_limits
        self._views: Views | None = None
        self._opened = OpenedStructures(limits.remembered_names)
        self.quarantine = Quarantine(self._clock, limits.unloadable_seconds, limits.remembered_names)
        """The collections that cannot be loaded."""
        self.read_only = ReadOnly(self._clock, limits.read_only_seconds, limits.remembered_names)
        """The collections of which the storage did not take the last write."""
        self.unfolded = Unfolded(limits.remembered_names)
        """The collections whose logs cannot be folded."""
        self.audiences: dict[str, Audience] = {}
        """Who listens to the collections in memory, by name."""
        self.gates = Gates(self._clock)
        self.recorder: Recorder | None = None
        """Knows what the code of collections runs for, if somebody wants to know it when the process dies."""
        self._fold_slots = asyncio.Semaphore(limits.folds)
        self.replication = Replication(self._storage, cluster_limits or ClusterLimits())
        """What other nodes are sent."""
        self.node = storage.identity if node_id is None else check_node(node_id)
        """What other nodes call this one."""
        self._identity = Identity(self._random, self.node, storage.identity)
        self._asleep = asleep = Asleep(self._storage, self.replication, self.health.answered, limits)
        shared = self._identity, self.quarantine, self.replication, asleep
        self._histories = Histories(self._storage, self._ask, *shared, lambda name: self.home.forget(name))
        asks = self._ask, self.ref, self._histories.delete
        self.home = Home(self._storage, asleep, *asks, self._clock, limits)
        """What other nodes send."""
        follows = self.home, self._ask, self._identity, self.audiences, self._clock
        share(storage, self.replication, self.presence_hub, *follows)
        self.owner: Owner | None = None
        """What this node does for owned collections."""
        if owner:
            from protobase_live.cluster.owner import Owner  # a database that has none starts without

            how = self.home, self.replication, limits, self._schemas, self._clock, self._random
            self.owner = Owner(self.node, owner, self._storage, *how)
        ways = self._ask, self.ref, self.replication, self.owner
        self._erasures = Erasures(self.node, self.replication, self._clock)
        from_here = self._opened, self._arrival, self.in_use.require_home
        self._streaming = Streaming(self._ask, self._pool, self._storage, *from_here)
        self._committing = Committing(self._storage, *ways, limits, self._clock)

    def __repr__(self) -> str:
        return f"<Database {quoted(self._address)}{', closed' if self.closed else ''}>"

    async def __aenter__(self) -> Database:
        self.in_use.require()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Store everything that was acknowledged, end all streams, and let go of the storage.

        It goes on if who waits gives up. Who calls it again waits for the same, and is told the same.
        """
        if self._closing is None or not self._closing.done():
            self.in_use.require_home()
        if self._closing is None:
            self.in_use.end()
            self.replication.leave()
            if self._views is not None:
                self._views.close()
            stored = self.health, self._unwatched_storage, self.limits.stop_seconds
            self._closing = asyncio.create_task(close_all(self._pool, self._system, *stored))
        await asyncio.shield(self._closing)

    @property
    def views(self) -> Views:
        """All queries over what the collections have shown; made, and imported, for the first one."""
        if self._views is None:
            from protobase_live.live.views import Views

            others = asking(self.replication.following)
            self._views = Views(self._begin, self._clock, self._arrival, self._view_limits, others)
            if self.closed:
                self._views.close()
        return self._views

    @property
    def storage(self) -> Storage:
        """Where this database keeps its commits."""
        return self._unwatched_storage

    def actor_stats(self) -> Mapping[str, ActorStats]:
        """The figures of the collections in memory, by name."""
        return self._system.stats()

    def actor_totals(self) -> ActorTotals:
        """The figures of all collections since the start, also of those that are no longer in memory."""
        return self._system.totals()

    @property
    def live_queries(self) -> int:
        """Live queries that are kept up now."""
        return 0 if self._views is None else self._views.count

    @property
    def held_commits(self) -> int:
        """Commits of other nodes that wait here for what they were made on, or for parts of a transaction."""
        return self.home.held + sum(self.replication.held.values())

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self.in_use.ended

    # Backend

    async def read(self, collection: str, read: Read, permit: Permit | None = None) -> Any:
        """Answer one question, as far as ``permit`` lets it; everything the answer shows is durable."""
        if not (answer := await self._ask(collection, Question(read, permit))) and read.method == OPEN:
            self._opened.add(collection, read.target)
        return await in_steps(copied_in_steps(answer)) if read.target == RECORDS else answer

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
        permits: Permits = NO_PERMITS,
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds, and ``permits`` let it; durable then.

        Raises LimitExceeded for more than ``Limits.joint_collections`` collections, NotReplicated, and of
        owned collections NoOwner and OutcomeUnknown.
        """
        self.in_use.require()
        author = check_author(self._author if author is None else author)
        return await self._committing.commit(writes, checks, author, durability or self._durability, permits)

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories = NONE_KNOWN
    ) -> dict[str, Answer]:
        """Take commits of other nodes, by collection and in order; see `Home.replicate`."""
        return await self.home.replicate(commits, histories)

    async def arrive(self, collection: str, cursor: str) -> None:
        """Wait until what ``cursor``, of another node, names is read here. Raises Behind, ValidationError."""
        await arrive(collection, cursor, self._arrival(), partial(self._ask, collection))

    def changes(self, collection: str, since: str | None = None, *structures: Target) -> ChangeStream:
        """See `Streaming.changes`."""
        return self._streaming.changes(collection, since, *structures)

    def _arrival(self) -> Arrival:
        return Arrival(self._clock, self.limits.ahead_seconds, self._identity.writer)

    def presence(self, collection: str, state: Any = None) -> Presence:
        """Who else is in a collection, through whichever door; ``state`` is what the others see."""
        line = EmbeddedPresenceLine(self.presence_hub, known_collection(collection), self.in_use)
        return Presence(line, self._random.getrandbits(32), state)

    async def _query(self, query: Query) -> list[Row]:
        self.in_use.require_home()
        return await in_steps(copied_in_steps(await self.views.query(query)))

    async def _explain(self, query: Query) -> Explanation:
        self.in_use.require_home()
        return await self.views.explain(query)

    def _line(self, query: Query) -> Line:
        from protobase_live.live.embedded_line import EmbeddedLine

        return EmbeddedLine(self.views, query, self.in_use.require_home)

    # collections as a whole

    async def collections(self, prefix: str = "") -> list[CollectionInfo]:
        """The stored collections whose names begin with ``prefix``, in order, and what they take.

        Those that are the server's own (``protobase:...``) are told only to who asks for such a prefix.
        """
        with self.in_use.asking("the storage"):
            found = await self._storage.list(stored_name(prefix))
        why = self.read_only.reasons
        told = (each for each in found if is_listed(each.name, prefix))
        return [CollectionInfo(**asdict(each), read_only=why.get(each.name)) for each in told]

    async def drop(self, collection: str) -> None:
        """Delete a collection with its history; durable on return.

        Streams and live queries of it are told `reset`. A Yjs client that has a copy of it is closed with
        4410 when it comes back, or sends anything of it. One that cannot be loaded is deleted, too; copies
        of that are not known. One of the server's own can be deleted here alone, and by no client.
        """
        self.in_use.require()
        await self._histories.require_name(collection)
        await self._histories.delete(collection)
        self.unfolded.remove(collection)
        self.read_only.release(collection)

    async def erase(self, collection: str, key: str | None = None) -> Erasure:
        """Have no byte left of a collection or, with ``key``, of a record of it and its past: in no file or
        object of this node on return, nor of those that are ``done``. What else is visible goes on in another
        history, and who has a copy of the former one is told as by `drop`.

        Raises Unavailable, and nothing was erased, while another node has more of the collection.
        """
        self.in_use.require()
        await self._histories.require_name(collection)
        how = partial(self._histories.erase, collection, key), partial(self._histories.has, collection, key)
        erasure = await self._erasures.carry_out(collection, *how)
        self.unfolded.remove(collection)
        self.read_only.release(collection)
        return erasure

    async def state_hash(self, collection: str) -> StateHash:
        """A hash of what users see of a collection, and the commits that it is of; all of it is durable."""
        return cast(StateHash, await self._ask(collection, HashState()))

    async def cluster_status(self) -> NodeStatus:
        """How this node is linked with others, and how far these are."""
        from protobase_live.cluster.status import status

        owner = None if self.owner is None else self.owner.holder
        with self.in_use.asking("the storage"):
            loaded = len(self.actor_stats())
            return await status(self.node, self.replication, self.held_commits, loaded, owner)

    def preferred_node(self, collection: str) -> MemberStatus | None:
        """The node that a collection is best opened at, of those on one stream that say where they are."""
        return self.replication.preferred(known_collection(collection))

    async def stored(self, collection: str) -> bytes:
        """All that is stored of a collection, exactly as it is, for `restore`."""
        return (await self.backup_as_of(stored_name(collection), None))[1]

    async def backup_as_of(self, collection: str, version: str | None) -> tuple[str, bytes]:
        """`stored`, with the version that it is of, or of an earlier ``version``.

        Raises Conflict when that has been folded.
        """
        with self.in_use.asking(collection):
            stored = await self._storage.load(collection)
        return await pack_as_of(stored, version)

    async def restore(self, collection: str, stored: bytes) -> None:
        """Store what `backup` gave, in a collection that is empty or has the beginning of it.

        Durable on return. Raises ValidationError for another one, and for bytes that are no backup of it.
        """
        self.in_use.require()
        await self._histories.restore(stored_name(collection), unpack_stored(collection, stored))

    # for doors

    async def ref(self, collection: str) -> Ref[Message]:
        """The collection's actor, loaded. Raises Closed, Overloaded, StorageFailed."""
        with self._loading(collection), errors_named(collection):
            return await self._pool.get(collection)

    async def _ask(self, collection: str, message: Message) -> object:
        with self._loading(collection), errors_named(collection, commits=isinstance(message, Transact)):
            return await self._pool.ask(collection, message)

    @contextmanager
    def _loading(self, collection: str) -> Generator[None]:
        """Raises Closed, and CollectionUnloadable, at once if that is known already."""
        self.in_use.require()
        with self.quarantine.loading(known_collection(collection)):
            yield

    async def _begin(self, collection: str) -> None:
        """Have a collection tell the views what it shows."""
        await self._ask(collection, Begin(self.views))

    def _actor(self, name: str) -> CollectionActor:
        first = name, self._storage, self._clock, self.limits, self.unfolded, self._fold_slots, self.read_only
        shared = self._identity, self.replication, self._asleep, self.audiences, self.gates
        parts = *first, *shared, self._schemas.of(name)
        return CollectionActor(*parts) if self.recorder is None else RecordedActor(self.recorder, *parts)
