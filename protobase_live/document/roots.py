"""The roots of a document beside the records: which kind each is, and what a turn did to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from pycrdt import Array, Doc, Map, Text

from protobase_live.document.difference import Difference
from protobase_live.document.targets import REGISTRY
from protobase_live.errors import KindMismatch, LimitExceeded
from protobase_live.operations import RECORDS
from protobase_live.structures import KINDS, Kind
from protobase_live.structures.raw import Shared

MAX_ROOTS = 10_000
"""Most structures of a collection; another one fails with LimitExceeded."""


class Roots:
    """The named structures of one document and the registry of their kinds."""

    def __init__(self, doc: Doc[Any]) -> None:
        self.changed: dict[str, None] = {}
        """Names of the roots that Yjs transactions have changed, since somebody cleared it."""
        self.astral = False
        """Whether a character outside the basic plane may be in the document."""
        self._doc = doc
        self._registry: Map[Any] = doc.get(REGISTRY, type=Map)
        self._roots: dict[str, tuple[Kind, Shared]] = {}
        self._registered: set[str] = set()
        self._registry_changed = False
        self._watched = False
        self._plain: dict[str, Any] = {}
        self._touched: dict[str, None] = {}
        self._registry.observe(self._on_registry)

    def _on_registry(self, event: Any) -> None:
        self._registry_changed = True

    def _on_root(self, name: str, events: Sequence[Any]) -> None:
        self.changed[name] = None

    def is_registered(self, name: str) -> bool:
        """Whether the kind of a root is known to everybody."""
        return name in self._registered

    def get(self, kind: Kind, name: str) -> Shared:
        """The root as that kind. Raises KindMismatch and LimitExceeded."""
        shared = self._open(kind, name)
        if self._is_text(kind, name):
            raise KindMismatch(f"{name!r} is a text, not a {kind.name}")
        return shared

    def register(self, kind: Kind, name: str) -> None:
        """Tell everybody which kind a root is that `get` gave, inside a Yjs transaction."""
        if name not in self._registered:
            self._registry[name] = kind.name
            self._registered.add(name)

    def open_registered(self) -> None:
        """Open what was registered since the last look; all of it counts as touched."""
        self._registry_changed = False
        for name, kind in (self._registry.to_py() or {}).items():
            if name in self._registered or name in (REGISTRY, RECORDS.path[0]) or kind not in KINDS:
                continue
            if name in self._roots and self._roots[name][0] is not KINDS[kind]:
                del self._roots[name]  # opened as something else before it was known
            self._open(KINDS[kind], name)
            self._registered.add(name)
            self.changed[name] = None

    def take_changed(self) -> None:
        """Count what has changed as touched by the turn."""
        if self._registry_changed:
            self.open_registered()
        self._touched.update(self.changed)
        self.changed.clear()

    def watch(self, watched: bool) -> None:
        """Say whether somebody wants differences."""
        self._watched = watched
        self._plain = {}
        for name in self._registered if watched else ():
            self._plain[name] = self._plain_root(name)

    def carry_on(self, before: Roots) -> None:
        """Take the place of another view of the same roots; any of them may read otherwise."""
        self._watched, self._plain = before._watched, before._plain
        self._touched = before._touched | dict.fromkeys(self._registered)
        self.changed.clear()

    def differences(self) -> list[Difference]:
        """What the turn did to registered roots, if somebody watches."""
        found: list[Difference] = []
        if self._watched:
            for name in self._touched.keys() & self._registered:
                kind = self._roots[name][0]
                before, after = self._plain.get(name), self._plain_root(name)
                found += [Difference(name, *entry) for entry in kind.differences(before, after)]
                self._plain[name] = after
        return found

    def snapshot(self) -> list[Difference]:
        """Everything in registered roots, as if it had just been inserted."""
        found: list[Difference] = []
        for name in sorted(self._registered):
            kind = self._roots[name][0]
            found += [Difference(name, *entry) for entry in kind.differences(None, self._plain_root(name))]
        return found

    def end_turn(self) -> None:
        """Begin the next turn."""
        self._touched = {}
        self._registry_changed = False
        self.changed.clear()

    def _open(self, kind: Kind, name: str) -> Shared:
        if name in self._roots:
            known, shared = self._roots[name]
            if known is kind:
                return shared
            if name in self._registered:
                raise KindMismatch(f"{name!r} is a {known.name}, not a {kind.name}")
        elif len(self._roots) >= MAX_ROOTS:
            raise LimitExceeded(f"a collection has at most {MAX_ROOTS} structures, asked for or written")
        shared = self._doc.get(name, type=kind.shared_type)
        shared.observe_deep(partial(self._on_root, name))
        self._roots[name] = kind, shared
        return shared

    def _is_text(self, kind: Kind, name: str) -> bool:
        """Whether a list is really a text: pycrdt never returns from reading an emoji as an array."""
        return kind.shared_type is Array and self.astral and str(self._doc.get(name, type=Text)) != ""

    def _plain_root(self, name: str) -> Any:
        kind, shared = self._roots[name]
        return kind.plain_type() if self._is_text(kind, name) else kind.plain(shared)
