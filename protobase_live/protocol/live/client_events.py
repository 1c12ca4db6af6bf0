"""What a `ClientSession` tells its owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ProtoBaseError
from protobase_live.protocol.live.server_messages import ChangeForm, RowChangeForm


@dataclass(frozen=True, slots=True)
class Answered:
    """A call succeeded."""

    id: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A call failed, or a stream or view is over."""

    id: int
    error: ProtoBaseError


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream was opened for the first time: it gives everything after ``cursor``."""

    id: int
    cursor: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next changes of a stream, in order and once; `ClientSession.consumed` as they are used."""

    id: int
    changes: Sequence[ChangeForm]


@dataclass(frozen=True, slots=True)
class Differed:
    """What happened to a view's rows up to ``cursor``, to be applied as a whole.

    ``reset``: the rows are to be forgotten first.
    """

    id: int
    cursor: str
    reset: bool
    changes: Sequence[RowChangeForm]


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The server ended a stream or view for a passing reason; `ClientSession.resume` it after a while."""

    id: int
    error: ProtoBaseError


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """States of a collection's clients, None for one that is gone; ``complete``: there are no others."""

    collection: str
    states: Mapping[int, Any]
    complete: bool


@dataclass(frozen=True, slots=True)
class TokenExpiring:
    """The connection ends in so many seconds, unless a fresh token is presented: `ClientSession.renew`."""

    seconds: float


News = Opened | Delivered | Differed
"""What a stream or view brings."""

Event = Answered | Failed | News | Interrupted | PresenceChanged | TokenExpiring
