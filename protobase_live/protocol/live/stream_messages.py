"""What a client says of its streams of changes and views of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from protobase_live.errors import ProtocolError
from protobase_live.model.operations import Target
from protobase_live.protocol.live.fields import Fields

MOST_STRUCTURES = 1_000
"""Structures that a stream may be told to tell, too."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Opens a stream of changes, which this id names from now on. Answered with ``{"cursor": cursor}``.

    ``structures`` are told, too, even if no program has written them: the client has opened them.
    """

    type: ClassVar[str] = "subscribe"
    id: int
    collection: str
    since: str | None
    credit: int
    structures: Sequence[Target] = ()

    @classmethod
    def parse(cls, fields: Fields) -> Subscribe:
        """Raises ProtocolError."""
        since, structures = fields.optional_text("since"), _structures(fields)
        return cls(fields.count("id"), fields.text("collection"), since, fields.count("credit"), structures)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        form = {"id": self.id, "collection": self.collection, "since": self.since, "credit": self.credit}
        return (
            {**form, "structures": [[each.kind, each.path[0]] for each in self.structures]}
            if self.structures
            else form
        )


@dataclass(frozen=True, slots=True)
class Watch:
    """Opens a view of a query's rows, which this id names from now on. Answered with null; a `Difference`
    with what ``since`` lacks, or with all rows, follows.
    """

    type: ClassVar[str] = "watch"
    id: int
    query: Any
    since: str | None

    @classmethod
    def parse(cls, fields: Fields) -> Watch:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.value("query"), fields.optional_text("since"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "query": self.query, "since": self.since}


@dataclass(frozen=True, slots=True)
class More:
    """Grants a stream ``credit`` more changes. Not answered."""

    type: ClassVar[str] = "more"
    subscription: int
    credit: int

    @classmethod
    def parse(cls, fields: Fields) -> More:
        """Raises ProtocolError."""
        return cls(fields.count("subscription"), fields.count("credit"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, "credit": self.credit}


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Ends a stream or view. Answered with null; nothing of it follows the answer."""

    type: ClassVar[str] = "unsubscribe"
    id: int
    subscription: int

    @classmethod
    def parse(cls, fields: Fields) -> Unsubscribe:
        """Raises ProtocolError."""
        return cls(fields.count("id"), fields.count("subscription"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "subscription": self.subscription}


def _structures(fields: Fields) -> tuple[Target, ...]:
    named = fields.pairs("structures")
    if len(named) > MOST_STRUCTURES:
        raise ProtocolError(f"subscribe.structures names {len(named)}; there may be {MOST_STRUCTURES}")
    return tuple(Target(kind, (name,)) for kind, name in named)
