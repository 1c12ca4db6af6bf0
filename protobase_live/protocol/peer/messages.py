"""What the nodes of a cluster say to each other: MessagePack of ``[kind, ...]``, a message each.

A kind that is not known is left out, so that a later release may say more. A history is ``[number, id]``: of
two of a collection the greater one counts. A commit is packed by itself, once for all nodes
(`collection/commit_form.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ProtocolError
from protobase_live.model.names import MAX_NODE_BYTES
from protobase_live.protocol.packing import as_bytes, as_number, as_text, as_vector, pack, unpack

MAX_VERSIONS = 64
"""Versions of the protocol that a node may say it speaks."""

History = tuple[int, str]
Position = tuple[History, Mapping[str, int]]
"""How far a collection is: which history, and what of that."""


@dataclass(frozen=True, slots=True)
class Introduce:
    """Both begin with it. ``[0, node, versions, nonce]``."""

    node: str
    """Its id, which no other node of the cluster has."""
    versions: tuple[int, ...]
    """Of the protocol, which it speaks."""
    nonce: bytes
    """Random, for this connection alone."""


@dataclass(frozen=True, slots=True)
class Prove:
    """The answer to the other's `Introduce`. ``[1, proof]``."""

    proof: bytes


@dataclass(frozen=True, slots=True)
class Standings:
    """How far collections are here. ``[2, {collection: position}, complete]``.

    Both begin with all of theirs, in parts; ``complete`` is true with the last one.
    """

    positions: Mapping[str, Position]
    complete: bool


@dataclass(frozen=True, slots=True)
class Commits:
    """Commits in the order of this node's logs. ``[3, number, {collection: [history, [commit, ...]]}]``.

    All parts of a transaction over several collections are in one message. ``number`` counts these messages.
    """

    number: int
    commits: Mapping[str, tuple[History, Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Taken:
    """The `Commits` with this number, and all before, are durable. ``[4, number, {...}, {...}]``.

    ``positions``: where collections are of which something is lacking still; it is to be sent from there.
    ``failures``: why something of a collection was not taken, and whether it may be later.
    """

    number: int
    positions: Mapping[str, Position]
    failures: Mapping[str, tuple[str, bool]]

    @property
    def is_plain(self) -> bool:
        """Whether nothing is lacking."""
        return not self.positions and not self.failures


@dataclass(frozen=True, slots=True)
class Deleted:
    """A collection was deleted, which has left ``remains``. ``[5, collection, remains]``."""

    collection: str
    remains: bytes


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """A part of what a collection came to, in order: of the packed list of the updates that have made it.

    ``[6, collection, history, vector, time, part, last, more]``. With ``more`` another collection follows,
    and both are to be shown as one.
    """

    collection: str
    history: History
    vector: Mapping[str, int]
    time: float
    """In Unix seconds."""
    part: bytes
    last: bool
    more: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """This node lives. ``[7, linked]``: the other nodes that it is linked with."""

    linked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is in collections, as awareness payloads. ``[8, {collection: payload}]``."""

    payloads: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """A question. ``[9, number, name, body]``: ``number`` counts these."""

    number: int
    name: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to the `Call` with this number. ``[10, number, body]``; nil: there is none."""

    number: int
    body: bytes | None


PeerMessage = (
    Introduce | Prove | Standings | Commits | Taken | Deleted | SnapshotPart | Beat | Presence | Call | Answer
)


def encode(message: PeerMessage) -> bytes:
    """``message`` as bytes."""
    return pack(_form(message))


def decode(data: bytes) -> PeerMessage | None:
    """The message in ``data``; None for one of a kind that is not known here. Raises ProtocolError."""
    raw = unpack(data)
    if not isinstance(raw, tuple) or not raw or not isinstance(raw[0], int):
        raise ProtocolError("a message of another node is not [kind, ...]")
    if not 0 <= raw[0] < len(_READERS):
        return None
    try:
        return _READERS[raw[0]](*raw[1:])
    except (TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"a message of another node of kind {raw[0]} cannot be read: {error}") from error


def _form(message: PeerMessage) -> Sequence[Any]:
    match message:
        case Introduce():
            return 0, message.node, message.versions, message.nonce
        case Prove():
            return 1, message.proof
        case Standings():
            return 2, message.positions, message.complete
        case Commits():
            return 3, message.number, message.commits
        case Taken():
            return 4, message.number, message.positions, message.failures
        case Deleted():
            return 5, message.collection, message.remains
        case SnapshotPart():
            place = message.collection, message.history, message.vector, message.time
            return 6, *place, message.part, message.last, message.more
        case Beat():
            return 7, message.linked
        case Presence():
            return 8, message.payloads
        case Call():
            return 9, message.number, message.name, message.body
        case Answer():
            return 10, message.number, message.body


def _introduce(node: Any, versions: Any, nonce: Any) -> Introduce:
    if len(as_text(node).encode()) > MAX_NODE_BYTES or len(versions) > MAX_VERSIONS:
        raise ValueError(f"an id has at most {MAX_NODE_BYTES} bytes, and there are {MAX_VERSIONS} versions")
    return Introduce(node, tuple(map(as_number, versions)), as_bytes(nonce))


def _prove(proof: Any) -> Prove:
    return Prove(as_bytes(proof))


def _standings(positions: Any, complete: Any) -> Standings:
    return Standings(_positions(positions), bool(complete))


def _commits(number: Any, commits: Any) -> Commits:
    told = {
        as_text(name): (_history(history), tuple(map(as_bytes, packed)))
        for name, (history, packed) in commits.items()
    }
    return Commits(as_number(number), told)


def _taken(number: Any, positions: Any, failures: Any) -> Taken:
    told = {as_text(name): (as_text(why), bool(later)) for name, (why, later) in failures.items()}
    return Taken(as_number(number), _positions(positions), told)


def _deleted(collection: Any, remains: Any) -> Deleted:
    return Deleted(as_text(collection), as_bytes(remains))


def _snapshot_part(
    collection: Any, history: Any, vector: Any, time: Any, part: Any, last: Any, more: Any
) -> SnapshotPart:
    place = as_text(collection), _history(history), as_vector(vector), float(time)
    return SnapshotPart(*place, as_bytes(part), bool(last), bool(more))


def _beat(linked: Any) -> Beat:
    return Beat(tuple(map(as_text, linked)))


def _presence(payloads: Any) -> Presence:
    return Presence({as_text(name): as_bytes(payload) for name, payload in payloads.items()})


def _call(number: Any, name: Any, body: Any) -> Call:
    return Call(as_number(number), as_text(name), as_bytes(body))


def _answer(number: Any, body: Any) -> Answer:
    return Answer(as_number(number), None if body is None else as_bytes(body))


def _positions(raw: Any) -> dict[str, Position]:
    return {as_text(name): (_history(history), as_vector(vector)) for name, (history, vector) in raw.items()}


def _history(raw: Any) -> History:
    number, id = raw
    return as_number(number), as_text(id)


_READERS: tuple[Callable[..., PeerMessage], ...] = (
    _introduce,
    _prove,
    _standings,
    _commits,
    _taken,
    _deleted,
    _snapshot_part,
    _beat,
    _presence,
    _call,
    _answer,
)
"""By kind."""
