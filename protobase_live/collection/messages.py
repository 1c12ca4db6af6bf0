"""What can be said to a collection's actor, and what it says to its Yjs editors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from protobase_live.collection.former import FIRST, History
from protobase_live.collection.meeting import Meeting
from protobase_live.document import Judge
from protobase_live.errors import ProtoBaseError
from protobase_live.model.operations import Check, Op, Read, Target
from protobase_live.model.values.weighing import weight
from protobase_live.permissions.permits import Permit
from protobase_live.protocol.shared_message import SharedMessage
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_storage import Commit, Loaded, Snapshot, Vector

if TYPE_CHECKING:
    from protobase_live.live.views import Views


@dataclass(slots=True)
class ShownUpdate:
    """A durable commit's update on its way to the editors."""

    update: bytes
    message: SharedMessage | None = None
    """Room for a door to keep what it says of it, so that it is made once for all editors."""


class Editor(Protocol):
    """A Yjs client as a collection sees it. All calls are made in the event loop and must not raise."""

    author: str | None
    judge: Judge | None
    """What it may write; None: everything."""
    echo: bool
    """Whether it is sent what it wrote itself, too, when that is durable."""

    @property
    def address(self) -> str | None:
        """From where it comes; None where nobody knows."""
        ...

    def greet(self, state: bytes) -> None:
        """The collection has this state vector; the client is to send what that lacks."""
        ...

    def answer(self, update: bytes, complete: bool) -> None:
        """Some of what this editor lacked, in order; it asks to `CatchUp` for the next part.

        ``complete``: that was the last part, from now on it is sent every update. A `Sync`, and a `CatchUp`
        of an editor that is behind, is always answered: until then the editor asks for nothing more.
        """
        ...

    def show(self, shown: ShownUpdate) -> bool:
        """A new update. False: not taken, this editor cannot keep up and will ask to `CatchUp`."""
        ...

    def settle(self, mark: bytes | None) -> None:
        """Everything that was sent before the `Settle` with this mark is durable and shown."""
        ...

    def put_back(self, reason: str) -> None:
        """Some of what this editor sent was refused, and is put back by what it was shown just now."""
        ...

    def reject(self, error: ProtoBaseError) -> None:
        """What this editor sent cannot be applied; nothing of it was."""
        ...

    def resync(self) -> None:
        """The collection failed: what was sent and not shown back may be lost, start again."""
        ...


@dataclass(slots=True)
class Greet:
    """A Yjs client has come; it is greeted with the state vector."""

    editor: Editor


@dataclass(slots=True)
class Sync:
    """A Yjs client wants what it lacks, and from then on every update."""

    editor: Editor
    state: Mapping[int, int]
    """The state vector of what it has."""


@dataclass(slots=True)
class CatchUp:
    """An editor that could not keep up can read again, or has room for the next part of an answer."""

    editor: Editor


@dataclass(slots=True)
class Settle:
    """A Yjs client wants to know when everything before this is durable."""

    editor: Editor
    mark: bytes | None


@dataclass(slots=True)
class Leave:
    """A Yjs client has gone."""

    editor: Editor


LARGE_UPDATE_BYTES = 16 * 1024
"""A larger update is a message of its own, and taken in steps between which others may run."""


@dataclass(slots=True)
class Updates:
    """Updates a Yjs client sent, in order, as they came. Answered when they are taken."""

    editor: Editor
    updates: Sequence[bytes]
    read: Walker | None = None
    """The only update, read already; let go of when it is taken."""
    imported: bool = False
    """Whether what they have of a history that is over is meant to come back."""


@dataclass(slots=True)
class Transact:
    """A transaction on this collection alone. Answered with a cursor once durable."""

    ops: Sequence[Op]
    checks: Sequence[Check]
    author: str | None
    permit: Permit | None = None
    """What whoever asks may see and write here; None: all."""


@dataclass(slots=True)
class Question:
    """A read. Answered once everything it saw is durable."""

    read: Read
    permit: Permit | None = None
    """As in `Transact`; what then takes time has pauses."""


@dataclass(slots=True)
class HashState:
    """A question for the `StateHash`. Answered once everything that it covers is durable."""


