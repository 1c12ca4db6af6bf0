"""What the owner of collections asks others to store before it does so itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from protobase_live.collection.commit_form import commit_of, form_of
from protobase_live.collection.former import History
from protobase_live.errors import ProtocolError
from protobase_live.protocol.packing import as_number, as_text, pack, unpack
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE
from protobase_storage import Commit


@dataclass(frozen=True, slots=True)
class OwnedCommit:
    """A commit, and which history of its collection it is of."""

    history: History
    commit: Commit

    def emptied(self) -> OwnedCommit:
        """The same commit, which does nothing and says of nobody that he did anything."""
        return replace(self, commit=replace(self.commit, update=EMPTY_UPDATE, parts=()))


@dataclass(frozen=True, slots=True)
class Place:
    """Which commit one is, without what it does."""

    collection: str
    history: History
    origin: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """Commits that are stored by a majority, or not at all."""

    previous: tuple[Place, ...]
    """Those of the proposal before this one: who stores this one has them in its log."""
    commits: tuple[OwnedCommit, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Which commits these are."""
        return tuple(
            Place(each.commit.collection, each.history, each.commit.origin, each.commit.sequence)
            for each in self.commits
        )

    def without(self, over: Collection[OwnedCommit]) -> Proposal:
        """The same, with nothing in those commits: nobody takes them any more, but for their places."""
        kept = [each if each not in over else each.emptied() for each in self.commits]
        return Proposal(self.previous, tuple(kept))

    def encode(self) -> bytes:
        """As `decode` reads it."""
        previous = [_form(each) for each in self.previous]
        commits = [(each.commit.collection, each.history, form_of(each.commit)) for each in self.commits]
        return pack([previous, commits])

    @classmethod
    def decode(cls, data: bytes) -> Proposal:
        """Raises ProtocolError."""
        try:
            previous, commits = unpack(data)
            return cls(tuple(_place(*each) for each in previous), tuple(_owned(*each) for each in commits))
        except (TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"a proposal cannot be read: {error}") from error


def _history(raw: Any) -> History:
    number, id = raw
    return History(as_number(number), as_text(id))


def pack_places(places: Iterable[Place]) -> bytes:
    """What `unpack_places` reads."""
    return pack([_form(each) for each in places])


def unpack_places(data: bytes) -> list[Place]:
    """Raises ProtocolError."""
    try:
        return [_place(*each) for each in unpack(data)]
    except (TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"places of commits cannot be read: {error}") from error


def _form(place: Place) -> tuple[Any, ...]:
    return place.collection, place.history, place.origin, place.sequence


def _place(collection: Any, history: Any, origin: Any, sequence: Any) -> Place:
    return Place(as_text(collection), _history(history), as_text(origin), as_number(sequence))


def _owned(collection: Any, history: Any, form: Any) -> OwnedCommit:
    return OwnedCommit(_history(history), commit_of(as_text(collection), *form))
