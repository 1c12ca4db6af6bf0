"""A change: one record or structure as a commit left it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ChangeKind = Literal["insert", "update", "delete", "reset"]


@dataclass(frozen=True, slots=True)
class Change:
    """One record or structure entry as a commit left it.

    ``structure`` is ``"records"`` or the name of a structure; ``key`` the record's key, the dictionary's
    key or the set's element, None where the structure is one value (a text, a list, a counter).
    ``before`` and ``after`` are plain values, None for absent. ``cursor`` resumes right after this change.

    ``kind`` ``"reset"`` marks a gap: the log no longer reaches back to where the reader was. What the
    reader knows is to be forgotten; an ``"insert"`` for everything that now exists follows. Until the
    last of these, the cursor still points to where the reader was, so a reader that stops in the middle
    is given the snapshot again.
    """

    collection: str
    structure: str
    kind: ChangeKind
    key: Any
    before: Any
    after: Any
    cursor: str
    author: str | None = None
    omitted: tuple[str, ...] = ()
    """Which of ``before`` and ``after`` are not told, because they are too large for a message: a change of
    a long text then has its ``splice``, unless that is too large, too; everything else is to be read where it
    is."""
    splice: tuple[int, int, str] | None = None
    """What an update did to a text: where it begins, how many characters it deletes there, and what it
    inserts. Positions count Unicode code points."""
