"""What is done to a collection, as plain data: the one form that handles make, transactions buffer,
the wire carries and a collection's actor carries out.

Arguments and results are user values (see :mod:`protobase_live.model.values`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from protobase_live.model.durability import Durability
from protobase_live.model.names import RECORDS_NAME, RESERVED_PREFIX, with_article
from protobase_live.model.values import quoted

MAX_ASKED_CHARS = 80
"""How much of a question's arguments a message tells."""


def a_kind(name: str) -> str:
    """A structure of this kind, for messages: ``a list``, ``an xml_fragment``, and of the one that a
    collection always has, ``the records``."""
    return f"the {name}" if name == RECORDS.kind else with_article(name)


class Target(NamedTuple):
    """A structure of a collection: its kind and where it is.

    ``path`` is ``(name,)`` for a root, or ``("records", key, field)`` for a merging field of a record.
    """

    kind: str
    path: tuple[str, ...]

    def __str__(self) -> str:
        """Where it is in its collection, for messages."""
        if len(self.path) == 3:
            return f"field {quoted(self.path[2])} of record {quoted(self.path[1])}"
        return quoted(self.path[0])


RECORDS = Target("records", (RECORDS_NAME,))

INDEXES = Target("dict", (RESERVED_PREFIX + "indexes",))
"""Where a collection declares its indexes: a dictionary whose keys say which fields they are of."""


class Op(NamedTuple):
    """One write: ``action`` is a verb of the target's kind."""

    target: Target
    action: str
    args: tuple[Any, ...] = ()


class CheckedOp(Op):
    """A write whose arguments have their final form (`Kind.check`) and are held by nobody else.

    A handle checks at the call and writes these, so that the collection does not check them again. What came
    over a wire is a mere Op, and is checked there. The two are equal where they say the same.
    """

    __slots__ = ()


DELETING = frozenset({"delete", "remove", "clear"})
"""The actions that take away and add nothing, whatever kind they are of."""


class Read(NamedTuple):
    """One question: ``method`` is a question of the target's kind."""

    target: Target
    method: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """What is asked for, for messages: ``the record 'ann'``, ``the dict 'options' (get 'theme')``."""
        kind, path = self.target
        if self.target == RECORDS and self.method == "get":
            return f"the record {', '.join(map(repr, self.args))}"
        asked = f"{self.method} {', '.join(map(repr, self.args))}".rstrip()
        cut = asked if len(asked) <= MAX_ASKED_CHARS else f"{asked[: MAX_ASKED_CHARS - 3]}..."
        named = f"the {kind} {self.target}" if len(path) == 1 else f"the {self.target}"
        return f"{'the records' if self.target == RECORDS else named} ({cut})"


class Check(NamedTuple):
    """What a transaction relies on: the digest of an answer it was given (see ``values.digest``)."""

    collection: str
    read: Read
    digest: bytes


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What a collection occupies. ``corrupt`` says what is wrong where that could not be read (and is 0).

    ``read_only`` says why the last write to it was not stored; None if it was, or if nobody has it open.
    """

    name: str
    snapshot_bytes: int
    log_commits: int
    log_bytes: int
    corrupt: str | None = None
    read_only: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The acknowledgement of a durable commit: a cursor for each collection it wrote."""

    cursors: Mapping[str, str]
    nodes: int = 1
    """On how many nodes it is known to be durable."""


class Port(Protocol):
    """Where a handle sends its operations: a database, a connection, or a transaction that buffers."""

    def write(
        self, collection: str, ops: Sequence[Op], durability: Durability | None = None
    ) -> Awaitable[None]:
        """Carry out ``ops`` on one collection, all or none. ``durability`` as for `Backend.commit`."""
        ...

    def read(self, collection: str, read: Read) -> Awaitable[Any]:
        """Answer ``read``; everything the answer shows is durable."""
        ...


class Backend(Protocol):
    """What a database offers to transactions, embedded or over the wire."""

    async def read(self, collection: str, read: Read) -> Any:
        """Answer ``read``; everything the answer shows is durable."""
        ...

    async def commit(
        self,
        writes: Mapping[str, Sequence[Op]],
        checks: Sequence[Check] = (),
        author: str | None = None,
        durability: Durability | None = None,
    ) -> Receipt:
        """Carry out all ``writes`` or none, if every check still holds.

        ``durability`` None: that of the database. Raises Conflict if a check fails, and whatever is wrong
        with an operation; NotReplicated if it is done, and not known to be as durable in time.
        """
        ...
