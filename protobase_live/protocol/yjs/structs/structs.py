"""The structs of one document, as they came in, and what is deleted.

This is the truth about a document: what is stored and sent is cut out of it, byte for byte as some client
wrote it. Nothing is integrated here (that is the native library's part); structs are only kept in order,
joined where Yjs would join them, and let go of when they are deleted.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType

from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.delete_set import Gone, in_portions
from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import Id, Struct
from protobase_live.protocol.yjs.structs.compaction import compact
from protobase_live.protocol.yjs.structs.comparing import first_difference
from protobase_live.protocol.yjs.structs.foresight import Foresight
from protobase_live.protocol.yjs.structs.gate import Gate
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.redaction import redact
from protobase_live.protocol.yjs.structs.shortcuts import take_edit, take_entry, take_typing
from protobase_live.protocol.yjs.structs.slicing import SLICE_STRUCTS, all_runs, cut_slice
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.structs.taking import Rest, Taking
from protobase_live.protocol.yjs.structs.touched import Touched, touched
from protobase_live.protocol.yjs.structs.writing import NO_DELETES, encode_update
from protobase_live.protocol.yjs.update_walker import Walker

DELETES_AT_ONCE = 250
"""Ranges of deleted clocks that a part has at most: pycrdt moves all blocks behind each that it deletes.

