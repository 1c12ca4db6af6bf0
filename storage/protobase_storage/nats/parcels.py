"""What is stored together: each parcel by one message, or by one atomic batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .values import Effect
from .works import AnyWork, Deletion


class Parcel:
    """Works that share collections, in call order, of which all messages are stored or none."""

    def __init__(self, works: Sequence[AnyWork]) -> None:
        self.works = list(works)

    @property
    def collections(self) -> tuple[str, ...]:
        """Those that it changes, and those that it relies on."""
        return tuple(dict.fromkeys(name for work in self.works for name in work.collections))

    @property
    def changed(self) -> tuple[str, ...]:
        """Those that it changes."""
        return tuple(dict.fromkeys(name for work in self.works for name in work.changed))

    def effects(self) -> dict[str, list[Effect]]:
        """What it does, by collection. What it deletes itself is left out: it would stay in the message."""
        told: dict[str, list[Effect]] = {}
        for work in self.works:
            for name, effects in work.effects().items():
                if isinstance(work, Deletion):
                    told.pop(name, None)
                told.setdefault(name, []).extend(effects)
        return told


def parcels_of(works: Iterable[AnyWork]) -> list[Parcel]:
    """The works in as many parcels as may be: two are apart if no collections connect them."""
    roots: dict[str, str] = {}
    told = list(works)
    for work in told:
        first, *others = work.collections
        for name in others:
            roots[_root(roots, name)] = _root(roots, first)
    parcels: dict[str, list[AnyWork]] = {}
    for work in told:
        parcels.setdefault(_root(roots, work.collections[0]), []).append(work)
    return [Parcel(each) for each in parcels.values()]


def _root(roots: dict[str, str], name: str) -> str:
    while (above := roots.get(name, name)) != name:
        name = above
    return name
