"""What a document's structs are kept in: the logs of its clients, and what is new in them.

Whoever takes an update writes here, and whoever gives one reads here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import Id
from protobase_live.protocol.yjs.structs import texts
from protobase_live.protocol.yjs.structs.log import ASTRAL, Log
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.news import News
from protobase_live.protocol.yjs.structs.totals import Totals


class Store:
    """The structs of one document, and what is new of them."""

    __slots__ = ("advanced", "astral", "fresh", "halved", "logs", "loose", "totals", "unsettled", "vector")

    def __init__(self) -> None:
        self.logs = Logs()
        self.totals = Totals(self.logs.by_client)
        """As they were when they were counted last (`counted`)."""
        self.advanced: set[int] = set()
        """The clients of which anything came in since `Structs.take_advanced`."""
        self.vector: dict[int, int] = {}
        """The next clock of each client (a state vector)."""
        self.fresh = News()
        """What came in since `Structs.flush`: what pycrdt has not got yet."""
        self.unsettled = News()
        """What came in since `Structs.settle`: what is not in a commit yet."""
        self.astral = False
        """Whether there is any text with pairs of UTF-16 units, which may be cut."""
        self.halved = False
        """Whether a pair was cut that had been flushed whole."""
        self.loose = 0
        """How many ranges were deleted since what is deleted was let go of."""

    def settle(self) -> None:
        """All that is new was told."""
        self.unsettled.clear()
        self.fresh.clear()

    def counted(self) -> Totals:
        """How much there is."""
        self.totals.count()
        return self.totals

    def note(self, client: int, start: int) -> None:
        """Structs of a client come in, from clock `start` on."""
        fresh, unsettled = self.fresh, self.unsettled
        fresh.sole = unsettled.sole = None
        fresh.starts.setdefault(client, start)
        unsettled.starts.setdefault(client, start)
        self.advanced.add(client)
        self.totals.changed.add(client)

    def forget(self, client: int, start: int) -> None:
        """The structs of a client that came in from clock `start` on were taken back."""
        self.totals.changed.add(client)
        self.vector[client] = start
        if not start:
            del self.vector[client]
        for news in (self.fresh, self.unsettled):
            if news.starts.get(client) == start:
                del news.starts[client]

    def delete(self, client: int, start: int, end: int, cuts: list[Id]) -> None:
        """Delete clocks that are known; adds to `cuts` where that may have cut a pair."""
        self._note_deleted(client, self.logs.deletes.add(client, start, end), cuts)

    def delete_all(self, client: int, ranges: Ranges, cuts: list[Id]) -> None:
        """`delete` for many ranges of a client, in one pass through what is deleted of it."""
        self._note_deleted(client, list(self.logs.deletes.merge(client, ranges)), cuts)

    def _note_deleted(self, client: int, new: Sequence[tuple[int, int]], cuts: list[Id]) -> None:
        if new:
            self.loose += len(new)
            self.fresh.sole = self.unsettled.sole = None
            self.fresh.deleted.setdefault(client, []).extend(new)
            self.unsettled.deleted.setdefault(client, []).extend(new)
            if self.astral:
                cuts += [(client, clock) for each in new for clock in each]

    def cut(self, cuts: Iterable[Id]) -> None:
        """Replace the halves of pairs that are cut before the given clocks.

        All of a text at once: one update can cut it at very many places.
        """
        found: dict[int, dict[int, list[int]]] = {}
        for client, clock in cuts:
            log = self.logs.by_client[client]
            number = log.find(clock)
            at = clock - log.starts[number]
            if log.marks[number] & ASTRAL and 0 < at < log.length(number):
                found.setdefault(client, {}).setdefault(number, []).append(at)
        for client, places in found.items():
            self._cut_texts(self.logs.by_client[client], places)

    def _cut_texts(self, log: Log, places: Mapping[int, Sequence[int]]) -> None:
        fresh = self.fresh.starts.get(log.client, log.end)
        halved: dict[int, bytes] = {}
        for number, ats in places.items():
            text, cut = texts.cut_pairs(log.text(number), ats)
            if cut:
                halved[number] = text
                self.halved = self.halved or log.starts[number] + cut[0] - 1 < fresh
        if halved:
            log.replace_texts(halved)
            self.totals.changed.add(log.client)
