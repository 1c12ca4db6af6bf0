"""The kinds of a collection's structures, as the document itself keeps them.

The root map `protobase:structures` has an entry ``name: kind`` for each structure that was written from here.
Anybody may write anything into it: an entry that is no such pair is ignored.

Earlier versions kept the kinds in the root `structures` and the indexes in `indexes`. A root `structures`
that holds nothing but such pairs is still read as theirs, and the indexes stay where it says that they are.
Anything else in it makes it, and `indexes`, a root like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pycrdt import Array, Doc, Map

from protobase_live.document.targets import REGISTRY
from protobase_live.model.names import RECORDS_NAME, RESERVED_PREFIX
from protobase_live.model.operations import INDEXES
from protobase_live.structures import DICT, KINDS, Kind
from protobase_live.structures.raw import map_entries, observe

FORMER_REGISTRY, FORMER_INDEXES = "structures", "indexes"
"""The roots of earlier versions."""

MAX_STRUCTURES = 10_000
"""Most kinds of a collection that are kept; of more, those whose names come first."""


class Registry:
    """The kinds of one document's structures."""

    def __init__(self, doc: Doc[Any]) -> None:
        self.changed = False
        """Whether a Yjs transaction has changed the kinds since somebody cleared it."""
        self._doc = doc
        self._shared: Map[Any] = doc.get(REGISTRY, type=Map)
        self._former: Map[Any] = doc.get(FORMER_REGISTRY, type=Map)
        self._watches = [observe(each, self._on_change) for each in (self._shared, self._former)]

    def _on_change(self, events: Sequence[Any]) -> None:
        self.changed = True

    def kinds(self) -> dict[str, Kind]:
        """The kind of each structure."""
        former = self._former_pairs()
        if former.pop(FORMER_INDEXES, None) is DICT:
            former[INDEXES.path[0]] = DICT
        return former | _pairs(map_entries(self._shared))

    def root_of(self, name: str) -> str:
        """The root that holds a structure: its name, but for the indexes of earlier versions."""
        if name != INDEXES.path[0] or name in _pairs(map_entries(self._shared)):
            return name
        return FORMER_INDEXES if self._former_pairs().get(FORMER_INDEXES) is DICT else name

    def is_former(self, name: str) -> bool:
        """Whether a root is taken by what an earlier version keeps in it."""
        return name in (FORMER_REGISTRY, FORMER_INDEXES) and bool(self._former_pairs())

    def add(self, name: str, kind: Kind) -> None:
        """Note the kind of a structure, inside a Yjs transaction."""
        self._shared[name] = kind.name

    def close(self) -> None:
        """Observe no more."""
        for watch in self._watches:
            watch.drop()
        self._watches.clear()

    def _former_pairs(self) -> dict[str, Kind]:
        """Nothing unless the root is the registry of an earlier version and no root of somebody else's."""
        entries = map_entries(self._former)
        pairs = _pairs(entries)
        mere_pairs = len(pairs) == len(entries) and not len(self._doc.get(FORMER_REGISTRY, type=Array))
        return pairs if mere_pairs else {}


def _pairs(entries: Mapping[str, Any]) -> dict[str, Kind]:
    """Those entries that are a name and a kind."""
    found: dict[str, Kind] = {}
    for name, kind in entries.items():
        if not isinstance(kind, str) or kind not in KINDS or kind == RECORDS_NAME or name == RECORDS_NAME:
            continue
        if name.startswith(RESERVED_PREFIX) and (name, kind) != (INDEXES.path[0], INDEXES.kind):
            continue
        if len(found) == MAX_STRUCTURES:
            break
        found[name] = KINDS[kind]
    return found