@dataclass(slots=True)
class Subscribe:
    """A change stream begins. Answered with a `Subscribed`.

    ``opened`` are the structures whose changes are told even if nobody ever wrote them from here.
    """

    stream: object
    opened: Sequence[Target] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Somebody waits until all that ``wanted`` names was shown here. Answered with a `Reached` then, and also
    when the collection ends.
    """

    wanted: Vector


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a collection is."""

    vector: Vector
    renewed: bool
    """Whether an earlier history of the collection was deleted."""


@dataclass(slots=True)
class Unsubscribe:
    """A change stream has ended, or its beginning was given up."""

    stream: object


@dataclass(slots=True)
class Begin:
    """From now on ``views`` are to be told what is shown. Answered once they know what was shown so far."""

    views: Views


@dataclass(slots=True)
class Hold:
    """A transaction over several collections wants this one to meet the others, and to carry out its part.

    Answered with a cursor once durable; with None if nothing was written here.
    """

    meeting: Meeting
    ops: Sequence[Op]
    checks: Sequence[Check]
    author: str | None
    held: asyncio.Future[None]
    """Done when the collection's turn has come, and takes nothing else until the meeting is over."""
    permit: Permit | None = None
    """As in `Transact`."""


@dataclass(slots=True)
class HoldPart:
    """Transactions of another node over several collections want this one to meet the others, and to show
    its parts with theirs, and what stands between these.

    Answered once durable, with nothing done if the others do nothing either.
    """

    meeting: Meeting
    commits: Sequence[Commit]
    held: asyncio.Future[None]
    """As in `Hold`."""
    history: History | None = None
    """As in `Replicate`."""


@dataclass(slots=True)
class HoldSnapshot:
    """Snapshots of another node are to be shown as one: this collection's with those of others.

    Answered once all are durable, with nothing done if the others do nothing either.
    """

    meeting: Meeting
    snapshot: Snapshot
    together: Sequence[str]
    """The collections that are shown as one."""
    held: asyncio.Future[None]
    """As in `Hold`."""
    history: History | None = None
    """As in `Replicate`."""


@dataclass(slots=True)
class Drop:
    """The collection is to be deleted. Answered when that is durable; then this actor ends."""

    remains: bytes = b""
    """What the deletion left on the node on which it happened; nothing if it happens here.

    Then nothing is done unless the history that it names is above the one here.
    """


@dataclass(slots=True)
class Erase:
    """Of the collection, or of one record, no byte is to be left. Answered when that is so; then this actor
    ends."""

    key: str | None = None
    """The record; what else is visible goes on in another history. None: all of the collection."""


@dataclass(slots=True)
class Reload:
    """What is stored of the collection has become something else, by another process. This actor ends, and
    is answered then; the next one loads it."""


@dataclass(slots=True)
class Restore:
    """The collection is to be what was stored elsewhere. Answered when it is; then this actor ends."""

    stored: Loaded


@dataclass(slots=True)
class Replicate:
    """Commits of other nodes. Answered with `Replicated` once they are durable.

    What is known is left out, and what lacks something that it was made on is held. None is refused for a
    limit of writing.
    """

    commits: Sequence[Commit]
    history: History | None = None
    """Which history of the collection they are of; None: whichever is here."""


@dataclass(slots=True)
class Install:
    """Another node's snapshot, for a collection that is behind what that has in its log.

    Answered with `Replicated` once it is durable. What is only here stays.
    """

    snapshot: Snapshot
    history: History | None = None
    """As in `Replicate`."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """What a collection has then: whoever sent commits sends what ``vector`` lacks, be that held or not."""

    vector: Vector
    held: int
    """Commits that lack something they were made on."""
    history: History = FIRST


@dataclass(slots=True)
class Redo:
    """The storage did not take some turns: the actor is to serve anew what they served."""


def size_of(message: Message) -> int:
    """About how many bytes of what is to be written a message brings."""
    match message:
        case Updates():
            return sum(map(len, message.updates))
        case Transact():
            return sum([weight(op.args) for op in message.ops])
        case Replicate() | HoldPart():
            return sum([len(commit.update) for commit in message.commits])
        case Install() | HoldSnapshot():
            return len(message.snapshot.update)
        case _:
            return 0


Message = (
    Greet
    | Sync
    | CatchUp
    | Settle
    | Leave
    | Updates
    | Transact
    | Question
    | HashState
    | Subscribe
    | Reach
    | Unsubscribe
    | Begin
    | Hold
    | HoldPart
    | HoldSnapshot
    | Drop
    | Erase
    | Reload
    | Restore
    | Replicate
    | Install
    | Redo
)
