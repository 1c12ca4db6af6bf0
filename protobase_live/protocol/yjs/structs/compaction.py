"""Letting go of what is deleted, as Yjs does (`tryGcDeleteSet`, `Item.gc`).

A deleted struct keeps its place and loses its content; what was inside a deleted shared type loses its place,
too. Neighbours that have become alike are joined.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import DELETED, GC, TYPE
from protobase_live.protocol.yjs.structs.admission import NOWHERE
from protobase_live.protocol.yjs.structs.log import CHAINED, GONE, KEYED, KIND_MARK, Log
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.pieces import Splitter
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from protobase_live.protocol.yjs.varint import varuint

SCAN_STRUCTS = 10_000
"""Structs that are looked at, or copied as they are, without a pause; it takes some milliseconds."""


def compact(logs: Logs) -> Iterator[None]:
    """Let go of everything that is deleted, with pauses in which nothing else may be done with the logs."""
    yield from _delete_orphans(logs)
    for client, log in logs.by_client.items():
        if client in logs.deletes.by_client:
            yield from _Compaction(logs, log).steps()
            yield


def _delete_orphans(logs: Logs) -> Iterator[None]:
    """Delete what was written into a shared type before somebody deleted that.

    Whoever deletes a type names what he sees in it. What others wrote meanwhile every Yjs client deletes by
    itself.
    """
    deleted = yield from _deleted_types(logs)
    for log, numbers in _portions(logs) if deleted else ():
        orphans = Ranges()
        for number in numbers:
            if log.parents[number] in deleted:
                orphans.add(log.starts[number], log.end_of(number))
        logs.deletes.merge(log.client, orphans)
        yield


def _deleted_types(logs: Logs) -> Generator[None, None, set[int]]:
    """The numbers of the shared types that are deleted, those inside them included, if they hold anything."""
    inside: dict[int, list[int]] = {}
    parents = set[int]()
    for log, numbers in _portions(logs):
        parents.update(log.parents[numbers.start : numbers.stop])
        for number in numbers:
            parent = log.parents[number]
            if parent >= 0 and log.marks[number] & KIND_MARK == TYPE:
                inside.setdefault(parent, []).append(logs.type_number((log.client, log.starts[number])))
        yield
    waiting, deleted = list[int](), set[int]()
    for scanned, parent in enumerate(parents, 1):
        if parent >= 0 and logs.is_deleted(parent):
            waiting.append(parent)
        if scanned % SCAN_STRUCTS == 0:
            yield
    while waiting:
        parent = waiting.pop()
        if parent not in deleted:
            deleted.add(parent)
            waiting += inside.get(parent, ())
            if len(deleted) % SCAN_STRUCTS == 0:
                yield
    return deleted


def _portions(logs: Logs) -> Iterator[tuple[Log, range]]:
    """The numbers of all structs, some `SCAN_STRUCTS` of one log at a time."""
    for log in logs.by_client.values():
        for first in range(0, len(log), SCAN_STRUCTS):
            yield log, range(first, min(first + SCAN_STRUCTS, len(log)))


class _Compaction:
    """One client's log and what becomes of it."""

    def __init__(self, logs: Logs, log: Log) -> None:
        self._logs = logs
        self._log = log
        self._target = Log(log.client, log.index)
        self._split: tuple[int, Splitter] | None = None

    def steps(self) -> Iterator[None]:
        """Go through the log, and put what became of it in its place."""
        log, at = self._log, 0
        for number, (start, end) in enumerate(self._logs.deletes.by_client[log.client]):
            yield from self._copy(at, start)
            yield from self._let_go(end)
            at = end
            if number % STEP_STRUCTS == STEP_STRUCTS - 1:
                yield
        yield from self._copy(at, log.end)
        self._target.right = log.right
        log.become(self._target)

    def _splitter(self, number: int) -> Splitter:
        """For the struct with a number; kept, because one that was deleted in part comes again and again."""
        if self._split is None or self._split[0] != number:
            self._split = number, self._log.splitter(number)
        return self._split[1]

    def _copy(self, start: int, end: int) -> Iterator[None]:
        """Add the clocks from `start` up to `end` as they are."""
        log, target = self._log, self._target
        while target.end < end:
            first = log.find(target.end)
            last = log.find(end)  # the first that is not whole
            if end == log.end:
                last = len(log)
            if log.starts[first] == target.end and first < last:
                self._copy_whole(first, min(last, first + SCAN_STRUCTS))
                if last - first > SCAN_STRUCTS:
                    yield
            else:
                self._copy_piece(first, min(end, log.end_of(first)))

    def _copy_whole(self, first: int, last: int) -> None:
        log, target = self._log, self._target
        begin = log.offsets[first]
        end = log.offsets[last] if last < len(log) else len(log.data)
        moved = len(target.data) - begin
        target.data += log.data[begin:end]
        target.starts += log.starts[first:last]
        target.offsets += array("I", [offset + moved for offset in log.offsets[first:last]])
        target.parents += log.parents[first:last]
        target.subs += log.subs[first:last]
        target.marks += log.marks[first:last]
        target.end = log.end_of(last - 1)
        target.contents = target.read(len(target) - 1).content

    def _copy_piece(self, number: int, end: int) -> None:
        log, start, splitter = self._log, self._target.end, self._splitter(number)
        marks = log.marks[number] | _chained(splitter, start)
        content = len(splitter.head(start))
        self._target.append(splitter.piece(start, end), content, end - start, marks, log.place(number))

    def _let_go(self, end: int) -> Iterator[None]:
        """Add the clocks up to `end` without what they held."""
        log, logs, target = self._log, self._logs, self._target
        steps = scanned = 0
        while target.end < end:
            number = log.find(target.end)
            parent = log.parents[number]
            if parent == GONE or (parent >= 0 and logs.is_deleted(parent)):
                length = min(end, log.end_of(number)) - target.end
                target.append(b"\x00" + varuint(length), 1, length, GC | CHAINED, NOWHERE)
            else:
                scanned += self._append_deleted(number, end)
            steps += 1
            if steps >= STEP_STRUCTS or scanned >= SCAN_STRUCTS:
                steps = scanned = 0
                yield

    def _append_deleted(self, number: int, end: int) -> int:
        """Add a deleted struct and those behind that can be one with it; answers with how many these are."""
        log, start, marks, splitter = (
            self._log,
            self._target.end,
            self._log.marks[number],
            self._splitter(number),
        )
        last, limit = number, min(len(log), number + SCAN_STRUCTS)
        while last + 1 < limit and log.end_of(last) < end and _follows(log, last + 1, marks):
            last += 1
        stop = min(end, log.end_of(last))
        kept = DELETED | marks & (KEYED | CHAINED) | _chained(splitter, start)
        content = len(splitter.head(start))
        self._target.append(splitter.deleted(start, stop), content, stop - start, kept, log.place(number))
        return last - number


def _chained(splitter: Splitter, start: int) -> int:
    """CHAINED for what does not begin where its struct does: it follows the rest of it."""
    return CHAINED if start > splitter.struct.clock else 0


def _follows(log: Log, number: int, marks: int) -> bool:
    """Whether a struct can be one with the deleted one before it, once both have lost their content."""
    mark = log.marks[number]
    return mark & CHAINED != 0 and (mark ^ marks) & KEYED == 0 and mark & KIND_MARK != GC
