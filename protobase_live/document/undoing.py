"""Taking back what a Yjs document was told, as the undo manager of Yjs does.

What was inserted is deleted; what was deleted or replaced comes again, as copies in the same places. That
brings back text with its marks, trees, and shared types inside others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pycrdt import Array, Doc, Map, Text, UndoManager, XmlFragment

from protobase_live.protocol.yjs.structs import Spot, Use
from protobase_live.protocol.yjs.update_walker import Walker

_TYPES: dict[Use, Any] = {Use.MAP: Map, Use.TEXT: Text, Use.XML: XmlFragment, Use.ARRAY: Array}

_NO_STRUCTS = b"\x00"
"""Before a delete set it makes an update, which there is a reader for."""


class Undoing:
    """Can take back what a document is told from now on, in some of its roots."""

    def __init__(self, doc: Doc[Any], spots: Iterable[Spot]) -> None:
        roots = {spot.root: _TYPES[spot.use] for spot in spots}
        scopes = [doc.get(root, type=kind) for root, kind in roots.items()]
        self._manager = UndoManager(scopes=scopes, capture_timeout_millis=0, timestamp=lambda: 0)

    @property
    def deleted(self) -> int:
        """How many clocks were deleted since: what `undo` has to put back."""
        manager: Any = self._manager
        return sum(_clocks(item.deletions.encode()) for item in manager.undo_stack)

    def undo(self) -> None:
        """Take it back, in a Yjs transaction for each that there was."""
        while self._manager.can_undo():
            self._manager.undo()


def _clocks(delete_set: bytes) -> int:
    walker = Walker(_NO_STRUCTS + delete_set)
    walker.walk()
    return sum(end - start for ranges in walker.deletes.values() for start, end in ranges)
