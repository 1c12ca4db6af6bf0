"""What one other node sends: it is taken in the order in which it comes, and answered when it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from protobase_live.cluster.known import TWO_HISTORIES
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.sack import Sack
from protobase_live.collection.former import History, history_of
from protobase_live.collection.joint_replication import Answer, KnownHistories
from protobase_live.collection.state import State
from protobase_live.errors import (
    CollectionDropped,
    LimitExceeded,
    ProtoBaseError,
    StorageFailed,
    ValidationError,
)
from protobase_live.protocol.packing import as_bytes, unpack
from protobase_live.protocol.peer.messages import (
    Commits,
    Deleted,
    PeerMessage,
    Position,
    SnapshotPart,
    Standings,
    Taken,
)
from protobase_storage import Commit, Loaded, Vector, includes


class Home(Protocol):
    """The database that takes it."""

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories
    ) -> dict[str, Answer]:
        """Take commits; durable on return, or counted as held."""
        ...

    async def take_states(self, states: Sequence[State]) -> dict[str, Answer]:
        """Take what collections came to, as one; durable on return."""
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
        self._sack = Sack()
        self._update = bytearray()
        """As much as has come of a snapshot."""
        self._states: list[State] = []
        """The snapshots that have come, and are to be shown with one that follows."""

    async def take(self, messages: Sequence[PeerMessage]) -> None:
        """Take messages in their order, and commits that follow each other in one go. Answers that all is
        durable are taken before commits in front of them.

        Raises ProtocolError and LimitExceeded: then the link is good for nothing.
        """
        for message in messages:
            if isinstance(message, Taken) and message.is_plain:
                self._outgoing.taken(message)  # it says nothing of what is in the sack
                continue
            if not (isinstance(message, Commits) and self._sack.fits(message)):
                await self._empty_sack()
            await self._take_one(message)
        await self._empty_sack()

    async def _take_one(self, message: PeerMessage) -> None:
        match message:
            case Standings():
                self._outgoing.stands(message)
                self._require_few_collections()
            case Taken():
                self._outgoing.taken(message)
            case Commits():
                if self._sack.number:
                    await asyncio.sleep(0)  # each may take long to read: others are served in between
                self._sack.add(message)
            case Deleted():
                await self._take_deletion(message)
            case SnapshotPart():
                await self._take_part(message)
            case _:
                pass

    async def _empty_sack(self) -> None:
        sack, self._sack = self._sack, Sack()
        if not sack.number:
            return
        sent = {name: Loaded(None, tuple(commits)).vector for name, commits in sack.commits.items()}
        for collection, history in sack.histories.items():
            self._outgoing.has(collection, history, sent[collection])
        answers = await self._home.replicate(sack.commits, sack.histories)
        self._note_other_histories(answers)
        await self._send(_taken(sack.number, answers, sent))

    async def _take_deletion(self, message: Deleted) -> None:
        collection = message.collection
        try:
            await self._home.take_deletion(collection, message.remains)
        except ProtoBaseError as error:
            await self._send(Taken(0, {}, {collection: _failure(error)}))
        else:
            position: Position = (history_of(message.remains), {})
            await self._send(Standings({collection: position}, complete=False))

    async def _take_part(self, message: SnapshotPart) -> None:
        self._update += message.part
        if len(self._update) + sum(each.size for each in self._states) > self._limits.snapshot_bytes:
            most = f"{self._limits.snapshot_bytes} bytes (snapshot_bytes)"
            raise LimitExceeded(f"snapshots that belong together have more than {most}")
        if not message.last:
            return
        updates, self._update = tuple(map(as_bytes, unpack(bytes(self._update)))), bytearray()
        history = History(*message.history)
        self._states.append(State(message.collection, history, message.vector, message.time, updates))
        if not message.more:
            await self._take_states()

    async def _take_states(self) -> None:
        """Take all that has come to be shown as one."""
        states, self._states = self._states, []
        for each in states:
            self._outgoing.has(each.collection, each.history, each.vector)
        answers = await self._home.take_states(states)
        self._note_other_histories(answers)
        failures = {
            name: _failure(each) for name, each in answers.items() if isinstance(each, ProtoBaseError)
        }
        if failures:
            await self._send(Taken(0, {}, failures))
        taken = {name: each for name, each in answers.items() if not isinstance(each, ProtoBaseError)}
        positions = {name: (each.history, each.vector) for name, each in taken.items()}
        await self._send(Standings(positions, complete=False))

    def _note_other_histories(self, answers: Mapping[str, Answer]) -> None:
        """What cannot be taken here because it is of another history goes no other way either."""
        for name, answer in answers.items():
            if isinstance(answer, ValidationError):
                self._outgoing.known[name].stuck = TWO_HISTORIES

    def _require_few_collections(self) -> None:
        if len(self._outgoing.known) > self._limits.peer_collections:
            most = self._limits.peer_collections
            raise LimitExceeded(f"the other node has more than {most} collections (peer_collections)")


def _failure(error: ProtoBaseError) -> tuple[str, bool]:
    """Why something was not taken, and whether to send it again later.

    A disk that failed can work again; and who sent what was deleted is told of the deletion, too.
    """
    return str(error), error.retryable or isinstance(error, (StorageFailed, CollectionDropped))


def _taken(number: int, answers: Mapping[str, Answer], sent: Mapping[str, Vector]) -> Taken:
    """What is said of the collections of which not all that was ``sent`` is durable.

    Whether it is held does not count: what there was no room for is neither durable nor held.
    """
    positions: dict[str, Position] = {}
    failures: dict[str, tuple[str, bool]] = {}
    for collection, answer in answers.items():
        if isinstance(answer, ProtoBaseError):
            failures[collection] = _failure(answer)
        elif not includes(answer.vector, sent[collection]):
            positions[collection] = answer.history, answer.vector
    return Taken(number, positions, failures)
