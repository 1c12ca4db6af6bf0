"""Where in a document something stands that was taken and is not read yet."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from protobase_live.protocol.yjs.struct import EMBED, FORMAT, TEXT, TYPE
from protobase_live.protocol.yjs.structs.log import GONE, KEYED, KIND_MARK, Log
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS

_XML_TYPES = frozenset({3, 4, 6})
"""An element, a fragment and a text of XML, as Yjs numbers them."""


class Use(Enum):
    """What somebody uses a root as. Yjs does not say, so what stands directly in it does."""

    MAP = auto()
    TEXT = auto()
    XML = auto()
    ARRAY = auto()


class Spot(NamedTuple):
    """A root, and as what it is used."""

    root: str
    use: Use


class Touched(NamedTuple):
    """What an update touches."""

    starts: Mapping[int, int]
    """The first new clock of each client that has new ones."""
    spots: Mapping[Spot, None]
    """The roots in which anything is new or newly deleted, in the order in which they were met."""
    losing: Mapping[str, None]
    """The names of those in which what was there may be gone: deleted, or replaced under a key."""
    buries: bool
    """Whether something was replaced under a key of a shared type that is deleted now."""
    size: int
    """About how many structs are new or newly deleted."""


def touched(store: Store) -> Generator[None, None, Touched]:
    """Where what was taken since the last flush stands, with pauses. What is garbage stands nowhere."""
    finder, spots, losing = _Finder(store.logs), dict[Spot, None](), dict[str, None]()
    buries, size = False, 0
    for size, (log, number, gone) in enumerate(_new_or_gone(store), 1):
        spot = finder.spot(log, number)
        if spot is not None:
            spots[spot] = None
            if gone or log.marks[number] & KEYED:
                losing[spot.root] = None
        buries = buries or (not gone and _is_buried(store.logs, log, number))
        if size % STEP_STRUCTS == 0:
            yield
    return Touched(dict(store.fresh.starts), spots, losing, buries, size)


def _is_buried(logs: Logs, log: Log, number: int) -> bool:
    """Whether a struct replaces something under a key of a shared type that is deleted now."""
    parent, keyed = log.parents[number], log.marks[number] & KEYED
    return bool(keyed) and parent >= 0 and logs.is_deleted(parent)


def _new_or_gone(store: Store) -> Iterator[tuple[Log, int, bool]]:
    """The structs that are new or were deleted, each as its log, its number there, and whether it is gone."""
    by_client, fresh = store.logs.by_client, store.fresh
    for client, start in fresh.starts.items():
        log = by_client[client]
        for number in range(log.find(start), len(log)):
            yield log, number, False
    for client, start, end in fresh.deleted_ranges():
        log = by_client[client]
        for number in range(log.find(start), log.find(end - 1) + 1):
            yield log, number, True


class _Finder:
    """Walks up from structs to roots; what is in one shared type is in one spot."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._known: dict[int, Spot | None] = {GONE: None}
        """The spots of shared types, by their numbers as parents."""

    def spot(self, log: Log, number: int) -> Spot | None:
        """Where a struct stands; None for garbage."""
        passed = list[int]()
        while (parent := log.parents[number]) >= 0 and parent not in self._known:
            passed.append(parent)
            log, number = self._logs.look_up(self._logs.type_id(parent))
        found = self._known[parent] if parent in self._known else self._in_root(log, number, parent)
        self._known.update(dict.fromkeys(passed, found))
        return found

    def _in_root(self, log: Log, number: int, parent: int) -> Spot:
        name = self._logs.parent(parent)
        assert isinstance(name, str)
        return Spot(name, self._use(log, number))

    def _use(self, log: Log, number: int) -> Use:
        """As what a root is used in which this struct stands directly."""
        mark = log.marks[number]
        kind = mark & KIND_MARK
        if mark & KEYED:
            return Use.MAP
        if kind in (TEXT, EMBED, FORMAT):
            return Use.TEXT
        if kind == TYPE and log.data[log.read(number).content] in _XML_TYPES:
            return Use.XML
        return Use.ARRAY
