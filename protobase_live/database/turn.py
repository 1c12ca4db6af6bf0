"""What one turn of a collection will show once it is durable: commits, and what is said to whom.

A turn is data. `Audience` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protobase_actors import Envelope
from protobase_live.database.editors import Answer
from protobase_live.database.messages import Message, Subscriber
from protobase_live.document import Difference, Outcome
from protobase_live.live.show import Together
from protobase_storage import Commit, Vector

if TYPE_CHECKING:
    from protobase_live.live.views import Views
    from protobase_live.query.table import Table


@dataclass(slots=True)
class Written:
    """A commit, and what it means to those who are told of it."""

    commit: Commit
    differences: Sequence[Difference]
    reached: Mapping[int, int]
    """The next clocks of the Yjs clients that wrote."""
    sole: Subscriber | None = None
    """Whose update it is, if it is nobody else's: he has it."""
    indexes: Sequence[str] | None = None
    """The declared indexes, if the commit may have changed them."""
    together: Together | None = None
    """What else the transaction shows of which this is a part."""


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

    subscriber: Subscriber
    state: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """A Yjs client is told that everything before its mark is durable."""

    subscriber: Subscriber
    mark: bytes | None


@dataclass(frozen=True, slots=True)
class Parting:
    """A Yjs client that has left is forgotten."""

    subscriber: Subscriber


@dataclass(frozen=True, slots=True)
class Watching:
    """A change stream begins here."""

    envelope: Envelope[Message]
    stream: object


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

    outcome: Outcome
    vector: Vector
    """How far the collection is then."""
    indexes: Sequence[str]


Showing = Reply | Refusal | Receipt | Answer | Greeting | Settled | Parting | Watching | Renewal | Beginning


@dataclass(slots=True)
class Turn:
    """The commits of a turn, and what is said behind them, in order."""

    commits: list[Written] = field(default_factory=list[Written])
    showings: list[Showing] = field(default_factory=list[Showing])
    installed: Installed | None = None
    """A snapshot that the storage has already; such a turn has no commits."""
    batch: Sequence[Envelope[Message]] = ()
    """What the turn serves; it is served anew if the storage does not take the turn."""
