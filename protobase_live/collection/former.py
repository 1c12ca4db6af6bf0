"""What a deleted history of a collection leaves: which history is the next, and enough to know a Yjs client
that still has a copy of the deleted one.

A copy is no different from an edit: sent back, it would bring the collection back. A copy names the Yjs
clients that wrote it in its state vector, and who wrote most is named by every copy that is worth the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from protobase_live.errors import (
    CollectionDropped,
    MalformedUpdate,
    ProtocolError,
    Unavailable,
    ValidationError,
)
from protobase_live.protocol.packing import as_bytes, as_number, as_text, pack, unpack
from protobase_live.protocol.yjs.state_vector import decode_state_vector, encode_state_vector
from protobase_live.protocol.yjs.structs import Structs
from protobase_storage import TIMELINE_MARK, CollectionCorrupt, Loaded, Storage

_MARK = b"\0"
"""Begins remains that name a history. Earlier versions left a state vector, never an empty one."""

CHOSEN_IDS = 2**16
"""Yjs chooses client ids below 2**32 at random. Programs choose small ones for content that many documents
begin with: who has that has no copy of anything."""

FORMER_CLIENTS = 250
"""Most Yjs clients that are remembered, those that wrote most; they take at most 4 KiB."""


ERASURE = 2**20
"""How many deletions an erasure counts as, in the number of a history: so it counts above those that are done
elsewhere meanwhile, and each node sees of a history how often the collection was erased before."""


class History(NamedTuple):
    """Which of a collection's histories one is, in the order of nodes that may not know of each other.

    Of two, the greater one is the later one, or was begun while the other was, elsewhere; it takes the place
    of the other everywhere. Collections that were never deleted have the first one.
    """

    number: int = 0
    id: str = ""

    def writer(self, name: str) -> str:
        """Who writes as ``name`` in this history: what commits, and shares of counters, are counted under.

        Another one in each history. One that begins with a backup may have more of what a node wrote before
        than has come to that node when it goes on writing.
        """
        return f"{name}{TIMELINE_MARK}{self.id}" if self.id else name

    def next(self, id: str) -> History:
        """The one after this; ``id`` is a name that nobody had before."""
        return History(self.number + 1, id)

    def erased(self, id: str) -> History:
        """The one after this that begins with an erasure; ``id`` as in `next`."""
        return History((self._erasures + 1) * ERASURE, id)

    def erases(self, here: History) -> bool:
        """Whether nothing of what is ``here`` may be left where this one takes its place."""
        return self._erasures > here._erasures

    @property
    def _erasures(self) -> int:
        return self.number // ERASURE


FIRST = History()


def require_same(collection: str, here: History, theirs: History | None) -> None:
    """Whether what comes from another node is of the history that is here; None: it does not say.

    Raises CollectionDropped if that is over, and Unavailable if the one here is: nobody has said so yet.
    """
    if theirs is not None and theirs < here:
        raise CollectionDropped(f"{collection!r} was deleted, and this is of before; nothing of it was taken")
    if theirs is not None and theirs > here:
        raise Unavailable(f"{collection!r} was deleted elsewhere, which has to be told here first")


def of_another_history(collection: str, origin: str, sequence: int) -> ValidationError:
    """What is raised for a commit in whose place another one is here."""
    return ValidationError(
        f"commit {origin}:{sequence} of {collection!r} is of another history: here another one is in its "
        f"place; stop one of the two nodes, and start it with an empty folder"
    )


def remains_of(stored: Loaded, id: str) -> bytes:
    """What is left when a history is deleted that nobody has loaded, as far as it can be read.

    ``id`` names the next history.
    """
    structs = Structs()
    for update in stored.updates:
        with suppress(MalformedUpdate):
            structs.take(update, lenient=True)
    former = Former(stored.remains)
    return former.remains(structs.vector, former.history.next(id))


async def delete_unread(storage: Storage, collection: str, remains: bytes, id: str) -> bytes:
    """Delete what cannot be loaded; the Yjs clients that wrote it are not known. Answers with what is left.

    ``remains`` and ``id`` as in `Drop` and `remains_of`. Raises StorageError.
    """
    here = await _remains_here(storage, collection)
    remains = remains or Former(here).remains({}, history_of(here).next(id))
    await take_place(storage, collection, history_of(here), remains)
    return remains


async def erase_unread(storage: Storage, collection: str, id: str) -> bytes:
    """Erase what cannot be loaded, as `delete_unread` deletes it. Raises StorageError."""
    here = await _remains_here(storage, collection)
    remains = Former(here).remains({}, history_of(here).erased(id))
    await storage.erase(collection, remains)
    return remains


async def take_place(storage: Storage, collection: str, here: History, remains: bytes) -> None:
    """Store ``remains`` in the place of a collection that is ``here``: delete or erase it, as they say."""
    erases = history_of(remains).erases(here)
    await (storage.erase if erases else storage.delete)(collection, remains)


async def _remains_here(storage: Storage, collection: str) -> bytes:
    try:
        return (await storage.standing(collection)).remains
    except CollectionCorrupt:
        return b""


class Former:
    """The Yjs clients of the histories that were deleted."""

    def __init__(self, remains: bytes = b"") -> None:
        """``remains`` is what `remains` gave at the last deletion. Raises ValidationError."""
        self.history, self.clients = _read(remains)
        """What is there now has this history; those before it were deleted. The clocks that their Yjs clients
        had reached."""

    def remains(self, vector: Mapping[int, int], history: History) -> bytes:
        """What is left when a history with the state vector ``vector`` is deleted, too; the next is named."""
        known = {client: clock for client, clock in vector.items() if client >= CHOSEN_IDS}
        clients = sorted({**self.clients, **known}.items(), key=lambda each: each[1], reverse=True)
        return _MARK + pack([*history, encode_state_vector(dict(clients[:FORMER_CLIENTS]))])

    def joined(self, remains: bytes, vector: Mapping[int, int]) -> bytes:
        """What is left when a history is deleted because it was elsewhere, which left ``remains``."""
        other = Former(remains)
        return self.remains({**other.clients, **vector}, other.history)

    def has_left(self, state: Mapping[int, int], vector: Mapping[int, int]) -> bool:
        """Whether somebody with the state vector ``state`` has a copy of what was deleted.

        What the collection, with the state vector ``vector``, has again is no such copy.
        """
        return any(state.get(client) and client not in vector for client in self.clients)


def history_of(remains: bytes) -> History:
    """The history of a collection whose last deletion left ``remains``. Raises ValidationError."""
    return _read(remains)[0]


def _read(remains: bytes) -> tuple[History, dict[int, int]]:
    try:
        if remains[:1] != _MARK:
            return (History(1) if remains else FIRST), decode_state_vector(remains) if remains else {}
        number, id, state = unpack(remains[1:])
        return History(as_number(number), as_text(id)), decode_state_vector(as_bytes(state))
    except (ValueError, TypeError, ProtocolError) as error:
        raise ValidationError(f"what was left of a deleted collection cannot be read: {error}") from error
