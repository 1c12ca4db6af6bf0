"""The general way of an update into a document: struct by struct, in causal order, all or nothing."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Container, Generator, Iterator, Mapping
from typing import NamedTuple

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.struct import GC, KIND, TEXT, VALUES, Id, Struct
from protobase_live.protocol.yjs.structs.admission import NOWHERE, marks_of, place_of
from protobase_live.protocol.yjs.structs.appending import append_common
from protobase_live.protocol.yjs.structs.log import ASTRAL, CHAINED, GONE, PAIR, Log, Mark, Place
from protobase_live.protocol.yjs.structs.ordering import Ordering
from protobase_live.protocol.yjs.structs.pieces import Splitter
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.structs.writing import Run, encode_update
from protobase_live.protocol.yjs.update_walker import MAX_STRUCTS, STEP_STRUCTS, DeletedRange, Walker
from protobase_live.protocol.yjs.varint import varuint


class OfFormer(Exception):
    """An update that names a Yjs client of a history that is over, of which nothing was taken."""


class Rest(NamedTuple):
    """The part of an update that lacks something."""

    update: bytes
    waits: Mapping[int, int]
    """Clocks by client: as soon as one of them is reached, a part of it may fit."""


class Taking:
    """One update on its way in."""

    def __init__(
        self,
        store: Store,
        update: bytes,
        *,
        barred: int | None,
        lenient: bool,
        read: Walker | None = None,
        former: Container[int] = (),
    ) -> None:
        """`barred`, `lenient` and `former` as `Structs.take` has them, `read` as `Structs.take_in_steps`."""
        self._store = store
        self._former = former
        # What is stored may be larger.
        self._walker = read or Walker(update, sys.maxsize if lenient else MAX_STRUCTS)
        self._is_read = read is not None
        self._update = update
        self._barred = barred
        self._lenient = lenient
        self._marks: dict[int, Mark] = {}
        self._roots = store.logs.root_count
        self._cuts: list[Id] = []
        self._gone: list[DeletedRange] = []
        self._behind: set[int] = set()
        """Clients of which something was read that has to wait for what others have."""
        self._has_entries = False
        self.is_new = False
        """Whether all structs of the update were new, and were taken as they are."""

    def steps(self) -> Generator[None, None, Rest | None]:
        """Take in what fits, with pauses; answers with the rest.

        Raises:
            MalformedUpdate, OfFormer: nothing was taken.
        """
        clients = self._walker.clients
        try:
            if not self._is_read:
                yield from self._read()
            firsts = {client: structs[0].clock for client, structs in clients.items() if structs}
            if self._is_read:
                self._skip_known()
            ordering = Ordering(
                {client: iter(structs) for client, structs in clients.items()}, self._store.vector
            )
            yield from self._append_all(ordering)
            self._check_lacking(ordering)
        except (MalformedUpdate, OfFormer):
            self._take_back()
            raise
        late = yield from self._delete_all()
        self._store.cut(self._cuts)
        rest = yield from self._rest(ordering, late)
        changed = rest is not None or self._gone or self._cuts or self._has_entries
        self.is_new = not changed and firsts == {client: mark.end for client, mark in self._marks.items()}
        return rest

    def _read(self) -> Iterator[None]:
        for _ in self._walker.steps(self._store.logs.deletes):
            if not self._walker.unread:
                yield from self._append_read()
            yield

    def _skip_known(self) -> None:
        """Leave out what is known: what was read elsewhere may be all of a document, sent once more."""
        for client, structs in self._walker.clients.items():
            del structs[: bisect_right(structs, self._store.vector.get(client, 0), key=_end_clock)]
        known = self._store.logs.deletes.by_client
        for client in [each for each, gone in self._walker.deletes.items() if gone == known.get(each)]:
            del self._walker.deletes[client]

    def _append_read(self) -> Iterator[None]:
        """Add what fits of the client that is being read: all structs of a large update take much memory."""
        client = next(reversed(self._walker.clients), None)
        if client is None or client in self._behind:
            return
        structs = self._walker.clients[client]
        queue = iter(structs)
        ordering = Ordering({client: queue}, self._store.vector)
        yield from self._append_all(ordering)
        head = ordering.heads.get(client)
        if head is not None:
            self._behind.add(client)
        structs[:] = [] if head is None else [head, *queue]

    def _append_all(self, ordering: Ordering) -> Iterator[None]:
        left = STEP_STRUCTS
        for client, run in ordering:
            if not run:
                yield
                continue
            log = self._marked_log(client)
            self._store.note(client, log.end)
            structs = iter(run)
            while (struct := append_common(self._store.logs, log, self._update, structs)) is not None:
                yield from self._append_struct(log, struct)
            self._store.vector[client] = log.end
            left -= len(run)
            if left <= 0:
                left = STEP_STRUCTS
                yield

    def _append_struct(self, log: Log, struct: Struct) -> Iterator[None]:
        """Add what is new of any struct."""
        place = self._place(log, struct)
        if place is NOWHERE:
            self._append_garbage(log, struct)
        elif place.sub and struct.length > 1 and struct.info & KIND == VALUES:
            yield from self._append_entries(log, struct, place)
        else:
            self._append(log, struct, place)

    def _marked_log(self, client: int) -> Log:
        """The log of a client that brings something new, which can be taken back from now on."""
        self._check_former(client)
        if client == self._barred:
            raise MalformedUpdate(f"client id {client} is the server's own; choose another")
        log = self._store.logs.of(client)
        if client not in self._marks:
            self._marks[client] = log.mark()
        return log

    def _check_lacking(self, ordering: Ordering) -> None:
        """What stays behind must not wait for a history that is over, nor be of it."""
        if self._former:
            for client in (*ordering.heads, *ordering.waits, *self._walker.deletes):
                self._check_former(client)

    def _check_former(self, client: int) -> None:
        if client in self._former and client not in self._store.vector:
            raise OfFormer

    def _place(self, log: Log, struct: Struct) -> Place:
        """Where a struct belongs; where `lenient`, what belongs nowhere counts as deleted."""
        try:
            return self._known_place(log, struct)
        except MalformedUpdate:
            if not self._lenient:
                raise
            return NOWHERE

    def _known_place(self, log: Log, struct: Struct) -> Place:
        """Where a struct belongs. Of one whose beginning is known, what is known says it.

        Raises MalformedUpdate where it cannot be, or where other content is known for its clocks.
        """
        place = place_of(self._store.logs, log.client, struct)
        if struct.clock == log.end:
            return place
        before = log.place(len(log) - 1)
        if before.parent == GONE or place is NOWHERE:
            return NOWHERE
        if before != place:
            raise MalformedUpdate(f"clock {struct.clock} of client {log.client} was used for something else")
        return place

    def _append_garbage(self, log: Log, struct: Struct) -> None:
        """Add what is new of a struct as what Yjs makes of it where its place is deleted."""
        start, end = log.end, struct.clock + struct.length
        log.append(b"\x00" + varuint(end - start), 1, end - start, GC | CHAINED, NOWHERE)
        self._gone.append(DeletedRange(log.client, start, end))

    def _append(self, log: Log, struct: Struct, place: Place) -> None:
        """Add what is new of a struct."""
        start, end = log.end, struct.clock + struct.length
        if start == struct.clock:
            raw, content = self._update[struct.start : struct.end], struct.content - struct.start
        else:
            splitter = Splitter(self._update, log.client, struct)
            raw, content = splitter.piece(start, end), len(splitter.head(start))
        marks = marks_of(struct, place) | _chained(log, struct)
        if struct.info & KIND == TEXT and PAIR.search(raw, content):
            marks |= ASTRAL
            self._store.astral = True
        log.append(raw, content, end - start, marks, place, struct.right)
        if self._store.astral:
            self._cuts += _cuts(struct)

    def _append_entries(self, log: Log, struct: Struct, place: Place) -> Iterator[None]:
        """Add several values under one key one by one, as they were before Yjs joined them.

        The native library corrupts its memory when it splits them. Each then is a struct, and counts as one.
        """
        self._has_entries = True
        if not self._lenient:
            self._walker.spend(struct.length - 1)
        marks = marks_of(struct, place)
        splitter = Splitter(self._update, log.client, struct)
        for number in range(1, struct.clock + struct.length - log.end + 1):
            raw, content = splitter.piece(log.end, log.end + 1), len(splitter.head(log.end))
            log.append(raw, content, 1, marks | _chained(log, struct), place, struct.right)
            if number % STEP_STRUCTS == 0:
                yield

    def _delete_all(self) -> Generator[None, None, DeleteSet]:
        """Delete what is known; answers with what is not."""
        late, unpaused = DeleteSet(), 0
        for gone in self._gone:
            self._store.delete(*gone, self._cuts)
            unpaused += 1
            if unpaused % STEP_STRUCTS == 0:
                yield
        for client, ranges in self._walker.deletes.items():
            known, unknown = ranges.split(self._store.vector.get(client, 0))
            if unknown.ends:
                late.merge(client, unknown)
                unpaused += len(unknown.ends)
            for portion in known.portions(STEP_STRUCTS):
                self._store.delete_all(client, portion, self._cuts)
                unpaused += len(portion.ends)
                if unpaused >= STEP_STRUCTS:
                    unpaused = 0
                    yield
            if unpaused >= STEP_STRUCTS:
                unpaused = 0
                yield
        return late

    def _take_back(self) -> None:
        for client, mark in self._marks.items():
            self._store.logs.of(client).restore(mark)
            self._store.forget(client, mark.end)
        self._store.logs.forget_unused(self._roots)

    def _rest(self, ordering: Ordering, late: DeleteSet) -> Generator[None, None, Rest | None]:
        """What stayed behind, as an update."""
        runs: list[Run] = []
        for client, first in ordering.heads.items():
            structs = self._walker.clients[client]
            count = len(structs) - structs.index(first)
            raw = self._update[first.start : structs[-1].end]
            runs.append((client, first.clock, count, raw))
        if not runs and not late:
            return None
        waits = dict(ordering.waits)
        for client, ranges in late.by_client.items():
            first_lacking = ranges.starts[0] + 1
            waits[client] = min(first_lacking, waits.get(client, first_lacking))
        return Rest(encode_update(runs, (yield from late.encode_in_steps())), waits)


def _end_clock(struct: Struct) -> int:
    return struct.clock + struct.length


def _chained(log: Log, struct: Struct) -> int:
    """CHAINED if what is new of a struct follows its client's last one, with the same right neighbour."""
    follows = struct.clock < log.end or struct.origin == (log.client, log.end - 1)
    return CHAINED if follows and struct.right == log.right else 0


def _cuts(struct: Struct) -> list[Id]:
    """Where Yjs splits something to put a struct there."""
    cuts = [struct.right] if struct.right is not None else []
    if struct.origin is not None:
        cuts.append((struct.origin[0], struct.origin[1] + 1))
    return cuts
