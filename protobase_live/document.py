"""A collection's state: one Yjs document, the plain view of its records, and what a turn touched.

Pure of asyncio and clocks. A turn of the collection's actor goes: `apply` what Yjs clients sent, `write`
what transactions want, then `finish`, which says what the turn amounts to. An exception that is not a
`ProtoBaseError` leaves the document unusable: load a fresh one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, cast

from pycrdt import Array, Doc, Map, Text, XmlFragment, merge_updates

from protobase_live import values
from protobase_live.errors import KindMismatch, LimitExceeded, MalformedUpdate, RecordMissing, ValidationError
from protobase_live.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.state_vector import decode_state_vector
from protobase_live.protocol.update import UpdateInfo, check_update
from protobase_live.structures import KINDS, RECORDS_KIND, FieldKind, Kind, kind_of
from protobase_storage.commit import Part

Shared = Map[Any] | Array[Any] | Text | XmlFragment
Touched = dict[tuple[str, str | None], None]  # ordered set of (structure, key)

EMPTY_STATE = b"\x00"
"""State vector of somebody who has nothing."""

EMPTY_UPDATE = b"\x00\x00"
"""The update that changes nothing."""

REGISTRY = "structures"
"""Root map that keeps the kind of every structure that was ever written: name -> kind."""

OPEN = "open"
"""Names what `Document.read` and `Document.write` know of every kind: opening a structure registers it, and
from then on its changes are told, whoever makes them."""

MAX_ROOTS = 10_000
"""Most structures of a collection; another one fails with LimitExceeded."""

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


class Difference(NamedTuple):
    """What a turn did to one record or structure entry; None stands for absent."""

    structure: str
    key: Any
    before: Any
    after: Any


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
        self._doc: Doc[Any] = Doc(client_id=client_id) if client_id is not None else Doc()
        self._replica = replica
        self._records: Map[Any] = self._doc.get(RECORDS.path[0], type=Map)
        self._registry: Map[Any] = self._doc.get(REGISTRY, type=Map)
        self._roots: dict[str, tuple[Kind, Shared]] = {}
        self._registered: set[str] = set()
        self._view: dict[str, dict[str, Any]] = {}
        self._watched = False
        self._plain: dict[str, Any] = {}
        self._writing = False
        self._written: bytes = b""
        self._client_id = self._doc.client_id
        self._clocks: dict[int, int] = {}
        self._admitted: dict[int, int] = {}  # in this turn, and perhaps not applied yet
        self._clocks_known = True
        self._astral = False
        self._reset_turn()
        self._doc.observe(self._on_transaction)
        self._records.observe_deep(self._on_records)
        self._registry.observe(self._on_registry)

    # loading

    def load(self, updates: Sequence[bytes]) -> Iterator[None]:
        """Apply what is durable and read the records, in steps: run the iterator to its end."""
        for batch in _slices(updates):
            merged = merge(batch)
            self._doc.apply_update(merged)
            self._astral = self._astral or _ASTRAL.search(merged) is not None
            yield
        self._clocks_known = False
        self._open_registered()
        self._reset_turn()
        keys = list(self._records.keys())
        for start in range(0, len(keys), LOAD_SLICE_RECORDS):
            with self._doc.transaction():
                for key in keys[start : start + LOAD_SLICE_RECORDS]:
                    self._refresh(key)
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
        self._astral = self._astral or _ASTRAL.search(merged) is not None
        self._updates.append(merged)
        touched: Touched = {}
        for key in self._event_keys:
            self._refresh(key)
            touched["records", key] = None
        for name in self._event_roots:
            touched[name, None] = None
        self._add_part(author, touched)

    @contextmanager
    def writing(self) -> Generator[None]:
        """The one Yjs transaction in which a turn's `write` calls run."""
        self._writing = True
        try:
            with self._doc.transaction():
                yield
        finally:
            self._writing = False
        if self._written:
            self._clocks_known = False
            self._astral = self._astral or _ASTRAL.search(self._written) is not None
            self._updates.append(self._written)
            self._written = b""
        self._event_keys.clear()

    def rehearse(self, ops: Sequence[Op]) -> list[Op]:
        """The operations in the final form that `write` takes; changes nothing.

        Raises the ProtoBaseError that keeps them from being carried out now, if any.
        """
        checked: list[Op] = []
        states: dict[Target, Any] = {}
        assigned: dict[tuple[str, ...], tuple[str, Any]] = {}
        for op in ops:
            kind = _kind(op.target)
            if op.action == OPEN:
                self._resolve(op.target)
                checked.append(op)
                continue
            args = kind.check(op.action, op.args)
            checked.append(Op(op.target, op.action, args))
            if op.target == RECORDS:
                states[RECORDS] = kind.rehearse(self._view, states.get(RECORDS), op.action, args)
                _assign(assigned, op.action, args)
                continue
            shared, state = None, states.get(op.target)
            found = assigned.get(op.target.path[1:])
            if found is not None and found[0] == kind.name:
                state = _length(found[1]) if state is None else state
            elif len(op.target.path) == 1 or not self._is_new(op.target.path[1], states.get(RECORDS)):
                shared = self._resolve(op.target)
            states[op.target] = kind.rehearse(shared, state, op.action, args)
        return checked

    def _is_new(self, key: str, touched: Mapping[str, bool] | None) -> bool:
        """Whether the transaction itself makes the record. Raises RecordMissing if it deletes it."""
        if touched is None or key not in touched:
            return False
        if not touched[key]:
            raise RecordMissing(f"the record {key!r} is deleted earlier in the same transaction")
        return key not in self._view

    def write(self, ops: Sequence[Op], author: str | None = None) -> None:
        """Carry out one transaction as `rehearse` gave it, inside `writing`."""
        touched: Touched = {}
        for target, group in groupby(ops, key=lambda op: op.target):
            kind, run = _kind(target), list(group)
            shared = self._records if target == RECORDS else self._ensure(kind, target)
            actions = [(op.action, op.args) for op in run if op.action != OPEN]
            kind.write_all(shared, actions, self._replica)
            touched.update(dict.fromkeys(map(_touch, run)))
        for structure, key in touched:
            if key is None:
                self._event_roots[structure] = None
            else:
                self._refresh(key)
        self._add_part(author, touched)

    def finish(self) -> Outcome | None:
        """End the turn; None if it changed nothing that is stored."""
        differences = self._differences()
        updates, parts = self._updates, tuple(self._parts)
        self._reset_turn()
        if not updates:
            return None
        return Outcome(merge(updates), parts, differences)

    # reading

    def read(self, read: Read) -> Any:
        """Answer one question. Raises KindMismatch, RecordMissing or ValidationError.

        The question "open" is whether the structure is registered, which the write "open" makes it.
        """
        kind = _kind(read.target)
        if read.method == OPEN:
            self._resolve(read.target)
            return read.target.path[0] in self._registered or len(read.target.path) > 1
        args = kind.check_read(read.method, read.args)
        if read.target == RECORDS:
            return values.copy(kind.answer(self._view, read.method, args))
        shared = self._resolve(read.target)
        if shared is None:
            return kind.answer(None, read.method, args)
        return kind.read(shared, read.method, args)

    @property
    def records(self) -> Mapping[str, dict[str, Any]]:
        """The plain view of the records; rows are replaced by later turns, never changed in place."""
        return self._view

    def snapshot(self) -> list[Difference]:
        """Everything that is here, as if it had just been inserted."""
        found = [Difference("records", key, None, row) for key, row in sorted(self._view.items())]
        for name in sorted(self._registered):
            kind = self._roots[name][0]
            found += [Difference(name, *entry) for entry in kind.differences(None, self._plain_root(name))]
        return found

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
        self._watched = watched
        self._plain = {}
        for name in self._registered if watched else ():
            self._plain[name] = self._plain_root(name)

    # inside

    def _reset_turn(self) -> None:
        self._updates: list[bytes] = []
        self._parts: list[Part] = []
        self._admitted.clear()
        self._before: dict[str, dict[str, Any] | None] = {}
        self._event_keys: set[str] = set()
        self._event_roots: dict[str, None] = {}
        self._touched_roots: dict[str, None] = {}

    def _on_transaction(self, event: Any) -> None:
        if self._writing:  # reading it costs far more than the apply where nobody needs it
            self._written = event.update

    def _on_records(self, events: Sequence[Any]) -> None:
        for event in events:
            path = event.path
            if path:
                self._event_keys.add(path[0])
            else:
                self._event_keys.update(event.keys)

    def _on_registry(self, event: Any) -> None:
        self._event_roots[REGISTRY] = None

    def _on_root(self, name: str, events: Sequence[Any]) -> None:
        self._event_roots[name] = None

    def _add_part(self, author: str | None, touched: Touched) -> None:
        if self._event_roots.pop(REGISTRY, 0) is None:
            self._open_registered()
        touched.pop((REGISTRY, None), None)
        self._touched_roots.update(self._event_roots)
        self._event_keys.clear()
        self._event_roots.clear()
        if len(touched) > MAX_PART_KEYS:
            touched = {(structure, None): None for structure, _ in touched}
        if touched:
            self._parts.append(Part(author, tuple(touched)))

    def _differences(self) -> tuple[Difference, ...]:
        found = [
            Difference("records", key, before, self._view.get(key)) for key, before in self._before.items()
        ]
        if self._watched:
            for name in self._touched_roots.keys() & self._registered:
                kind = self._roots[name][0]
                before, after = self._plain.get(name), self._plain_root(name)
                found += [Difference(name, *entry) for entry in kind.differences(before, after)]
                self._plain[name] = after
        return tuple(d for d in found if not values.same(d.before, d.after))

    def _refresh(self, key: str) -> None:
        before = self._view.get(key)
        self._before.setdefault(key, before)
        shared: Any = self._records.get(key)
        if isinstance(shared, Map):
            self._view[key] = RECORDS_KIND.row(cast("Map[Any]", shared))
        else:  # deleted, or something a Yjs client put there that is no record
            self._view.pop(key, None)

    def _resolve(self, target: Target) -> Shared | None:
        """The shared type of ``target``; None for a field that nobody wrote yet."""
        kind = _kind(target)
        if len(target.path) == 1:
            name = target.path[0]
            shared = self._open(kind, name)
            if self._is_text(kind, name):
                raise KindMismatch(f"{name!r} is a text, not a {kind.name}")
            return shared
        _, key, field = target.path
        record: Any = self._records.get(key)
        if not isinstance(record, Map):
            raise RecordMissing(f"there is no record {key!r}, so it has no field {field!r}")
        shared: Any = cast("Map[Any]", record).get(field)
        if shared is None:
            return None
        found = kind_of(shared) or "plain value"
        if found != kind.name:
            raise KindMismatch(f"field {field!r} of record {key!r} is a {found}, not a {kind.name}")
        return shared

    def _ensure(self, kind: Kind, target: Target) -> Shared:
        shared = self._resolve(target)
        if shared is None:
            assert isinstance(kind, FieldKind)
            _, key, field = target.path
            self._records[key][field] = kind.empty()
            shared = self._records[key][field]
        elif len(target.path) == 1 and target.path[0] not in self._registered:
            self._registry[target.path[0]] = kind.name
            self._registered.add(target.path[0])
        return shared

    def _open(self, kind: Kind, name: str) -> Shared:
        if name in self._roots:
            known, shared = self._roots[name]
            if known is kind:
                return shared
            if name in self._registered:
                raise KindMismatch(f"{name!r} is a {known.name}, not a {kind.name}")
        elif len(self._roots) >= MAX_ROOTS:
            raise LimitExceeded(f"a collection has at most {MAX_ROOTS} structures, asked for or written")
        shared = self._doc.get(name, type=kind.shared_type)
        shared.observe_deep(partial(self._on_root, name))
        self._roots[name] = kind, shared
        return shared

    def _is_text(self, kind: Kind, name: str) -> bool:
        """Whether a list is really a text: pycrdt never returns from reading an emoji as an array."""
        return kind.shared_type is Array and self._astral and str(self._doc.get(name, type=Text)) != ""

    def _plain_root(self, name: str) -> Any:
        kind, shared = self._roots[name]
        return kind.plain_type() if self._is_text(kind, name) else kind.plain(shared)

    def _open_registered(self) -> None:
        """Open what was registered since the last look; all of it counts as touched."""
        for name, kind in (self._registry.to_py() or {}).items():
            if name in self._registered or name in (REGISTRY, RECORDS.path[0]) or kind not in KINDS:
                continue
            if name in self._roots and self._roots[name][0] is not KINDS[kind]:
                del self._roots[name]  # opened as something else before it was known
            self._open(KINDS[kind], name)
            self._registered.add(name)
            self._event_roots[name] = None


