"""The roots of a document beside the records: which kind each is, and what a turn did to them.

A root is known here, and its changes are told, if its kind is registered or somebody follows it. Any other is
looked at afresh whenever it is read, and leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from pycrdt import Array, Doc, Subscription

from protobase_live.document.difference import Difference
from protobase_live.document.registry import MAX_STRUCTURES, Registry
from protobase_live.document.shapes import fits, holds_text, shape_of
from protobase_live.document.targets import kind_at
from protobase_live.errors import KindMismatch, LimitExceeded
from protobase_live.model.operations import Target, a_kind
from protobase_live.structures import Kind
from protobase_live.structures.following import Following, Source, following
from protobase_live.structures.kept_keys import KeptKeys
from protobase_live.structures.raw import Shared, observe, root_names

MAX_FOLLOWED = 1_000
"""Most structures that nobody registered whose changes are told, and most of them that are made for it as
long as a document is in memory; another one fails with LimitExceeded."""


class Known(NamedTuple):
    """A root whose changes are told."""

    kind: Kind
    root: str
    shared: Shared | KeptKeys
    watch: Subscription


class Roots:
    """The named structures of one document."""

    def __init__(self, doc: Doc[Any]) -> None:
        self.changed: dict[str, None] = {}
        """Names of the structures that Yjs transactions have changed, since somebody cleared it."""
        self._doc = doc
        self._registry = Registry(doc)
        self._registered: dict[str, Known] = {}
        self._followed: dict[str, Known] = {}
        self._told = False
        self._following: dict[str, Following] = {}
        """What was told of each structure, while that is wanted."""
        self._touched: dict[str, None] = {}
        self._existing: set[str] = set()
        self._looks = True
        """Whether it has to be looked for a root that is not among these."""
        self._made = 0
        """How many roots were made by following them; pycrdt lets go of none."""

    def close(self) -> None:
        """Observe no more."""
        self._registry.close()
        for known in (*self._registered.values(), *self._followed.values()):
            known.watch.drop()
        self._registered, self._followed, self._following = {}, {}, {}

    # kinds

    def is_registered(self, name: str) -> bool:
        """Whether the kind of a structure is known to everybody."""
        return name in self._registered

    def get(self, kind: Kind, name: str) -> Shared | KeptKeys | None:
        """The structure as that kind, None for one that nobody wrote. Raises KindMismatch."""
        if known := self._registered.get(name):
            if known.kind is not kind:
                raise KindMismatch(f"{name!r} is {a_kind(known.kind.name)}, not {a_kind(kind.name)}")
            if not _readable(self._doc, known):
                raise KindMismatch(f"{name!r} holds a text, not {a_kind(kind.name)}")
            return known.shared
        if self._registry.is_former(name):
            raise KindMismatch(f"{name!r} holds what an earlier version kept in it; choose another name")
        root = self._registry.root_of(name)
        if not self._exists(root):
            return None
        shared = self._doc.get(
            root, type=kind.shared_type
        )  # first: its events are of what it is opened as first
        shape = shape_of(self._doc, root)
        if shape is not None and not fits(kind, shape, self._doc, root):
            raise KindMismatch(f"{name!r} holds {a_kind(shape.name)}, not {a_kind(kind.name)}")
        return shared

    def register(self, kind: Kind, name: str) -> Shared | KeptKeys:
        """The structure, to be written: from now on everybody knows its kind. Inside a Yjs transaction."""
        if name not in self._registered:
            self._registry.add(name, kind)
            self._admit(kind, name)
        return self._registered[name].shared

    def require_room(self, names: Collection[str]) -> None:
        """Raise LimitExceeded if with these there would be too many structures."""
        new = sum(name not in self._registered for name in names)
        if new and len(self._registered) + new > MAX_STRUCTURES:
            raise LimitExceeded(f"a collection has at most {MAX_STRUCTURES} structures")

    def follow(self, target: Target) -> None:
        """While structures are told, tell the changes of a structure, too, that nobody has registered.

        Raises KindMismatch and LimitExceeded.
        """
        name, kind = target.path[0], kind_at(target)
        if not self._told or name in self._registered or name in self._followed:
            return
        makes = not self._exists(self._registry.root_of(name))
        if len(self._followed) >= MAX_FOLLOWED or (makes and self._made >= MAX_FOLLOWED):
            raise LimitExceeded(
                f"at most {MAX_FOLLOWED} structures of a collection that nobody wrote are open while its "
                "changes are told"
            )
        self.get(kind, name)
        self._made += makes
        self._followed[name] = known = self._open(kind, name)
        self._follow_from_now(name, known)

    def follow_all(self, targets: Iterable[Target]) -> None:
        """Follow as many of them as can be, with one look at which there are."""
        if not self._told:
            return
        with self._looking_once():
            for target in targets:
                if len(self._followed) >= MAX_FOLLOWED:
                    return
                with suppress(KindMismatch, LimitExceeded):
                    self.follow(target)

    @contextmanager
    def _looking_once(self) -> Generator[None]:
        """Meanwhile nobody else makes a root."""
        self._existing.update(root_names(self._doc))
        self._looks = False
        try:
            yield
        finally:
            self._looks = True

    @property
    def followed(self) -> list[Target]:
        """The structures that are told although nobody registered them."""
        return [Target(known.kind.name, (name,)) for name, known in self._followed.items()]

    def open_registered(self) -> None:
        """Open what was registered since the last look; all of it counts as touched."""
        self._registry.changed = False
        for name, kind in self._registry.kinds().items():
            if name not in self._registered:
                self._admit(kind, name)
                self.changed[name] = None

    def _admit(self, kind: Kind, name: str) -> None:
        followed = self._followed.pop(name, None)
        if followed is not None and followed.kind is kind:
            self._registered[name] = followed
            return
        if followed is not None:
            followed.watch.drop()
        self._registered[name] = known = self._open(kind, name)
        if self._told:
            self._following[name] = following(known.kind, _source(self._doc, known))

    def _open(self, kind: Kind, name: str) -> Known:
        root = self._registry.root_of(name)
        shared = self._doc.get(root, type=kind.shared_type)
        self._existing.add(root)
        return Known(kind, root, kind.kept(shared), observe(shared, self._on_change, name))

    def _on_change(self, name: str, events: Sequence[Any]) -> None:
        self.changed[name] = None
        known = self._registered.get(name) or self._followed.get(name)
        if known is not None and isinstance(known.shared, KeptKeys):
            known.shared.changed(events)
        if told := self._following.get(name):
            told.note(events)

    def _follow_from_now(self, name: str, known: Known) -> None:
        self._following[name] = following(known.kind, _source(self._doc, known))
        self._following[name].begin()

    def _exists(self, root: str) -> bool:
        """Whether somebody wrote that root, or opened it: opening one that is not there would make it."""
        if self._looks and root not in self._existing:
            self._existing.update(root_names(self._doc))
        return root in self._existing

    # a turn

    def take_changed(self) -> None:
        """Count what has changed as touched by the turn."""
        if self._registry.changed:
            self.open_registered()
        self._touched.update(self.changed)
        self.changed.clear()

    def tell_structures(self, told: bool) -> None:
        """Say whether somebody wants differences."""
        self._told = told
        if not told:
            for known in self._followed.values():
                known.watch.drop()
            self._followed.clear()
        self._following.clear()
        for name, known in self._known() if told else ():
            self._follow_from_now(name, known)

    def carry_on(self, before: Roots) -> list[tuple[str, None]]:
        """Take the place of another view of the same roots; answers with what may read otherwise: all of them
        but those that the turn is known to have touched."""
        self.replace(before)
        touched = {name: None for name, _ in self._known() if name not in before._touched}
        self._touched |= touched
        for told in self._following.values():
            told.note_all()
        return [(name, None) for name in touched]

    def replace(self, before: Roots) -> None:
        """Take the place of another view of the same roots, which read the same."""
        self._told = before._told
        self.follow_all(before.followed)
        for name, known in self._known() if self._told else ():
            told = before._following.get(name)
            if told is None or told.kind is not known.kind:
                told = following(known.kind, _source(self._doc, known))
            told.source = _source(self._doc, known)
            self._following[name] = told
        self._touched = dict(before._touched)
        self.changed.clear()

    def differences(self) -> Iterator[Difference]:
        """What the turn did to structures, if that is told."""
        for name, _ in self._known() if self._told else ():
            if name in self._touched:
                for entry in self._following[name].tell():
                    yield Difference(name, *entry)

    def snapshot(self) -> list[Difference]:
        """Everything in structures, as if it had just been inserted."""
        found: list[Difference] = []
        for name, known in sorted(self._known()):
            entries = known.kind.differences(None, _plain_of(self._doc, known))
            found += [Difference(name, *entry) for entry in entries]
        return found

    def end_turn(self) -> None:
        """Begin the next turn."""
        self._touched = {}
        self._registry.changed = False
        self.changed.clear()

    def _known(self) -> list[tuple[str, Known]]:
        return [*self._registered.items(), *self._followed.items()]


def _readable(doc: Doc[Any], known: Known) -> bool:
    """Whether a list holds no text: pycrdt may never return from reading one as an array."""
    return known.kind.shared_type is not Array or not holds_text(doc, known.root)


def _source(doc: Doc[Any], known: Known) -> Source:
    return Source(known.shared, lambda: _plain_of(doc, known), lambda: _readable(doc, known))


def _plain_of(doc: Doc[Any], known: Known) -> Any:
    return known.kind.plain(known.shared) if _readable(doc, known) else known.kind.plain_type()
