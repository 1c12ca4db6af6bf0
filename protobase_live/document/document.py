"""A turn of a collection: apply, write, finish, read.

Pure of asyncio and clocks. A turn of the collection's actor goes: `apply` what Yjs clients sent, `write`
what transactions want, then `finish`, which says what the turn amounts to. An exception that is not a
`ProtoBaseError` leaves the document unusable: load a fresh one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pycrdt import merge_updates

from protobase_live import values
from protobase_live.document.difference import Difference
from protobase_live.document.record_rows import RecordRows
from protobase_live.document.rehearsal import rehearse
from protobase_live.document.roots import Roots
from protobase_live.document.targets import OPEN, kind_at, touched_by
from protobase_live.errors import KindMismatch, LimitExceeded, MalformedUpdate
from protobase_live.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.state_vector import decode_state_vector
from protobase_live.protocol.update import UpdateInfo, check_update
from protobase_live.structures import FieldKind, Kind
from protobase_live.structures.portions import PortionedDoc
from protobase_live.structures.raw import observe_updates
from protobase_storage.commit import Part

Touched = dict[tuple[str, str | None], None]  # ordered set of (structure, key)

EMPTY_STATE = b"\x00"
"""State vector of somebody who has nothing."""

EMPTY_UPDATE = b"\x00\x00"
"""The update that changes nothing."""

MAX_PART_KEYS = 1_000
"""Most keys of one author that a commit names; above it, each structure is named once, with key None."""

_ASTRAL = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
"""Looks like a character outside the basic plane, which Yjs counts as two."""

LOAD_SLICE_BYTES = 256 * 1024
"""How much of a log one step of a load applies, in bytes (at least one update)."""

LOAD_SLICE_RECORDS = 500
"""How many records one step of a load reads into the view."""

MERGE_GROUP = 32
"""How many updates are merged at once: merging n at once takes time in the order of n squared."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn amounts to: the merged update, who touched what, and the differences."""

    update: bytes
    parts: tuple[Part, ...]
    differences: tuple[Difference, ...]


