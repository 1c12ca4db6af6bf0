"""What a server of the live protocol says (``docs/protocol.md``), as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, cast

from protobase_live.errors import ProtocolError
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.fields import MAX_ID, Fields
from protobase_live.protocol.live.limits import VERSION, WelcomeLimits

ChangeForm = Mapping[str, Any]
"""A change on the wire: structure, kind, key, before, after, cursor, author; where it has them, omitted and
splice."""

RowChangeForm = Sequence[Any]
"""A change of a view's rows on the wire: its kind, then the position or positions, then the row."""

_POSITIONS = {"insert": 1, "update": 1, "delete": 1, "move": 2}
"""The kinds of changes of rows, with how many positions they have."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to `Hello`."""

    type: ClassVar[str] = "welcome"
    session: str
    limits: WelcomeLimits
    version: int = VERSION

    @classmethod
    def parse(cls, fields: Fields) -> Welcome:
        """Raises ProtocolError."""
        limits = fields.part("limits")
        told = WelcomeLimits(
            message_bytes=limits.count("message_bytes"),
            answer_bytes=limits.count("answer_bytes"),
            heartbeat_seconds=limits.number("heartbeat_seconds"),
            requests=limits.count("requests"),
            subscriptions=limits.count("subscriptions"),
            credit=limits.count("credit"),
            presences=limits.count("presences"),
            operations=limits.count("operations"),
            difference=limits.optional_count("difference") or 0,
            seen=limits.optional_count("seen") or 0,
        )
        return cls(fields.text("session"), told, fields.count("version"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"version": self.version, "session": self.session, "limits": asdict(self.limits)}


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a request, or a part of a list: ``more`` says that the next part follows."""

    type: ClassVar[str] = "result"
    id: int
    value: Any = None
    more: bool = False

    @classmethod
    def parse(cls, fields: Fields) -> Result:
        """Raises ProtocolError."""
        value, more = fields.value("value"), fields.optional_flag("more")
        if more and not isinstance(value, list):
            raise ProtocolError(f"result.value has to be a list where there is more, not {repr(value)[:60]}")
        return cls(fields.count("id"), value, more)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, "value": self.value, **({"more": True} if self.more else {})}


@dataclass(frozen=True, slots=True)
class Error:
    """The answer to a request that failed; without an id, to a message that had none."""

    type: ClassVar[str] = "error"
    id: int | None
    failure: Failure

    @classmethod
    def parse(cls, fields: Fields) -> Error:
        """Raises ProtocolError."""
        return cls(fields.optional_count("id"), Failure.parse(fields))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"id": self.id, **self.failure.form()}


@dataclass(frozen=True, slots=True)
class Changes:
    """The next changes of a stream, in order."""

    type: ClassVar[str] = "changes"
    subscription: int
    changes: Sequence[ChangeForm]

    @classmethod
    def parse(cls, fields: Fields) -> Changes:
        """Raises ProtocolError."""
        changes = [_parse_change(raw) for raw in fields.items("changes")]
        return cls(fields.count("subscription"), changes)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, "changes": self.changes}


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to a view's rows, or a part of it: ``more`` says that another part follows.

    ``cursor`` and ``reset`` are the same in all parts and hold for the whole.
    """

    type: ClassVar[str] = "difference"
    subscription: int
    cursor: str
    reset: bool
    more: bool
    changes: Sequence[RowChangeForm]

    @classmethod
    def parse(cls, fields: Fields) -> Difference:
        """Raises ProtocolError."""
        changes = [_parse_row_change(raw) for raw in fields.items("changes")]
        reset, more = fields.flag("reset"), fields.flag("more")
        return cls(fields.count("subscription"), fields.text("cursor"), reset, more, changes)

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "subscription": self.subscription,
            "cursor": self.cursor,
            "reset": self.reset,
            "more": self.more,
            "changes": self.changes,
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """A stream or view is over, for the reason told."""

    type: ClassVar[str] = "ended"
    subscription: int
    failure: Failure

    @classmethod
    def parse(cls, fields: Fields) -> Ended:
        """Raises ProtocolError."""
        return cls(fields.count("subscription"), Failure.parse(fields))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"subscription": self.subscription, **self.failure.form()}


