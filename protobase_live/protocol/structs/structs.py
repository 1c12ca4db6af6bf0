"""The structs of one document, as they came in, and what is deleted.

This is the truth about a document: what is stored and sent is cut out of it, byte for byte as some client
wrote it. Nothing is integrated here (that is the native library's part); structs are only kept in order,
joined where Yjs would join them, and let go of when they are deleted.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.structs import texts
from protobase_live.protocol.structs.admission import NOWHERE, marks_of, place_of
from protobase_live.protocol.structs.compaction import compact
from protobase_live.protocol.structs.keystrokes import read_keystroke
from protobase_live.protocol.structs.log import ASTRAL, CHAINED, GONE, Log, Mark, Place
from protobase_live.protocol.structs.logs import Logs
from protobase_live.protocol.structs.news import News, ranges_of
from protobase_live.protocol.structs.ordering import Ordering
from protobase_live.protocol.structs.pieces import head, piece, text_of
from protobase_live.protocol.structs.shortcuts import Taken, take_entry, take_typing
from protobase_live.protocol.structs.slicing import cut_slice
from protobase_live.protocol.structs.writing import encode_update
from protobase_live.protocol.update_walker import (
    GC,
    KIND,
    STEP_STRUCTS,
    TEXT,
    VALUES,
    DeletedRange,
    Id,
    Struct,
    Walker,
)
from protobase_live.protocol.varint import varuint

LOOSE_RANGES = 1_000
"""Deletions after which letting go of what was deleted is worth its time, in a small document."""

LOOSE_BYTES = 1024 * 1024
"""Bytes that a document may have grown by, beside twice its size, before what is deleted is let go of."""


class Rest(NamedTuple):
    """The part of an update that lacks something."""

    update: bytes
    waits: Mapping[int, int]
    """Clocks by client: as soon as one of them is reached, a part of it may fit."""


class Structs:
    """One document's structs."""

    def __init__(self) -> None:
        self.vector: dict[int, int] = {}
        """The next clock of each client (a state vector)."""
        self.halved = False
        """Whether a pair of UTF-16 units was cut that had been flushed whole: a document that was given the
        character has to be made anew. Whoever does that sets it back."""
        self._logs = Logs()
        self._fresh = News()
        self._unsettled = News()
        self._astral = False
        self._loose = 0
        self._compacted_size = 0

    # taking

    def take(self, update: bytes, *, barred: int | None = None, lenient: bool = False) -> Rest | None:
        """Take in what fits of an update; answers with the rest, if there is one.

        `barred` is a client id that may bring nothing new. A struct that no Yjs client writes makes the
        update malformed; where `lenient` it is taken as deleted instead, so that what was once stored can
        be read.

        Raises:
            MalformedUpdate: the bytes are no update, or mean something impossible; nothing was taken.
        """
        taken = take_typing(self._logs, update, barred) or take_entry(self._logs, update, barred)
        if taken is not None:
            self._note_taken(taken)
            return None
        if self._take_keystroke(update, barred):
            return None
        steps = self.take_in_steps(update, barred=barred, lenient=lenient)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    def take_in_steps(
        self, update: bytes, *, barred: int | None = None, lenient: bool = False
    ) -> Generator[None, None, Rest | None]:
        """`take` with pauses, some milliseconds apart, in which nothing else may be done with the structs."""
        walker = Walker(update)
        yield from walker.steps()
        ordering = Ordering(
            {client: iter(structs) for client, structs in walker.clients.items()}, self.vector
        )
        marks: dict[int, Mark] = {}
        cuts: list[Id] = []
        gone = list[DeletedRange]()
        try:
            for number, (client, struct) in enumerate(ordering, 1):
                if client == barred:
                    raise MalformedUpdate(f"client id {client} is the server's own; choose another")
                log = self._logs.of(client)
                if client not in marks:
                    marks[client] = log.mark()
                self._append(walker.data, log, struct, cuts, gone, lenient)
                if number % STEP_STRUCTS == 0:
                    yield
        except MalformedUpdate:
            self._take_back(marks)
            raise
        late = self._delete([*gone, *walker.deletes], cuts)
        self._cut(cuts)
        return _rest(walker, ordering, late)

    def _note_taken(self, taken: Taken) -> None:
        client, start, end, replaced = taken
        self._note(client, start)
        self.vector[client] = end
        if replaced is not None:
            gone, clock = replaced
            self._delete_known(gone, clock, clock + 1, [])

    def _take_keystroke(self, update: bytes, barred: int | None) -> bool:
        """Take in one struct that follows what is known. False: it is not that, or breaks a rule."""
        found = read_keystroke(update)
        if found is None or found.client == barred:
            return False
        client, struct, deletes = found
        if not self._fits(client, struct) or not self._knows(client, struct, deletes):
            return False
        log = self._logs.of(client)
        try:
            place = place_of(self._logs, client, struct)
        except MalformedUpdate:  # read again by who can take it back and say what was wrong
            return False
        if place is NOWHERE or self._astral:
            return False
        marks = marks_of(struct, place)
        if struct.right == log.right and struct.origin == (client, struct.clock - 1):
            marks |= CHAINED
        self._note(client, log.end)
        raw = update[struct.start : struct.end]
        log.append(raw, struct.content - struct.start, struct.length, marks, place, struct.right)
        self.vector[client] = log.end
        if deletes:
            self._delete(deletes, [])
        return True

    def _fits(self, client: int, struct: Struct) -> bool:
        """Whether a struct comes next, and all that it builds on is known."""
        _, _, _, origin, right, parent, *_ = struct
        vector = self.vector
        if struct.clock != vector.get(client, 0):
            return False
        if origin is not None and origin[1] >= vector.get(origin[0], 0):
            return False
        if right is not None and right[1] >= vector.get(right[0], 0):
            return False
        return not isinstance(parent, tuple) or parent[1] < vector.get(parent[0], 0)

    def _knows(self, client: int, struct: Struct, deletes: Sequence[DeletedRange]) -> bool:
        """Whether all that is deleted with a struct is known, itself included."""
        for deleted in deletes:
            known = self.vector.get(deleted.client, 0)
            if deleted.client == client:
                known += struct.length
            if deleted.end > known:
                return False
        return True

    def _append(
        self,
        data: bytes | bytearray,
        log: Log,
        struct: Struct,
        cuts: list[Id],
        gone: list[DeletedRange],
        lenient: bool,
    ) -> None:
        """Add what is new of a struct, as it is written or as what Yjs makes of it."""
        start, end = log.end, struct.clock + struct.length
        self._note(log.client, start)
        try:
            place = self._place(log, struct)
        except MalformedUpdate:
            if not lenient:
                raise
            place = NOWHERE
        if place is NOWHERE:
            log.append(b"\x00" + varuint(end - start), 1, end - start, GC | CHAINED, NOWHERE)
            gone.append(DeletedRange(log.client, start, end))
        else:
            self._append_items(data, log, struct, place)
            if self._astral:
                cuts += self._cuts(struct)
        self.vector[log.client] = end

    def _place(self, log: Log, struct: Struct) -> Place:
        """Where a struct belongs. Of one whose beginning is known, what is known says it.

        Raises MalformedUpdate where it cannot be, or where other content is known for its clocks.
        """
        place = place_of(self._logs, log.client, struct)
        if struct.clock == log.end:
            return place
        before = log.place(len(log) - 1)
        if before.parent == GONE or place is NOWHERE:
            return NOWHERE
        if before != place:
            raise MalformedUpdate(f"clock {struct.clock} of client {log.client} was used for something else")
        return place

    def _append_items(self, data: bytes | bytearray, log: Log, struct: Struct, place: Place) -> None:
        """Add a struct; several values under one key one by one, as they were before Yjs joined them.

        The native library corrupts its memory when it splits them.
        """
        end = struct.clock + struct.length
        step = 1 if place.sub and struct.info & KIND == VALUES else end
        while log.end < end:
            self._append_item(data, log, struct, place, min(log.end + step, end))

    def _append_item(self, data: bytes | bytearray, log: Log, struct: Struct, place: Place, end: int) -> None:
        start, client = log.end, log.client
        marks = marks_of(struct, place)
        raw = piece(data, client, struct, start, end)
        content = struct.content - struct.start
        if start != struct.clock:
            content = len(head(data, client, struct, start))
        if struct.right == log.right and (struct.clock < start or struct.origin == (client, start - 1)):
            marks |= CHAINED
        if struct.info & KIND == TEXT and _PAIR.search(raw, content):
            marks |= ASTRAL
            self._astral = True
        log.append(raw, content, end - start, marks, place, struct.right)

    def _take_back(self, marks: Mapping[int, Mark]) -> None:
        for client, mark in marks.items():
            self._logs.of(client).restore(mark)
            self.vector[client] = mark.end
            if not mark.end:
                del self.vector[client]
            for news in (self._fresh, self._unsettled):
                if news.starts.get(client) == mark.end:
                    del news.starts[client]

    def _note(self, client: int, start: int) -> None:
        self._fresh.starts.setdefault(client, start)
        self._unsettled.starts.setdefault(client, start)

    # halves of UTF-16 pairs

    def _cuts(self, struct: Struct) -> list[Id]:
        """Where Yjs splits something to put a struct there."""
        cuts = [struct.right] if struct.right is not None else []
        if struct.origin is not None:
            cuts.append((struct.origin[0], struct.origin[1] + 1))
        return cuts

    def _cut(self, cuts: list[Id]) -> None:
        """Replace the halves of pairs that are cut before the given clocks."""
        for client, clock in cuts:
            log = self._logs.by_client[client]
            number = log.find(clock)
            at = clock - log.starts[number]
            if not log.marks[number] & ASTRAL or not 0 < at < log.length(number):
                continue
            if texts.cuts_pair(text_of(log.data, log.read(number)), at):
                log.replace_text(number, at)
                self.halved = self.halved or clock - 1 < self._fresh.starts.get(client, log.end)

    # deleting

    def _delete(self, ranges: Sequence[DeletedRange], cuts: list[Id]) -> list[DeletedRange]:
        """Delete what is known; answers with what is not."""
        late: list[DeletedRange] = []
        for client, start, end in ranges:
            known = self.vector.get(client, 0)
            if end > known:
                late.append(DeletedRange(client, max(start, known), end))
            if start < known:
                self._delete_known(client, start, min(end, known), cuts)
        return late

    def _delete_known(self, client: int, start: int, end: int, cuts: list[Id]) -> None:
        for new in self._logs.delete(client, start, end):
            self._loose += 1
            self._fresh.delete(client, *new)
            self._unsettled.delete(client, *new)
            if self._astral:
                cuts += [(client, new[0]), (client, new[1])]

    # giving

    def flush(self) -> bytes:
        """What was taken since the last flush, as one update; `EMPTY_UPDATE` if nothing was new."""
        update = self._fresh.encode(self._logs.by_client)
        self._fresh.clear()
        return update

    def flush_in_steps(self, limit: int) -> Iterator[bytes]:
        """`flush` as several updates of about `limit` bytes, in causal order."""
        logs = self._logs.by_client
        if sum(logs[client].size(start) for client, start in self._fresh.starts.items()) <= limit:
            if self._fresh.starts or self._fresh.deletes:
                yield self.flush()
            return
        known, complete = self.vector | self._fresh.starts, False
        while not complete:
            part = cut_slice(logs, known, limit)
            known, complete = part.reached, part.complete
            yield encode_update(part.runs, self._fresh.deletes if complete else {})
        self._fresh.clear()

    def settle(self) -> tuple[bytes, dict[int, int]]:
        """What was taken since the last `settle`, as one update: that of all flushes in between.

        Also answers with the next clocks of the clients it has structs of.
        """
        update = self._unsettled.encode(self._logs.by_client)
        reached = {client: self.vector[client] for client in self._unsettled.starts}
        self._unsettled.clear()
        self._fresh.clear()
        return update, reached

    # letting go

    def compact(self) -> None:
        """Let go of the contents of what is deleted, as Yjs does."""
        for _ in self.compact_in_steps():
            pass

    def compact_in_steps(self) -> Iterator[None]:
        """`compact` with pauses, some milliseconds apart, in which nothing else may be done."""
        yield from compact(self._logs)
        self._loose, self._compacted_size = 0, self.size

    @property
    def is_loose(self) -> bool:
        """Whether so much was deleted that `compact` is worth its time."""
        if not self._loose:
            return False
        structs = sum(map(len, self._logs.by_client.values()))
        return self._loose > max(LOOSE_RANGES, structs) or self.size > 2 * self._compacted_size + LOOSE_BYTES

    @property
    def has_news(self) -> bool:
        """Whether anything was taken since the last `settle`."""
        return bool(self._unsettled.starts or self._unsettled.deletes)

    @property
    def deletes(self) -> dict[int, list[tuple[int, int]]]:
        """The deleted clocks of each client, as ranges without their ends."""
        return {client: list(ranges) for client, ranges in self._logs.deletes.items()}

    @property
    def size(self) -> int:
        """About how many bytes `encode()` takes."""
        return sum(len(log.data) for log in self._logs.by_client.values())

    def encode(self, state: Mapping[int, int] = MappingProxyType({})) -> bytes:
        """What somebody with the state vector `state` lacks, and all that is deleted, as one update."""
        return self.slice(state, sys.maxsize)[0]

    def slice(self, state: Mapping[int, int], limit: int) -> tuple[bytes, dict[int, int], bool]:
        """About the first `limit` bytes of what somebody with the state vector `state` lacks.

        Answers with an update, the state vector that it leads to, and whether that is all; what is deleted is
        told with the last part.
        """
        part = cut_slice(self._logs.by_client, state, limit)
        update = encode_update(part.runs, self._logs.deletes if part.complete else {})
        return update, part.reached, part.complete


_PAIR = re.compile(rb"[\xf0-\xf4]")
"""Begins a character outside the basic plane in UTF-8, which takes two UTF-16 units."""


def _rest(walker: Walker, ordering: Ordering, late: list[DeletedRange]) -> Rest | None:
    """What stayed behind of an update, as an update."""
    runs: list[tuple[int, int, int, bytes]] = []
    for client, first in ordering.heads.items():
        structs = walker.clients[client]
        count = len(structs) - structs.index(first)
        runs.append((client, first.clock, count, bytes(walker.data[first.start : structs[-1].end])))
    if not runs and not late:
        return None
    waits = dict(ordering.waits)
    for client, start, _ in late:
        waits[client] = min(start + 1, waits.get(client, start + 1))
    return Rest(encode_update(runs, ranges_of(late)), waits)
