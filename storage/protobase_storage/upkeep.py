"""Compaction and deletion, cut into short transactions between which appends are flushed.

Each generator below runs on the writer's connection and yields between transactions. Every one of these
leaves a file that loads: a snapshot being written is garbage until the transaction that publishes it, which
makes the old snapshot and the covered commits garbage in the same stroke. Readers skip garbage; what is left
of it when a process dies is swept by the next one to open the file.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from . import catalogue
from .catalogue import Survey
from .commit import Snapshot, Vector, join, sequence_of
from .contract import check_fresh, check_name
from .errors import CollectionCorrupt, StorageError
from .heads import Head, Heads
from .packing import pack, unpack
from .reserve import Reserve
from .rewriting import Rewriting
from .rows import ChunkRow, Entry, chunk_rows, snapshot_head
from .sqlite_schema import begun, empty_wal, transaction

SLICE_ROWS = 500
"""Commits one sweeping transaction deletes at most."""

SLICE_CHUNKS = 2
"""Snapshot rows (`CHUNK_BYTES` each) one transaction writes or deletes at most."""

ERASING = "erasing"
"""The key in `meta` that is there from when something was erased until no byte of it is left."""

FOLDED = "the snapshot is stored, and what it replaces takes room in the file until that is opened again"
"""What is so where a compaction fails behind the step that publishes."""

DELETED = "it is deleted, and what it had takes room in the file until that is opened again"
"""What is so where a deletion fails behind its first step."""

ERASED = "what was erased is still in the file until it is erased again, or the database is opened again"
"""What is so where an erasure fails behind the step that hides."""

CLEAN_TRIES = 12
"""How often the write-ahead log is tried to be emptied, each time for `READER_WAIT_SECONDS`."""

Steps = Iterator[None]


class Upkeep:
    """Makes the step generators. `on_step` is called with the name of each step once it is durable."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        heads: Heads,
        reserve: Reserve,
        survey: Survey,
        on_step: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._heads = heads
        self._survey = survey
        self._reserve = reserve
        self._rewriting = Rewriting(connection, path, reserve)
        self._on_step = on_step
        self._staged: set[int] = set()
        """The snapshots that are being written."""
        self._notes = 0
        """How often it was noted that something is to be erased."""

    def compact(self, snapshot: Snapshot) -> Steps:
        """Stage the snapshot, publish it, sweep what it replaces. Raises `StaleSnapshot`."""
        old = self._heads.find(snapshot.collection).entry.snapshot
        check_fresh(snapshot, old.vector if old else {})
        identifier = self._survey.next_id()
        self._staged.add(identifier)
        try:
            yield from self._store(snapshot, identifier)
        except sqlite3.Error:
            with suppress(sqlite3.Error):  # what cannot be swept now is left to the next opening
                yield from self._sweep_chunks(identifier)
            raise
        finally:
            self._staged.discard(identifier)
        yield
        with begun(FOLDED):
            yield from self._sweep(self._heads.find(snapshot.collection).entry.id, snapshot.vector)
            if old:
                yield from self._sweep_chunks(old.id)

    def _store(self, snapshot: Snapshot, identifier: int) -> Steps:
        """Stage all but the last part, and publish with that."""
        rows = chunk_rows(identifier, snapshot.update)
        part = list(islice(rows, SLICE_CHUNKS))
        while following := list(islice(rows, SLICE_CHUNKS)):
            self._stage(identifier, part)
            part = following
            yield
        self._publish(snapshot, identifier, part)

    def delete(self, collection: str, remains: bytes = b"") -> Steps:
        """Hide the collection in the first step, which stores what remains, then sweep what it had."""
        name, entry = check_name(collection), self._found(collection)
        with transaction(self._connection):
            self._hide(name, entry)
            if remains:
                self._enter(Entry(collection, self._survey.next_id(), 0, 0, None, remains))
        self._heads.forget([collection])
        self._on_step("delete:hidden")
        yield
        with begun(DELETED):
            yield from self._sweep_all(entry)

    def erase(self, collection: str, remains: bytes, snapshot: Snapshot | None) -> Steps:
        """Put `snapshot` in the collection's place in the first step, with a note of what is to be done; then
        do it, and have no byte left of what was deleted.

        Raises `StorageFull`, with nothing done, if there is no room for that.
        """
        with self._reserve.lent():
            self._begin_erasing(collection, remains, snapshot)
        self._on_step("erase:hidden")
        yield
        yield from self.clean()

    def _begin_erasing(self, collection: str, remains: bytes, snapshot: Snapshot | None) -> None:
        """The first step, all of it."""
        name, entry = check_name(collection), self._found(collection)
        self._require_room(entry, snapshot)
        with self._staged_whole(snapshot) as identifier, transaction(self._connection):
            self._hide(name, entry)
            if remains or snapshot:
                head = snapshot and snapshot_head(identifier, snapshot)
                self._enter(Entry(collection, self._survey.next_id(), 0, 0, head, remains))
            self._reclaim("chunks", identifier)
            self._note()
        self._heads.forget([collection])

    def check_room(self, collection: str, snapshot: Snapshot | None) -> Steps:
        """Raise `StorageFull` if `erase` would."""
        self._require_room(self._found(collection), snapshot)
        yield

    def _require_room(self, entry: Entry | None, snapshot: Snapshot | None) -> None:
        empty_wal(self._connection)  # which may give up some
        try:
            self._rewriting.require_room(len(snapshot.update) if snapshot else 0, self._weight(entry))
        except OSError as error:
            raise StorageError(f"whether there is room for erasing is not known: {error}") from error

    def _weight(self, entry: Entry | None) -> int:
        """Bytes in a collection's rows, as far as they can be read."""
        if entry is None:
            return 0
        query = "SELECT total(length(head) + length(body)) FROM log WHERE collection = ?"
        weight = entry.snapshot.size if entry.snapshot else 0
        with suppress(sqlite3.DatabaseError):
            weight += int(self._connection.execute(query, (entry.id,)).fetchone()[0])
        return weight

    @contextmanager
    def _staged_whole(self, snapshot: Snapshot | None) -> Generator[int]:
        """Stage all rows of a snapshot under the id that this gives, in transactions that the write-ahead log
        need not hold at once; and sweep them if what is done inside fails.

        In one step, unlike `_store`: what is appended behind it is not to be hidden.
        """
        identifier = self._survey.next_id()
        rows = chunk_rows(identifier, snapshot.update) if snapshot else iter(())
        try:
            while part := list(islice(rows, SLICE_CHUNKS)):
                self._stage(identifier, part)
            yield identifier
        except sqlite3.Error:
            with suppress(sqlite3.Error):  # what cannot be swept now is left to the next opening
                deque(self._sweep_chunks(identifier), maxlen=0)
            raise

    def begin_cleaning(self) -> Steps:
        """Note that it is to be done."""
        with transaction(self._connection):
            self._note()
        yield

    def _note(self) -> None:
        self._notes += 1
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (ERASING,))

    def clean(self) -> Steps:
        """Have no byte left of what was deleted or replaced before, and take back the note that this is to be
        done, unless it was noted again meanwhile: then it is for whoever has done so.

        Rows that were not swept yet have such bytes, whoever was to do that, free pages and the gaps in
        others, and the write-ahead log. Raises `StorageError` while somebody reads for too long; the next
        opening tries again then.
        """
        notes = self._notes
        with begun(ERASED):
            self._rewriting.clear()
            yield from self._sweep_garbage()
            empty_wal(self._connection)  # what is in it would take room twice
            with self._reserve.lent():  # also where there is more room than that, and less than it takes
                self._rewriting.run(lambda: self._on_step("erase:copied"))
            self._on_step("erase:written anew")
            for _ in range(CLEAN_TRIES):
                if empty_wal(self._connection):
                    break
                yield
            else:
                raise StorageError("what was erased is still in the write-ahead log, which somebody reads")
            self._on_step("erase:emptied")
            if self._notes == notes:
                with transaction(self._connection):
                    self._connection.execute("DELETE FROM meta WHERE key = ?", (ERASING,))
        self._on_step("erase:done")

    def _found(self, collection: str) -> Entry | None:
        """The entry of a collection; None if where its rows are is lost, but its name becomes free."""
        try:
            return catalogue.find(self._connection, collection, self._survey.damaged)
        except CollectionCorrupt:
            return None

    def _hide(self, name: bytes, entry: Entry | None) -> None:
        """Take a collection out of the catalogue; its rows are garbage. In the caller's transaction."""
        catalogue.remove(self._connection, name)
        if entry:
            self._discard("log", entry.id)
            self._connection.execute("DELETE FROM garbage WHERE kind = 'covered' AND id = ?", (entry.id,))
        if entry and entry.snapshot:
            self._discard("chunks", entry.snapshot.id)

    def _enter(self, entry: Entry) -> None:
        """Put the entry of a new collection into the catalogue. In the caller's transaction."""
        catalogue.put(self._connection, entry, new=True)

    def finish(self) -> Steps:
        """Complete what an earlier process left behind. Nothing else may be under way."""
        yield from self.clean() if is_erasing(self._connection) else self._sweep_garbage()

    def _sweep_garbage(self) -> Steps:
        """Sweep what is garbage now, whoever else does so, but for what is about to be published."""
        found = self._connection.execute("SELECT kind, id, vector FROM garbage").fetchall()
        staged = {*self._staged}
        for kind, identifier, vector in found:
            if kind != "chunks":
                yield from self._sweep(identifier, unpack(vector) if kind == "covered" else None)
            elif identifier not in staged:
                yield from self._sweep_chunks(identifier)

    def _stage(self, identifier: int, rows: list[ChunkRow]) -> None:
        with transaction(self._connection):
            self._discard("chunks", identifier)
            self._insert(rows)
        self._on_step("snapshot:staged")

    def _publish(self, snapshot: Snapshot, identifier: int, rows: list[ChunkRow]) -> None:
        """The one transaction after which the snapshot counts and what it covers does not."""
        head = self._heads.find(snapshot.collection)
        old = head.entry.snapshot
        entry = replace(
            head.entry,
            floor=self._last_covered(head, snapshot.vector),
            end=head.position,
            snapshot=snapshot_head(identifier, snapshot),
        )
        try:
            with transaction(self._connection):
                self._insert(rows)
                self._reclaim("chunks", identifier)
                self._heads.put(head, entry)
                self._discard("covered", head.entry.id, snapshot.vector)
                if old:
                    self._discard("chunks", old.id)
        except BaseException:
            self._heads.forget([snapshot.collection])
            raise
        head.vector = join(head.vector, snapshot.vector)
        self._on_step("compact:published")

    def _last_covered(self, head: Head, vector: Vector) -> int:
        """The highest position that the sweep of `vector` empties; as far up as the log was ever emptied."""
        query = "SELECT position, origin, sequence FROM log WHERE collection = ? ORDER BY position DESC"
        for row in self._connection.execute(query, (head.entry.id,)):
            if row[0] <= head.entry.floor or _covered(vector, row):
                return max(row[0], head.entry.floor)
        return head.entry.floor

    def _sweep_all(self, entry: Entry | None) -> Steps:
        """Delete the rows of a collection that was hidden."""
        if entry:
            yield from self._sweep(entry.id, None)
        if entry and entry.snapshot:
            yield from self._sweep_chunks(entry.snapshot.id)

    def _sweep(self, collection: int, vector: Vector | None) -> Steps:
        """Delete the commits `vector` covers (all without one), then the note that they are garbage."""
        after = -1
        while rows := self._slice(collection, after):
            after = rows[-1][0]
            doomed = [(collection, row[0]) for row in rows if vector is None or _covered(vector, row)]
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM log WHERE collection = ? AND position = ?", doomed)
            self._on_step("sweep:log")
            yield
        with transaction(self._connection):
            self._reclaim("log" if vector is None else "covered", collection, vector)
        self._on_step("sweep:log-done")
        yield

    def _slice(self, collection: int, after: int) -> list[tuple[int, bytes, int]]:
        query = "SELECT position, origin, sequence FROM log WHERE collection = ? AND position > ? LIMIT ?"
        return self._connection.execute(query, (collection, after, SLICE_ROWS)).fetchall()

    def _sweep_chunks(self, snapshot: int) -> Steps:
        query = (
            "DELETE FROM chunks WHERE snapshot = ?1 AND ordinal IN "
            "(SELECT ordinal FROM chunks WHERE snapshot = ?1 LIMIT ?2)"
        )
        more = True
        while more:
            with transaction(self._connection):
                more = self._connection.execute(query, (snapshot, SLICE_CHUNKS)).rowcount == SLICE_CHUNKS
                if not more:
                    self._reclaim("chunks", snapshot)
            self._on_step("sweep:chunks")
            yield

    def _insert(self, rows: Iterable[ChunkRow]) -> None:
        self._connection.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?)", rows)

    def _discard(self, kind: str, identifier: int, vector: Vector | None = None) -> None:
        row = _garbage_row(kind, identifier, vector)
        self._connection.execute("INSERT OR REPLACE INTO garbage VALUES (?, ?, ?)", row)

    def _reclaim(self, kind: str, identifier: int, vector: Vector | None = None) -> None:
        """It is swept; what another snapshot covers meanwhile is not."""
        row = _garbage_row(kind, identifier, vector)
        self._connection.execute("DELETE FROM garbage WHERE kind = ? AND id = ? AND vector IS ?", row)


def _garbage_row(kind: str, identifier: int, vector: Vector | None) -> tuple[str, int, bytes | None]:
    return kind, identifier, None if vector is None else pack(dict(vector))


def is_erasing(connection: sqlite3.Connection) -> bool:
    """Whether something was erased of which there may still be bytes."""
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (ERASING,)).fetchone() is not None


def _covered(vector: Vector, row: tuple[int, bytes, int]) -> bool:
    return sequence_of(vector, row[1].decode(errors="replace")) >= row[2]