@dataclass(frozen=True, slots=True)
class Presence:
    """States of a collection's clients as they are now; None for a client that is gone.

    ``complete``: whoever is not in it is gone too (the first after a `Join`).
    """

    type: ClassVar[str] = "presence"
    collection: str
    states: Mapping[int, Any]
    complete: bool = False

    @classmethod
    def parse(cls, fields: Fields) -> Presence:
        """Raises ProtocolError."""
        states: dict[int, Any] = {}
        for client, state in fields.mapping("states").items():
            if not client.isascii() or not client.isdecimal():
                raise ProtocolError(f"presence.states has client ids as keys, not {client[:60]!r}")
            states[int(client)] = state
        return cls(fields.text("collection"), states, fields.flag("complete"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        states = {str(client): state for client, state in self.states.items()}
        return {"collection": self.collection, "states": states, "complete": self.complete}


@dataclass(frozen=True, slots=True)
class Expiring:
    """The client's token ends in so many seconds, and the connection with it: time for `Renew`."""

    type: ClassVar[str] = "expiring"
    seconds: float

    @classmethod
    def parse(cls, fields: Fields) -> Expiring:
        """Raises ProtocolError."""
        return cls(fields.number("seconds"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Bye:
    """The server is going away and closes the connection next; a client connects again."""

    type: ClassVar[str] = "bye"
    reason: str = field(default="")

    @classmethod
    def parse(cls, fields: Fields) -> Bye:
        """Raises ProtocolError."""
        return cls(fields.text("reason"))

    def form(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"reason": self.reason}


def smaller_forms(change: ChangeForm) -> Iterator[ChangeForm]:
    """A change that is too large, at least once, each time with less: without what was before, then without
    both values. What it leaves out already is left out of all of them, and so is its splice.
    """
    for omitted in (["before"], ["before", "after"]):
        if set(change.get("omitted", ())) <= set(omitted):
            kept = {name: value for name, value in change.items() if name != "splice"}
            yield {**kept, **dict.fromkeys(omitted), "omitted": omitted}


ServerMessage = Welcome | Result | Error | Changes | Difference | Ended | Presence | Expiring | Bye


def _parse_change(raw: Any) -> ChangeForm:
    if not isinstance(raw, dict):
        raise ProtocolError(f"changes.changes has to hold objects, not {repr(raw)[:60]}")
    found = cast("dict[str, Any]", raw)
    fields = Fields({"type": "changes.changes", **found})
    form = {
        "structure": fields.text("structure"),
        "kind": fields.text("kind"),
        "key": fields.value("key"),
        "before": fields.value("before"),
        "after": fields.value("after"),
        "cursor": fields.text("cursor"),
        "author": fields.optional_text("author"),
    }
    if "omitted" in found:
        form["omitted"] = _parse_omitted(fields.items("omitted"))
    if "splice" in found:
        form["splice"] = _parse_splice(fields.items("splice"))
    return form


def _parse_omitted(names: Sequence[Any]) -> list[str]:
    if not all(name in ("before", "after") for name in names):
        raise ProtocolError(f"changes.changes.omitted has to hold before and after, not {repr(names)[:60]}")
    return list(names)


def _parse_splice(parts: Sequence[Any]) -> list[Any]:
    if [type(part) for part in parts] != [int, int, str] or not all(0 <= at <= MAX_ID for at in parts[:2]):
        expected = "[start, deleted, inserted]"
        raise ProtocolError(f"changes.changes.splice has to be {expected}, not {repr(parts)[:60]}")
    return list(parts)


def _parse_row_change(raw: object) -> RowChangeForm:
    parts = cast("list[Any]", raw) if isinstance(raw, list) and raw else [None]
    kind, *rest = parts
    count = _POSITIONS.get(kind) if isinstance(kind, str) else None
    if count is None:
        raise _wrong_change(parts, f"[kind, position ...] with a kind of {', '.join(_POSITIONS)}")
    if len(rest) < count or not all(type(at) is int and 0 <= at <= MAX_ID for at in rest[:count]):
        raise _wrong_change(parts, f"{count} of 0, 1, 2 ... for {kind}")
    if [isinstance(row, dict) for row in rest[count:]] != ([] if kind == "delete" else [True]):
        raise _wrong_change(parts, f"{'no' if kind == 'delete' else 'one'} row for {kind}")
    return parts


def _wrong_change(raw: object, expected: str) -> ProtocolError:
    return ProtocolError(f"difference.changes has to hold {expected}, not {repr(raw)[:60]}")
