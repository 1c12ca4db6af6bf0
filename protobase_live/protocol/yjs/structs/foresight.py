"""Where an update is about to write, told before it is taken: of what editors send most, and of nothing else.

Told are the roots that it writes into. Of one root, that of records, it has to be a field of a record each
time: a plain value that is set, or a text that changes inside. Nothing here is a guess: what is told holds
wherever the update is taken next, also where concurrent edits take away its effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import unpack_from
from typing import Any, Final, NamedTuple, TypeVar

from protobase_live.protocol.yjs.common_structs import clock_of
from protobase_live.protocol.yjs.struct import INTEGER, KIND, STRING, TEXT, TYPE, VALUES, Id, Struct
from protobase_live.protocol.yjs.structs.edits import Edit
from protobase_live.protocol.yjs.structs.log import KEYED, KIND_MARK, Log
from protobase_live.protocol.yjs.structs.store import Store
from protobase_live.protocol.yjs.update_walker import DeletedRange

MAX_KNOWN = 10_000
"""Records, names of fields and what else is known again; when there are more, that begins anew."""

MAX_STEPS = 32
"""Most values one before the other under a key that are looked at: the first of them has its name."""

MAX_DELETED = 100
"""Most structs that are looked at because an update deletes them."""

TYPED: Final = object()
"""Stands for the value of a field in whose text something is typed or deleted."""

UNTOLD: Final = object()

_MAP_TYPE, _TEXT_TYPE = 1, 2
_WORDS = {126: None, 121: False, 120: True}
_FLOATS = {124: ">f", 123: ">d"}


class Aim(NamedTuple):
    """One place that an update writes to."""

    root: str
    field: str | None = None
    """Of the root of records: the field of one of them."""
    value: Any = None
    """What it is set to, as it stands in the document, or `TYPED`."""


Known = TypeVar("Known", str, Aim, None)


class Foresight:
    """Tells of the updates to one document."""

    def __init__(self, store: Store, records: str) -> None:
        """``records`` is the root whose fields are told."""
        self._logs = store.logs
        self.records = records
        # A struct never changes its place, so what is known of one stays true.
        self._of_records: dict[int, None] = {}
        """The parents that are records."""
        self._insides: dict[int, Aim] = {}
        """Where something stands that is inside a parent."""
        self._names: dict[int, str] = {}
        """The names of fields, by their numbers (`Logs.key_number`). Two in a thousand million share one: who
        may write the one field could then write the other, and nobody can bring that about."""

    def inside(self, parent: int) -> Aim | None:
        """Where something stands that is inside a shared type or a root."""
        if (known := self._insides.get(parent)) is None and (known := self._found_inside(parent)) is not None:
            _keep(self._insides, parent, known)
        return known

    def field(self, log: Log, number: int) -> str | None:
        """The field of a record in which a struct stands; None if it is far from its name, or in no field."""
        parent = log.parents[number]
        if not log.marks[number] & KEYED or not (parent in self._of_records or self._is_record(parent)):
            return None
        key = log.subs[number]
        if (name := self._names.get(key)) is None and (name := self._named(log, number)) is not None:
            _keep(self._names, key, name)
        return name

    def other_root(self, parent: int) -> str | None:
        """The root that a parent is, or is in; None for that of records, and for what is gone."""
        root = self._root_of(parent)
        return None if root == self.records else root

    def edit(self, update: bytes, edit: Edit) -> Sequence[Aim] | None:
        """Where an update will write that `read_edit` has read; None: that is known when it was taken."""
        client, structs, deletes = edit
        if structs and not self._is_next(client, structs[0].clock):
            return None
        made, replaced = dict[Id, Aim](), set[Id]()
        for struct in structs:
            aim = self._of_struct(update, struct, made)
            if aim is None:
                return None
            made[client, struct.clock] = made[client, struct.clock + struct.length - 1] = aim
            if aim.field is not None and struct.origin is not None:
                replaced.add(struct.origin)
        gone = self._of_deletes(deletes, replaced)
        return None if gone is None else [*made.values(), *gone]

    def _is_next(self, client: int, clock: int) -> bool:
        """Whether a client's structs go on with this clock. What came before keeps the place it has."""
        log = self._logs.by_client.get(client)
        return clock == (0 if log is None else log.end)

    def _of_struct(self, update: bytes, struct: Struct, made: dict[Id, Aim]) -> Aim | None:
        beside, parent = struct.origin or struct.right, struct.parent
        if isinstance(parent, str):
            return None if parent == self.records else Aim(parent)
        near = beside or parent
        if near is None:  # garbage
            return None
        is_typed = struct.info & KIND == TEXT
        if (known := made.get(near)) is not None:
            return known if known.field is None or (known.value is TYPED and is_typed) else None
        found = self._find(near)
        if found is None:
            return None
        log, number = found
        if beside is not None and log.marks[number] & KEYED:
            is_set = struct.right is None and struct.length == 1 and struct.info & KIND == VALUES
            return self._of_entry(update, beside, struct.content if is_set else None, struct.end)
        aim = self.inside(self._logs.type_number(near) if beside is None else log.parents[number])
        return None if aim is None or (aim.value is TYPED and not is_typed) else aim

    def _of_entry(self, update: bytes, left: Id, content: int | None, end: int) -> Aim | None:
        """Where a struct stands beside another one under its key; with no content, if it is not one value."""
        found = self._find(left)
        if found is None:
            return None
        field = self.field(*found)
        if field is None:
            root = self.other_root(found[0].parents[found[1]])
            return None if root is None else Aim(root)
        value = UNTOLD if content is None else plain_value(update, content + 1, end)
        return None if value is UNTOLD else Aim(self.records, field, value)

    def _of_deletes(self, deletes: Iterable[DeletedRange], replaced: set[Id]) -> list[Aim] | None:
        """Where it is deleted, beside what is replaced."""
        aims = list[Aim]()
        for client, start, end in deletes:
            log = self._logs.by_client.get(client)
            if log is None or log.end < end:
                return None
            for number in range(log.find(start), log.find(end - 1) + 1):
                if (client, log.starts[number]) in replaced:
                    continue
                aim = self.inside(log.parents[number])
                if aim is None or len(aims) == MAX_DELETED:
                    return None
                aims.append(aim)
        return aims

    def _found_inside(self, parent: int) -> Aim | None:
        root = self._root_of(parent)
        if root is None or root != self.records:
            return None if root is None else Aim(root)
        text = self._type(parent, _TEXT_TYPE)
        field = None if text is None else self.field(*text)
        return None if field is None else Aim(root, field, TYPED)

    def _root_of(self, parent: int) -> str | None:
        """The root that a parent is, or is in; None for what is gone."""
        logs = self._logs
        while parent >= 0:
            log, number = logs.look_up(logs.type_id(parent))
            parent = log.parents[number]
        name = logs.parent(parent)
        return name if isinstance(name, str) else None

    def _named(self, log: Log, number: int) -> str | None:
        """The name of the key under which a struct stands, which the first that stood there says."""
        for _ in range(MAX_STEPS):
            if (beside := log.origin(number)) is None:
                return log.read(number).sub
            if (found := self._find(beside)) is None:
                return None
            log, number = found
        return None

    def _is_record(self, parent: int) -> bool:
        """Whether a parent is a map that stands under a key of the root of records."""
        if (found := self._type(parent, _MAP_TYPE)) is None:
            return False
        log, number = found
        above = log.parents[number]
        if not log.marks[number] & KEYED or above >= 0 or self._logs.parent(above) != self.records:
            return False
        _keep(self._of_records, parent, None)
        return True

    def _type(self, parent: int, reference: int) -> tuple[Log, int] | None:
        """The struct that brings the shared type that a parent is, if it is of this kind."""
        if parent < 0:
            return None
        log, number = self._logs.look_up(self._logs.type_id(parent))
        is_such = log.marks[number] & KIND_MARK == TYPE and log.type_reference(number) == reference
        return (log, number) if is_such else None

    def _find(self, id: Id) -> tuple[Log, int] | None:
        """A struct that is known: its log, and its number there."""
        log = self._logs.by_client.get(id[0])
        return None if log is None or log.end <= id[1] else (log, log.find(id[1]))


def _keep(known: dict[int, Known], number: int, found: Known) -> None:
    if len(known) >= MAX_KNOWN:
        known.clear()
    known[number] = found


def plain_value(data: bytes, at: int, end: int) -> Any:
    """A common value as it stands in the document; `UNTOLD` for any other."""
    tag = data[at]
    if tag == STRING:
        return data[at + 2 : end].decode()  # whose length is one byte, or it would not be common
    if tag in _WORDS:
        return _WORDS[tag]
    if tag in _FLOATS:
        return unpack_from(_FLOATS[tag], data, at + 1)[0]
    if tag == INTEGER and end - at <= 5:
        first, more = data[at + 1], data[at + 2 : end]
        size = first & 0x3F | (clock_of(more) << 6 if more else 0)
        return -size if first & 0x40 else size
    return UNTOLD
