"""Taking back what a Yjs document was told, as the undo manager of Yjs does.

What was inserted is deleted; what was deleted or replaced comes again, as copies in the same places. That
brings back text with its marks, trees, and shared types inside others.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from pycrdt import Array, Doc, Map, Text, UndoManager, XmlFragment

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.structs import Spot, Use
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_live.structures.raw import observe_updates

_TYPES: dict[Use, Any] = {Use.MAP: Map, Use.TEXT: Text, Use.XML: XmlFragment, Use.ARRAY: Array}

_NO_STRUCTS = b"\x00"
"""Before a delete set it makes an update, which there is a reader for."""


class Undoing:
    """Can take back what a document is told from now on, in some of its roots."""

    def __init__(self, doc: Doc[Any], spots: Iterable[Spot]) -> None:
        """To be closed in the end."""
        roots = {spot.root: _TYPES[spot.use] for spot in spots}
        scopes = [doc.get(root, type=kind) for root, kind in roots.items()]
        self._manager = UndoManager(scopes=scopes, capture_timeout_millis=0, timestamp=lambda: 0)
        self._deletes: list[bytes] = []
        self._watch = observe_updates(doc, self._note)

    def _note(self, event: Any) -> None:
        self._deletes.append(event.delete_set)

    def close(self) -> None:
        """Note no more."""
        self._watch.drop()

    def gone(self) -> Mapping[int, Ranges]:
        """The clocks of each client that are deleted since: also those that nobody named, such as what came
        into something that is deleted, or was written under a key where somebody else's stays."""
        found: dict[int, Ranges] = {}
        for delete_set in self._deletes:
            walker = Walker(_NO_STRUCTS + delete_set)
            walker.walk()
            for client, ranges in walker.deletes.items():
                found.setdefault(client, Ranges()).merge(ranges)
        return found

    def undo(self) -> Generator[None, None, None]:
        """Take it back, in a Yjs transaction for each that there was, with pauses between them."""
        while self._manager.can_undo():
            self._manager.undo()
            yield