With two million blocks of one client that is some 20 ms.
"""

LOOSE_RANGES = 1_000
"""Deletions after which letting go of what was deleted is worth its time, in a small document."""

LOOSE_BYTES = 1024 * 1024
"""Bytes that a document may have grown by, beside twice its size, before what is deleted is let go of."""


class Structs:
    """One document's structs."""

    def __init__(self) -> None:
        self._store = Store()
        self.vector: Mapping[int, int] = self._store.vector
        """The next clock of each client (a state vector)."""
        self._compacted_size = 0

    # taking

    def take(
        self,
        update: bytes,
        *,
        barred: int | None = None,
        lenient: bool = False,
        gate: Gate | None = None,
        former: Container[int] = (),
    ) -> Rest | None:
        """Take in what fits of an update; answers with the rest, if there is one.

        `barred` is a client id that may bring nothing new. A struct that no Yjs client writes makes the
        update malformed; where `lenient` it is taken as deleted instead, so that what was once stored can
        be read. What has a `gate` must surely pass it. Clients that are `former` are of a history that is
        over, unless the document has them again: nothing may be of them, wait for them or delete of theirs.

        Raises:
            MalformedUpdate: the bytes are no update, or mean something impossible; nothing was taken.
            OfFormer: it names a client that is `former`; nothing was taken.
            Unforeseen: it does not surely pass; nothing was taken.
        """
        store, fresh, unsettled = self._store, self._store.fresh, self._store.unsettled
        is_flushed = not fresh
        is_settled = is_flushed and not unsettled
        rest, is_new = None, True
        if not (take_typing(store, update, barred, gate) or take_entry(store, update, barred, gate)):
            if gate is not None:
                gate.require(update)
            if not take_edit(store, update, barred, former):
                taking = Taking(store, update, barred=barred, lenient=lenient, former=former)
                rest, is_new = at_once(taking.steps()), taking.is_new
        if is_flushed and is_new and update.endswith(fresh.encode_deletes()):  # else some was deleted already
            fresh.sole = update
            if is_settled:
                unsettled.sole = update
        return rest

    def take_in_steps(
        self,
        update: bytes,
        *,
        barred: int | None = None,
        lenient: bool = False,
        read: Walker | None = None,
        former: Container[int] = (),
    ) -> Generator[None, None, Rest | None]:
        """`take` with pauses, some milliseconds apart, in which nothing else may be done with the structs.

        `read` is the update if it was read already, to be used once.
        """
        taking = Taking(self._store, update, barred=barred, lenient=lenient, read=read, former=former)
        return taking.steps()

    def knows_in_steps(self, update: bytes) -> Generator[None, None, bool]:
        """Whether an update brings nothing new, with pauses. Raises MalformedUpdate where it is none."""
        deletes = self._store.logs.deletes
        walker = Walker(update)
        for _ in walker.steps(deletes):
            if not walker.unread and walker.clients:
                client, structs = next(reversed(walker.clients.items()))
                if self._is_behind(client, structs):
                    return False
                del structs[:-1]  # all structs of a large update take much memory
            yield
        if any(self._is_behind(client, structs) for client, structs in walker.clients.items()):
            return False
        nothing = Ranges()
        return all(
            deletes.by_client.get(client, nothing).covers(ranges) for client, ranges in walker.deletes.items()
        )

    def _is_behind(self, client: int, structs: Sequence[Struct]) -> bool:
        """Whether the last of these structs has clocks that are not here."""
        return structs[-1].clock + structs[-1].length > self.vector.get(client, 0)

    def has_garbage(self, client: int, start: int) -> bool:
        """Whether a client's clocks from ``start`` on are in part inside something that had been deleted."""
        log = self._store.logs.by_client.get(client)
        return log is not None and start < log.end and log.has_garbage(start)

    def deleted_from(self, client: int, start: int) -> dict[int, Ranges]:
        """What is deleted of a client's clocks from ``start`` on, by its id; nothing if there is none."""
        _, found = self._store.logs.deletes.by_client.get(client, Ranges()).split(start)
        return {client: found} if found.ends else {}

    def foresight(self, records: str) -> Foresight:
        """What tells where updates are about to write; of the root ``records``, into which fields."""
        return Foresight(self._store, records)

    # taking back

    def touched_in_steps(self) -> Generator[None, None, Touched]:
        """Where what was taken since the last flush stands, with pauses."""
        return touched(self._store)

    def redact_in_steps(self, gone: Mapping[int, Ranges]) -> Generator[None, None, None]:
        """Delete these clocks of each client, of those that came last, and let go of what they held.

        From now on nothing that is stored or sent has it. With pauses.
        """
        return redact(self._store, gone)

    # giving

    def flush(self) -> bytes:
        """What was taken since the last flush, as one update; `EMPTY_UPDATE` if nothing was new."""
        update = self._store.fresh.encode(self._store.logs.by_client)
        self._store.fresh.clear()
        return update

    @property
    def has_news(self) -> bool:
        """Whether anything was taken since the last flush."""
        return bool(self._store.fresh)

    def skip_flush(self) -> None:
        """What was taken since the last flush is known where it would go."""
        self._store.fresh.clear()

    def forget_news(self) -> None:
        """What was taken is known everywhere."""
        self._store.settle()

    def flush_in_steps(self, limit: int) -> Iterator[bytes]:
        """`flush` as several updates of about `limit` bytes, in causal order."""
        fresh, logs = self._store.fresh, self._store.logs.by_client
        if self._is_small(limit):
            if fresh:
                yield self.flush()
            return
        lacking = {client: logs[client] for client in fresh.starts}
        yield from self._parts(lacking, {**self.vector, **fresh.starts}, fresh.deleted_ranges(), limit)
        fresh.clear()

    def parts(self, limit: int) -> Iterator[bytes]:
        """`encode` as several updates of about `limit` bytes, in causal order."""
        logs = self._store.logs
        return self._parts(dict(logs.by_client), {}, logs.deletes, limit)

    def _parts(
        self, lacking: dict[int, Log], known: dict[int, int], gone: Iterable[Gone], limit: int
    ) -> Iterator[bytes]:
        """What follows `known` in the logs `lacking`, which are let go of, and then what is `gone`."""
        deletes, complete = in_portions(gone, DELETES_AT_ONCE), False
        while not complete:
            part = cut_slice(lacking, known, limit)
            known, complete = part.reached, part.complete
            for client, *_ in part.runs:
                if known[client] == self.vector[client]:
                    del lacking[client]
            yield encode_update(part.runs, next(deletes) if complete else NO_DELETES)
        for portion in deletes:
            yield encode_update((), portion)

    def _is_small(self, limit: int) -> bool:
        """Whether what is new can be flushed at once."""
        fresh = self._store.fresh
        if fresh.range_count > DELETES_AT_ONCE:
            return False
        if fresh.sole is not None and len(fresh.sole) <= limit:  # a keystroke: without counting what is there
            return True
        return len(fresh.starts) <= SLICE_STRUCTS and fresh.size(self._store.logs.by_client) <= limit

    def settle(self) -> tuple[bytes, dict[int, int]]:
        """What was taken since the last `settle`, as one update: that of all flushes in between.

        Also answers with the next clocks of the clients it has structs of.
        """
        return at_once(self.settle_in_steps())

    def settle_in_steps(self) -> Generator[None, None, tuple[bytes, dict[int, int]]]:
        """`settle` with pauses, some milliseconds apart, in which nothing else may be done."""
        unsettled = self._store.unsettled
        update = yield from unsettled.encode_in_steps(self._store.logs.by_client)
        reached = {client: self.vector[client] for client in unsettled.starts}
        self._store.settle()
        return update, reached

    def take_advanced(self) -> set[int]:
        """The clients of which anything was taken since this was asked last."""
        advanced, self._store.advanced = self._store.advanced, set()
        return advanced

    def encode(self, state: Mapping[int, int] = MappingProxyType({})) -> bytes:
        """What somebody with the state vector `state` lacks, and all that is deleted, as one update."""
        logs = self._store.logs
        return encode_update(all_runs(logs.by_client, state), logs.deletes.encode())

    def slice(self, state: Mapping[int, int], limit: int) -> tuple[bytes, dict[int, int], bool]:
        """About the first `limit` bytes of what somebody with the state vector `state` lacks.

        Answers with an update, the state vector that it leads to, and whether that is all; what is deleted is
        told with the last part.
        """
        logs = self._store.logs
        part = cut_slice(logs.by_client, state, limit)
        update = encode_update(part.runs, logs.deletes.encode() if part.complete else NO_DELETES)
        return update, part.reached, part.complete

    @property
    def deletes(self) -> dict[int, list[tuple[int, int]]]:
        """The deleted clocks of each client, as ranges without their ends."""
        return {client: list(ranges) for client, ranges in self._store.logs.deletes.by_client.items()}

    @property
    def gone_clocks(self) -> int:
        """How many clocks are deleted."""
        return sum(end - start for ranges in self.deletes.values() for start, end in ranges)

    @property
    def size(self) -> int:
        """About how many bytes `encode()` takes."""
        return self._store.counted().bytes

    @property
    def halved(self) -> bool:
        """Whether a pair of UTF-16 units was cut that had been flushed whole: a document that was given the
        character has to be made anew. Whoever does that sets it back."""
        return self._store.halved

    @halved.setter
    def halved(self, halved: bool) -> None:
        self._store.halved = halved

    def copy(self) -> Structs:
        """The same structs, of which nothing is shared: a fiftieth of what taking them again costs."""
        return deepcopy(self)

    def differs_from(self, other: Structs) -> Id | None:
        """The first struct that is not the same in `other`, of those that are not deleted there.

        Both have the same state vector.
        """
        return first_difference(self._store.logs, other._store.logs)

    # letting go

    def delete_entry(self, root: str, key: str) -> None:
        """Delete all that stands under a key of a root map; `compact` deletes what is inside."""
        self._store.logs.delete_entry(root, key)

    def compact(self) -> None:
        """Let go of the contents of what is deleted, as Yjs does."""
        at_once(self.compact_in_steps())

    def compact_in_steps(self) -> Generator[None, None, None]:
        """`compact` with pauses, some milliseconds apart, in which nothing else may be done."""
        yield from compact(self._store.logs)
        self._store.totals.changed.update(self._store.logs.by_client)
        self._store.loose, self._compacted_size = 0, self.size

    @property
    def can_shrink(self) -> bool:
        """Whether anything was deleted since `compact`."""
        return self._store.loose > 0

    @property
    def is_loose(self) -> bool:
        """Whether so much was deleted that `compact` is worth its time."""
        loose = self._store.loose
        if not loose:
            return False
        totals = self._store.counted()
        grown = totals.bytes > 2 * self._compacted_size + LOOSE_BYTES
        return grown or loose > max(LOOSE_RANGES, totals.structs)