class Document:
    """One Yjs document, read and written as records and structures."""

    def __init__(self, replica: str, client_id: int | None = None) -> None:
        """``replica`` names the writing node in sets and counters; ``client_id`` is the Yjs client id."""
        self._doc = PortionedDoc(client_id=client_id)
        self._replica = replica
        self._records = RecordRows(self._doc)
        self._roots = Roots(self._doc)
        self._writing = False
        self._written: list[bytes] = []
        self._client_id = self._doc.client_id
        self._clocks: dict[int, int] = {}
        self._admitted: dict[int, int] = {}  # in this turn, and perhaps not applied yet
        self._clocks_known = True
        self._astral = False
        self._reset_turn()
        self._watch = observe_updates(self._doc, self._on_transaction)

    # loading

    def load(self, updates: Sequence[bytes]) -> Iterator[None]:
        """Apply what is durable and read the records, in steps: run the iterator to its end."""
        for batch in _slices(updates):
            merged = merge(batch)
            self._doc.apply_update(merged)
            self._note_astral(merged)
            yield
        self._clocks_known = False
        self._roots.open_registered()
        self._reset_turn()
        keys = list(self._records.shared.keys())
        for start in range(0, len(keys), LOAD_SLICE_RECORDS):
            with self._doc.transaction():
                for key in keys[start : start + LOAD_SLICE_RECORDS]:
                    self._records.refresh(key)
            yield
        self._reset_turn()

    # a turn

    def admits(self, infos: Sequence[UpdateInfo]) -> bool:
        """Whether updates, in order, build only on what is here or was admitted before them.

        What does not fit must not be applied: pycrdt would keep it out of sight, and can be made to corrupt
        its memory that way. Neither must anything new under this document's own client id.
        """
        added = self._added(infos)
        if added is None and not self._clocks_known:
            self._clocks = decode_state_vector(self._doc.get_state()) | self._admitted
            self._clocks_known = True
            added = self._added(infos)
        if added is None:
            return False
        self._clocks.update(added)
        self._admitted.update(added)
        return True

    def _added(self, infos: Sequence[UpdateInfo]) -> dict[int, int] | None:
        """The clocks that updates bring, None if one of them does not fit."""
        clocks, added = self._clocks, dict[int, int]()
        for info in infos:
            for client, clock in info.requires.items():
                if clocks.get(client, 0) < clock and added.get(client, 0) < clock:
                    return None
            for client, _, end in info.ranges:
                if clocks.get(client, 0) < end:
                    if client == self._client_id:
                        return None
                    added[client] = max(added.get(client, 0), end)
        return added

    def apply(self, updates: Sequence[bytes], author: str | None = None) -> None:
        """Apply admitted updates of Yjs clients, in one Yjs transaction.

        Raises MalformedUpdate where pycrdt fails; then the document is unusable.
        """
        try:
            merged = merge(updates)
            self._doc.apply_update(merged)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic derives from BaseException alone
            raise MalformedUpdate(f"the update cannot be applied: {error}") from error
        self._note_astral(merged)
        self._updates.append(merged)
        touched: Touched = {}
        for key in self._records.changed:
            self._records.refresh(key)
            touched["records", key] = None
        for name in self._roots.changed:
            touched[name, None] = None
        self._add_part(author, touched)

    @contextmanager
    def writing(self) -> Generator[None]:
        """What a turn's `write` calls run in: a Yjs transaction, or several where they write much."""
        self._writing = True
        try:
            with self._doc.transaction():
                yield
        finally:
            self._writing = False
        if self._written:
            self._clocks_known = False
            self._note_astral(b"".join(self._written))
            self._updates += self._written
            self._written = []
        self._records.changed.clear()

    def rehearse(self, ops: Sequence[Op]) -> list[Op]:
        """The operations in the final form that `write` takes; changes nothing.

        Raises the ProtoBaseError that keeps them from being carried out now, if any.
        """
        return rehearse(ops, self._records.rows, self._resolve_to_write)

    def write(self, ops: Sequence[Op], author: str | None = None) -> None:
        """Carry out one transaction as `rehearse` gave it, inside `writing`."""
        touched: Touched = {}
        for target, group in groupby(ops, key=lambda op: op.target):
            kind, run = kind_at(target), list(group)
            shared = self._records.shared if target == RECORDS else self._ensure(kind, target)
            kind.write_all(shared, [(op.action, op.args) for op in run], self._replica)
            touched.update(dict.fromkeys(map(touched_by, run)))
        for structure, key in touched:
            if key is None:
                self._roots.changed[structure] = None
            else:
                self._records.refresh(key)
        self._add_part(author, touched)

    def finish(self) -> Outcome | None:
        """End the turn; None if it changed nothing that is stored."""
        found = self._records.differences() + self._roots.differences()
        differences = tuple(d for d in found if not values.same(d.before, d.after))
        updates, parts = self._updates, tuple(self._parts)
        self._reset_turn()
        if not updates:
            return None
        return Outcome(merge(updates), parts, differences)

    # reading

    def read(self, read: Read) -> Any:
        """Answer one question. Raises KindMismatch, RecordMissing or ValidationError.

        The question "open" is whether the kind is registered; while there are watchers, the changes of a
        structure that was opened are told even if it is not.
        """
        kind = kind_at(read.target)
        if read.method == OPEN:
            self._resolve(read.target)
            name, *inside = read.target.path
            if inside or self._roots.is_registered(name):
                return True
            self._roots.follow(read.target)
            return False
        args = kind.check_read(read.method, read.args)
        if read.target == RECORDS:
            return values.copy(kind.answer(self._records.rows, read.method, args))
        shared = self._resolve(read.target)
        if shared is None:
            return kind.answer(None, read.method, args)
        return kind.read(shared, read.method, args)

    @property
    def records(self) -> Mapping[str, dict[str, Any]]:
        """The plain view of the records; rows are replaced by later turns, never changed in place."""
        return self._records.rows

    def snapshot(self) -> list[Difference]:
        """Everything that is here, as if it had just been inserted."""
        return self._records.snapshot() + self._roots.snapshot()

    def state(self) -> bytes:
        """The state vector."""
        return self._doc.get_state()

    def encode(self, state: bytes = EMPTY_STATE) -> bytes:
        """Everything that somebody with state vector ``state`` lacks, as an update.

        Raises MalformedUpdate where pycrdt cannot encode the document: it goes wrong when somebody wrote
        between the two halves of a surrogate pair.
        """
        update = self._doc.get_update(state)
        if self._astral:
            check_update(update)
        return update

    def watch(self, watched: bool) -> None:
        """Say whether somebody wants differences of structures (those of records cost nothing)."""
        self._roots.watch(watched)

    def follow(self, opened: Iterable[Target]) -> None:
        """While differences are wanted: also those of these structures, even if nobody registered them.

        One that is of another kind, or one too many (`MAX_FOLLOWED`), is left out.
        """
        for target in opened:
            with suppress(KindMismatch, LimitExceeded):
                self._roots.follow(target)

    @property
    def followed(self) -> Sequence[Target]:
        """The structures whose differences are wanted and that nobody registered."""
        return self._roots.followed

    def close(self) -> None:
        """Observe no more."""
        self._records.close()
        self._roots.close()
        self._watch.drop()

    # inside

    def _reset_turn(self) -> None:
        self._updates: list[bytes] = []
        self._parts: list[Part] = []
        self._admitted.clear()
        self._records.end_turn()
        self._roots.end_turn()

    def _on_transaction(self, event: Any) -> None:
        if self._writing:  # reading it costs far more than the apply where nobody needs it
            self._written.append(event.update)

    def _add_part(self, author: str | None, touched: Touched) -> None:
        self._roots.take_changed()
        self._records.changed.clear()
        if len(touched) > MAX_PART_KEYS:
            touched = {(structure, None): None for structure, _ in touched}
        if touched:
            self._parts.append(Part(author, tuple(touched)))

    def _note_astral(self, update: bytes) -> None:
        self._astral = self._astral or _ASTRAL.search(update) is not None

    def _resolve(self, target: Target) -> Any:
        """The shared type of ``target``; None for a field that nobody wrote yet."""
        kind = kind_at(target)
        if len(target.path) == 1:
            return self._roots.get(kind, target.path[0])
        return self._records.field(kind, target)

    def _resolve_to_write(self, target: Target) -> Any:
        if len(target.path) == 1:
            self._roots.require_room(target.path[0])
        return self._resolve(target)

    def _ensure(self, kind: Kind, target: Target) -> Any:
        if len(target.path) == 1:
            return self._roots.register(kind, target.path[0])
        shared = self._resolve(target)
        if shared is None:
            assert isinstance(kind, FieldKind)
            _, key, field = target.path
            self._records.shared[key][field] = kind.empty()
            shared = self._records.shared[key][field]
        return shared


def merge(updates: Sequence[bytes]) -> bytes:
    """One update with the effect of all (at least one), in order."""
    merged: list[bytes] = list(updates)
    while len(merged) > 1:
        groups: list[list[bytes]] = [
            merged[start : start + MERGE_GROUP] for start in range(0, len(merged), MERGE_GROUP)
        ]
        merged = [merge_updates(*group) if len(group) > 1 else group[0] for group in groups]
    return merged[0]


def _slices(updates: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    batch: list[bytes] = []
    size = 0
    for update in updates:
        if batch and size + len(update) > LOAD_SLICE_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(update)
        size += len(update)
    if batch:
        yield batch
