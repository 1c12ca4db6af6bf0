"""What one commit did, as a feed holds it for all who are told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from protobase_live.document import Difference
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor, Half
from protobase_live.model.operations import INDEXES
from protobase_live.structures.splice import splice_of
from protobase_storage import Commit, join

SLICE_CHANGES = 250
"""How many changes are worked out without a pause."""

SLICE_PLACES = 2_500
"""How many of them are put in order without a pause."""

_ITEM_BYTES = 4
"""About how many bytes a character of a text or an item of a list takes."""

_Place = tuple[int, str, str]
"""Where a difference stands in its commit: its part, its structure, its key."""


class Entry:
    """One commit's changes, and the vectors before it and with it.

    The changes are worked out when the first reader comes, once for all readers: they are the same objects.
    """

    def __init__(
        self,
        commit: Commit,
        differences: Sequence[Difference],
        before: Mapping[str, int],
        vector: Mapping[str, int],
    ) -> None:
        self.commit = commit
        self.before = before
        self.vector = vector
        self.size = len(differences) + 1
        """What it counts towards the capacity of a feed."""
        self.bytes = len(commit.update) + sum(map(_bytes_of_its_own, differences))
        """About how many bytes it holds that no other entry does."""
        self._differences = differences
        self._placed: list[tuple[_Place, Difference]] = []
        self._ordered: list[tuple[_Place, Difference]] | None = None
        self._changes: list[Change] = []

    def changes_in_steps(self) -> Generator[None, None, Sequence[Change]]:
        """The changes, with pauses, in an order that depends on the commit alone.

        What one author's part touched last stays together, parts in order; each change's cursor resumes right
        after it, also in the middle of the commit. Several readers may go on with it in turn, and give up.
        """
        if self._ordered is None:
            self._ordered = yield from self._order()
        while (start := len(self._changes)) < len(self._ordered):
            for at in range(start, min(start + SLICE_CHANGES, len(self._ordered))):
                self._changes.append(self._change(at, *self._ordered[at]))
            yield
        return self._changes

    def _order(self) -> Generator[None, None, list[tuple[_Place, Difference]]]:
        place = _places(self.commit)
        while (start := len(self._placed)) < len(self._differences):
            self._placed += [(place(each), each) for each in self._differences[start : start + SLICE_PLACES]]
            yield
        self._placed.sort(key=itemgetter(0))
        return self._placed

    def _change(self, at: int, place: _Place, difference: Difference) -> Change:
        commit, (structure, key, before, value) = self.commit, difference
        part = place[0]
        return Change(
            commit.collection,
            structure,
            "insert" if before is None else "delete" if value is None else "update",
            key,
            before,
            value,
            self._cursor(at + 1),
            commit.parts[part].author if part < len(commit.parts) else None,
            splice=splice_of(key, before, value),
        )

    def _cursor(self, seen: int) -> str:
        """The cursor of who has seen so many of its changes."""
        if seen < len(self._differences):
            return Cursor(self.before, Half(self.commit.origin, self.commit.sequence, seen)).encode()
        return Cursor(after(self.commit, self.before)).encode()


def is_told(structure: str) -> bool:
    """Whether users hear of a structure. Of the one in which indexes are declared they do not: it counts in
    cursors, as a change among those of its commit, and that is all."""
    return structure != INDEXES.path[0]


def after(commit: Commit, before: Mapping[str, int]) -> dict[str, int]:
    """The vector ``before`` with ``commit`` included."""
    return join(before, {commit.origin: commit.sequence})


def _places(commit: Commit) -> Callable[[Difference], _Place]:
    """Says where a difference of a commit stands in it."""
    toucher = {key: n for n, part in enumerate(commit.parts) for key in part.keys}
    last = len(commit.parts)

    def place(difference: Difference) -> _Place:
        structure, key = difference.structure, difference.key
        part = toucher.get((structure, None), last)
        if isinstance(key, str):
            part = toucher.get((structure, key), part)
        return part, structure, str(key)

    return place


def _bytes_of_its_own(difference: Difference) -> int:
    """About how many bytes of a difference nobody else holds.

    A record's new fields are as large as the update that brought them, and what was before is held anyway; a
    text and a list are made anew as a whole with each change.
    """
    whole: Any = difference.after
    if difference.key is None and isinstance(whole, str | list):
        return len(cast("str | list[Any]", whole)) * _ITEM_BYTES
    return 0
