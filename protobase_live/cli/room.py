"""One room of another program, as the document of a collection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protobase_live.cli.missing import missing_from
from protobase_live.errors import MalformedUpdate, StorageFailed, ValidationError
from protobase_live.protocol.yjs.structs import Structs, collect, join


class Room:
    """A document, and what lacks something that the store does not have."""

    def __init__(self, name: str, place: str, updates: Iterable[tuple[str, bytes]]) -> None:
        """``updates`` come with the names of their records at ``place``.

        Raises ValidationError, which names the record, for one that is no Yjs update, and what ``updates``
        raises.
        """
        self.name = name
        self._document = Structs()
        lacking = list[bytes]()
        for record, update in updates:
            try:
                rest = self._document.take(update)
            except MalformedUpdate as error:
                raise ValidationError(f"{place!r}: {record}, room {name!r}: {error}") from error
            lacking += [rest.update] if rest else []
        self._lacking = self._taken_again(lacking)

    @property
    def waits(self) -> bool:
        """Whether a part of it is shown to nobody, because what that builds on is not in the store."""
        return bool(self._lacking)

    def missing_from(self, present: Sequence[bytes]) -> Sequence[bytes]:
        """What a collection with the updates ``present`` lacks of it, in updates.

        Raises ValidationError for one that holds something else.
        """
        there, waiting = collect(present)
        missing = [*missing_from(there, self._document, self.name)]
        if self._lacking and join([*waiting, *self._lacking]) != join(waiting):
            missing.append(join(self._lacking))
        return missing

    def check(self, present: Sequence[bytes]) -> None:
        """Raise StorageFailed unless ``present``, what is stored now, has all of it, struct by struct."""
        there, _ = collect(present)
        if self.missing_from(present) or (
            there.vector == self._document.vector and there.differs_from(self._document) is not None
        ):
            raise StorageFailed(f"what is stored of collection {self.name!r} is not what its room holds")

    def _taken_again(self, lacking: list[bytes]) -> list[bytes]:
        """What still lacks something when all has come: a store may have updates in any order."""
        before: list[bytes] | None = None
        while lacking != before:
            before = lacking
            rests = [self._document.take(update) for update in before]
            lacking = [rest.update for rest in rests if rest]
        return lacking
