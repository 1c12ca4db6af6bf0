"""What one turn of a collection will show once it is durable: commits, and what is said to whom.

A turn is data. `Audience` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protobase_actors import Envelope
from protobase_live.collection.editors import Answer
from protobase_live.collection.messages import Editor, Message
from protobase_live.document import Difference, Outcome
from protobase_live.live.table_change import JointChange
from protobase_storage import Commit, Vector

if TYPE_CHECKING:
    from protobase_live.live.views import Views
    from protobase_live.query.engine.table import Table


@dataclass(slots=True)
class AppliedCommit:
    """A commit, and what it means to those who are told of it."""

    commit: Commit
    differences: Sequence[Difference]
    reached: Mapping[int, int]
    """The next clocks of the Yjs clients that wrote."""
    sole: Editor | None = None
    """Whose update it is, if it is nobody else's: he has it."""
    indexes: Sequence[str] | None = None
    """The declared indexes, if the commit may have changed them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Who asked is answered."""

    envelope: Envelope[Message]
    answer: Any = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who asked is told why not."""

    envelope: Envelope[Message]
    error: BaseException


@dataclass(frozen=True, slots=True)
class Receipt:
    """Whose transaction it was is given the cursor that it led to."""

    envelope: Envelope[Message]


@dataclass(frozen=True, slots=True)
class Greeting:
    """A Yjs client is told the state vector, to send what that lacks."""

    editor: Editor
    state: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A Yjs client is told that everything before its mark is durable."""

    editor: Editor
    mark: bytes | None


@dataclass(frozen=True, slots=True)
class PutBack:
    """A Yjs client is told that what it wrote is put back."""

    editor: Editor
    reason: str


@dataclass(frozen=True, slots=True)
class Parting:
    """A Yjs client that has left is forgotten."""

    editor: Editor


@dataclass(frozen=True, slots=True)
class Subscribing:
    """A change stream begins here."""

    envelope: Envelope[Message]
    stream: object


@dataclass(frozen=True, slots=True)
class Reaching:
    """Somebody is told how far the collection is once it is as far as he wants."""

    envelope: Envelope[Message]
    wanted: Vector
    renewed: bool
    """See `Reached`."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """From here on more is told to change streams than before: none resumes from before it."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Queries begin with these records, and are told what is shown from now on."""

    views: Views
    table: Table
    indexes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Installed:
    """Another node's snapshot was taken in: many commits at once, of which nothing else is known."""

    outcome: Outcome | None
    """None if all that it brings was known, from whoever told both nodes."""
    vector: Vector
    """How far the collection is then."""
    indexes: Sequence[str]


Notice = (
    Reply
    | Refusal
    | Receipt
    | Answer
    | Greeting
    | Settled
    | PutBack
    | Parting
    | Subscribing
    | Reaching
    | Renewal
    | Beginning
)


@dataclass(slots=True)
class Turn:
    """The commits of a turn, and what is said behind them, in order."""

    commits: list[AppliedCommit] = field(default_factory=list[AppliedCommit])
    notices: list[Notice] = field(default_factory=list[Notice])
    joint_change: JointChange | None = None
    """What is shown elsewhere, too, with the commits or the snapshot."""
    installed: Installed | None = None
    """A snapshot, which the storage has already or is given as leaps; such a turn has no commits."""
    batch: Sequence[Envelope[Message]] = ()
    """What the turn serves; it is served anew if the storage does not take the turn."""
    moments: list[float] = field(default_factory=list[float])
    """When it passed which gate (`Gates`), if it may have commits."""

    @property
    def written(self) -> list[Envelope[Message]]:
        """The messages whose transactions are in the commits."""
        return [notice.envelope for notice in self.notices if isinstance(notice, Receipt)]

    @property
    def known(self) -> Vector | None:
        """What its transactions have seen, if it has any that write: all that may be stored before them."""
        return self.commits[-1].commit.after if self.commits and self.written else None

    @property
    def stored(self) -> list[Commit]:
        """The commits as the storage has them, and other nodes."""
        return [written.commit for written in self.commits]
