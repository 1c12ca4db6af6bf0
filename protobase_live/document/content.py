"""What is seen of a document: its records and structures, in a pycrdt document that is told all structs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, groupby
from typing import Any

from protobase_live.document.difference import Difference
from protobase_live.document.record_rows import Look, RecordRows
from protobase_live.document.rehearsal import rehearse
from protobase_live.document.roots import Roots
from protobase_live.document.state_hash import hash_root, hash_state
from protobase_live.document.targets import OPEN, check_new, fields_of, kind_at, touched_by
from protobase_live.document.undoing import Undoing
from protobase_live.errors import naming
from protobase_live.model.atoms import Atom
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.yjs.structs import Spot
from protobase_live.structures import FieldKind, Kind, Stored, TwinnedKind
from protobase_live.structures.portions import PortionedDoc
from protobase_live.structures.raw import observe_updates
from protobase_live.structures.records import own_map

Touched = dict[tuple[str, str | None], None]
"""An ordered set of structures and keys there; None for a structure as a whole."""

READ_SLICE_VALUES = 5_000
"""About how many values one step reads into the rows of the records (at least one record)."""


class BrokenDocument(Exception):
    """pycrdt failed on an update that breaks no rule known here; the document has to be loaded afresh."""


class JudgeChanged(BrokenDocument):
    """What the sender of an update may write has changed while it was taken: it is to be taken once more."""


class Content:
    """Records and structures of one document, to be read and written."""

    def __init__(self, replica: str, client_id: int | None = None) -> None:
        """``replica`` names the writing node in sets and counters; ``client_id`` is the Yjs client id."""
        self._replica = replica
        # pycrdt looks through all blocks of a client to let go of one that is deleted. So what is deleted
        # stays until `Document.compact` makes the content anew.
        self._doc = PortionedDoc(client_id=client_id, skip_gc=True)
        self.client_id: int = self._doc.client_id
        self._records = RecordRows(self._doc)
        self._roots = Roots(self._doc)
        self.written: list[bytes] = []
        """The updates that `write` has made, until somebody takes them."""

    def another(self) -> Content:
        """An empty one of the same document."""
        return Content(self._replica, self.client_id)

    def close(self) -> None:
        """Observe no more."""
        self._records.close()
        self._roots.close()

    # telling it structs

    def apply(self, update: bytes) -> None:
        """Tell it structs that follow what it was told. Raises BrokenDocument where pycrdt fails."""
        try:
            self._doc.apply_update(update)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic derives from BaseException alone
            raise BrokenDocument(f"the update cannot be applied: {error}") from error

    def read_changed(self) -> Generator[None, None, Touched]:
        """Read what was changed by what it was told, with pauses; answers with what that is."""
        touched: Touched = {}
        while True:
            for key in self._records.refresh_changed(READ_SLICE_VALUES):
                touched["records", key] = None
            if not self._records.has_changed:
                break
            yield
        for name in self._roots.changed:
            touched[name, None] = None
        return touched

    def open_registered(self) -> None:
        """Open the structures that were registered since the last look."""
        self._roots.open_registered()

    def take_over(self, before: Content) -> Generator[None, None, Touched]:
        """Take the place of another content of the same document, with pauses.

        Answers with what may read otherwise.
        """
        records = yield from self._records.carry_on(before._records)
        touched = [*records, *self._roots.carry_on(before._roots)]
        before.close()
        return dict.fromkeys(touched)

    def replace(self, before: Content) -> None:
        """Take the place of another content that was told the same and read it; nothing is read again."""
        self._records.replace(before._records)
        self._roots.replace(before._roots)
        before.close()

    def _on_written(self, event: Any) -> None:
        self.written.append(event.update)

    # a turn

    def count_changed(self) -> None:
        """Count what has changed, and was read, as touched by the turn."""
        self._roots.take_changed()
        self._records.forget_changed()

    @contextmanager
    def writing(self) -> Generator[None, None, None]:
        """What `write` calls run in: a Yjs transaction, or several where they write much."""
        with self.recording(), self._doc.transaction():
            yield
        self._records.forget_changed()

    @contextmanager
    def recording(self) -> Generator[None, None, None]:
        """What is written here meanwhile is `written`."""
        # Observed for no longer than this: observing costs a keystroke more than applying it.
        watch = observe_updates(self._doc, self._on_written)
        try:
            yield
        finally:
            watch.drop()

    def looking(self) -> AbstractContextManager[Look]:
        """What of the records is read anew meanwhile, as it was before."""
        return self._records.looking()

    def undoing(self, spots: Iterable[Spot]) -> Undoing:
        """What takes back what is applied from now on to these places."""
        return Undoing(self._doc, spots)

    def write(self, ops: Sequence[Op]) -> Touched:
        """Carry out operations inside `writing`; answers with what they touched."""
        touched: Touched = {}
        for target, group in groupby(ops, key=lambda op: op.target):
            kind, run = kind_at(target), list(group)
            shared = self._records.shared if target == RECORDS else self._ensure(kind, target)
            kind.write_all(shared, [(op.action, op.args) for op in run], self._replica)
            for op in run:
                structure, key = touched_by(op)
                touched[structure, key] = None
                if key is None:
                    self._roots.changed[structure] = None
                else:
                    self._records.note(key, fields_of(op))
        self._records.refresh_changed()
        return touched

    def differences(self) -> Iterator[Difference]:
        """What the turn has read anew, before and after."""
        return chain(self._records.differences(), self._roots.differences())

    def end_turn(self) -> None:
        """Begin the next turn."""
        self._records.end_turn()
        self._roots.end_turn()

    # reading

    @property
    def rows(self) -> Mapping[str, dict[str, Any]]:
        """The plain view of the records; rows are replaced by later turns, never changed in place."""
        return self._records.rows

    @property
    def strays(self) -> Mapping[str, Any]:
        """What stands among the records and is none, by its key."""
        return self._records.strays

    def read(self, read: Read) -> Any:
        """Answer one question (`Document.read`)."""
        kind = kind_at(read.target)
        if read.method == OPEN:
            self._resolve(read.target)
            name, *inside = read.target.path
            if inside or self._roots.is_registered(name):
                return True
            self._roots.follow(read.target)
            return False
        if read.target == RECORDS:
            return self._records.answer(read.method, kind.check_read(read.method, read.args))
        shared = self._resolve(read.target)
        with naming(read.target):
            args = kind.check_read(read.method, read.args)
            if shared is None:
                return kind.answer(None, read.method, args)
            return kind.read(shared, read.method, args)

    def stored(self, target: Target) -> Stored:
        """What is stored of a set or counted set, which its plain value may not tell (`TwinnedKind`).

        Raises KindMismatch, RecordMissing, ValidationError.
        """
        kind, shared = kind_at(target), self._resolve(target)
        assert isinstance(kind, TwinnedKind)
        return {} if shared is None else kind.stored(shared)

    def hash_state(self) -> Generator[None, None, str]:
        """The state hash, with pauses in which nobody may write."""
        return hash_state(self._doc)

    def hash_roots(self, names: Iterable[str]) -> Generator[None, None, dict[str, bytes]]:
        """A digest of what is in each of these roots, with pauses in which nobody may write."""
        found = dict[str, bytes]()
        for name in names:
            found[name] = yield from hash_root(self._doc, name)
            yield
        return found

    def snapshot(self) -> list[Difference]:
        """Everything that is here, as if it had just been inserted."""
        return self._records.snapshot() + self._roots.snapshot()

    def tell_structures(self, told: bool) -> None:
        """Say whether somebody wants differences of structures (those of records cost nothing)."""
        self._roots.tell_structures(told)

    def follow(self, opened: Iterable[Target]) -> None:
        """While differences are wanted: also those of these structures, as far as that can be."""
        self._roots.follow_all(opened)

    @property
    def followed(self) -> Sequence[Target]:
        """The structures that are followed and that nobody registered."""
        return self._roots.followed

    def rehearse(self, ops: Sequence[Op], schema: type[Atom] | None) -> Generator[None, None, list[Op]]:
        """`rehearse`, with what is here."""
        return rehearse(ops, self.rows, self._resolve_to_write, self._roots.require_room, schema)

    # inside

    def _resolve(self, target: Target) -> Any:
        """The shared type of ``target``; None for a field that nobody wrote yet."""
        kind = kind_at(target)
        if len(target.path) == 1:
            return self._roots.get(kind, target.path[0])
        return self._records.field(kind, target)

    def _resolve_to_write(self, target: Target) -> Any:
        """The shared type of ``target``; None for one that `write` would make.

        Raises KindMismatch, RecordMissing or InvalidName: what keeps `write` from that.
        """
        found = self._resolve(target)
        if found is None:
            check_new(target)
        return found

    def _ensure(self, kind: Kind, target: Target) -> Any:
        if len(target.path) == 1:
            return self._roots.register(kind, target.path[0])
        shared = self._resolve(target)
        if shared is None:
            assert isinstance(kind, FieldKind)
            _, key, field = target.path
            record = own_map(self._records.shared, key)
            record[field] = kind.empty()
            shared = record[field]
        return shared