def merge(updates: Sequence[bytes]) -> bytes:
    """One update with the effect of all (at least one), in order."""
    merged: list[bytes] = list(updates)
    while len(merged) > 1:
        groups: list[list[bytes]] = [
            merged[start : start + MERGE_GROUP] for start in range(0, len(merged), MERGE_GROUP)
        ]
        merged = [merge_updates(*group) if len(group) > 1 else group[0] for group in groups]
    return merged[0]


def _kind(target: Target) -> Kind:
    kind = KINDS.get(target.kind)
    if kind is None:
        raise ValidationError(f"there is no kind {target.kind!r}; kinds are {', '.join(KINDS)}")
    if len(target.path) == 3 and (target.path[0] != "records" or not isinstance(kind, FieldKind)):
        raise ValidationError(f"{target.path} is no field of a record that can be a {target.kind}")
    if target.kind == "records" and target != RECORDS:
        raise ValidationError(f"records live at {RECORDS.path}, not at {target.path}")
    if target.kind != "records" and target.path[0] in (REGISTRY, "records") and len(target.path) != 3:
        raise ValidationError(f"{target.path[0]!r} is reserved; choose another name for a {target.kind}")
    return kind


def _assign(assigned: dict[tuple[str, ...], tuple[str, Any]], action: str, args: tuple[Any, ...]) -> None:
    """Note which merging fields an operation on a record sets, and to what."""
    key = args[0]
    if action != "update":
        for path in [path for path in assigned if path[0] == key]:
            del assigned[path]
    if action != "delete":
        _, fields, merges = args
        assigned.update({(key, field): (kind, fields[field]) for field, kind in merges.items()})


def _length(value: Any) -> int | None:
    """The length of a list or text that is assigned, which is what rehearsing it needs to know."""
    return len(cast("str | list[Any]", value)) if isinstance(value, (str, list)) else None


def _touch(op: Op) -> tuple[str, str | None]:
    if op.target == RECORDS:
        return "records", op.args[0]
    path = op.target.path
    return (path[0], path[1]) if len(path) == 3 else (path[0], None)


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
