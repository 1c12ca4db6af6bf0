"""What one other node sends: it is taken in the order in which it comes, and answered when it is durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.collection.commit_form import commit_of
from protobase_live.collection.former import History
from protobase_live.collection.joint_replication import Answer, KnownHistories
from protobase_live.collection.messages import Replicated
from protobase_live.errors import (
    CollectionDropped,
    LimitExceeded,
    ProtoBaseError,
    ProtocolError,
    StorageFailed,
)
from protobase_live.protocol.packing import unpack
from protobase_live.protocol.peer.messages import (
    Commits,
    Deleted,
    PeerMessage,
    Position,
    SnapshotPart,
    Standings,
    Taken,
)
from protobase_storage import Commit, Loaded, Snapshot


class Home(Protocol):
    """The database that takes it."""

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories
    ) -> dict[str, Answer]:
        """Take commits; durable on return, or counted as held."""
        ...

    async def install(self, snapshot: Snapshot, history: History) -> Replicated:
        """Take what a collection came to; durable on return."""
        ...

    async def take_deletion(self, collection: str, remains: bytes) -> None:
        """Delete a collection that was deleted elsewhere; durable on return."""
        ...


class Incoming:
    """The receiving half of a link."""

    def __init__(
        self,
        home: Home,
        outgoing: Outgoing,
        limits: ClusterLimits,
        send: Callable[[PeerMessage], Awaitable[None]],
    ) -> None:
        self._home = home
        self._outgoing = outgoing
        self._limits = limits
        self._send = send
        self._update = bytearray()
        """As much as has come of a snapshot."""

    async def take(self, message: PeerMessage) -> None:
        """Take one message. Raises ProtocolError and LimitExceeded: then the link is good for nothing."""
        match message:
            case Standings():
                self._outgoing.stands(message)
                self._require_few_collections()
            case Taken():
                self._outgoing.taken(message)
            case Commits():
                await self._take_commits(message)
            case Deleted():
                await self._take_deletion(message)
            case SnapshotPart():
                await self._take_part(message)
            case _:
                pass

    async def _take_commits(self, message: Commits) -> None:
        commits: dict[str, list[Commit]] = {}
        histories: dict[str, History] = {}
        for collection, (history, forms) in message.commits.items():
            commits[collection] = [_commit(collection, form) for form in forms]
            histories[collection] = History(*history)
            self._outgoing.has(
                collection, histories[collection], Loaded(None, tuple(commits[collection])).vector
            )
        answers = await self._home.replicate(commits, histories)
        await self._send(_taken(message.number, answers))

    async def _take_deletion(self, message: Deleted) -> None:
        collection = message.collection
        try:
            await self._home.take_deletion(collection, message.remains)
        except ProtoBaseError as error:
            await self._send(Taken(0, {}, {collection: _failure(error)}))

    async def _take_part(self, message: SnapshotPart) -> None:
        self._update += message.part
        if len(self._update) > self._limits.snapshot_bytes:
            most = f"{self._limits.snapshot_bytes} bytes (snapshot_bytes)"
            raise LimitExceeded(f"a snapshot of {message.collection!r} has more than {most}")
        if not message.last:
            return
        update, self._update = bytes(self._update), bytearray()
        collection, history = message.collection, History(*message.history)
        self._outgoing.has(collection, history, message.vector)
        snapshot = Snapshot(collection, update, message.vector, message.time)
        try:
            taken = await self._home.install(snapshot, history)
        except ProtoBaseError as error:
            await self._send(Taken(0, {}, {collection: _failure(error)}))
        else:
            await self._send(Standings({collection: (taken.history, taken.vector)}, complete=False))

    def _require_few_collections(self) -> None:
        if len(self._outgoing.known) > self._limits.peer_collections:
            most = self._limits.peer_collections
            raise LimitExceeded(f"the other node has more than {most} collections (peer_collections)")


def _commit(collection: str, form: bytes) -> Commit:
    try:
        return commit_of(collection, *unpack(form))
    except (TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"a commit of {collection!r} cannot be read: {error}") from error


def _failure(error: ProtoBaseError) -> tuple[str, bool]:
    """Why something was not taken, and whether to send it again later.

    A disk that failed can work again; and who sent what was deleted is told of the deletion, too.
    """
    return str(error), error.retryable or isinstance(error, (StorageFailed, CollectionDropped))


def _taken(number: int, answers: Mapping[str, Answer]) -> Taken:
    """What is said of the collections of which not all is durable."""
    positions: dict[str, Position] = {}
    failures: dict[str, tuple[str, bool]] = {}
    for collection, answer in answers.items():
        if isinstance(answer, ProtoBaseError):
            failures[collection] = _failure(answer)
        elif answer.held:
            positions[collection] = answer.history, answer.vector
    return Taken(number, positions, failures)
