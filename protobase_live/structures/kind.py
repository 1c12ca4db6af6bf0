"""What every kind of structure can do: to a document, and the same to a plain value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from protobase_live.errors import KindMismatch, ValidationError
from protobase_live.model.operations import a_kind
from protobase_live.model.values import same, short
from protobase_live.structures.arguments import Signature, Signatures
from protobase_live.structures.portions import wrote
from protobase_live.structures.raw import SharedType

Args = tuple[Any, ...]
Entry = tuple[Any, Any, Any]
"""One difference: key (None for the structure as a whole), before, after; None stands for absent."""


class Kind(ABC):
    """A kind of structure: its actions and questions. Stateless.

    An action goes check, rehearse, write: rehearsing a whole transaction finds whatever is wrong with it
    before anything is written, because a Yjs transaction cannot be rolled back.
    """

    name: ClassVar[str]
    shared_type: ClassVar[SharedType]
    actions: ClassVar[Signatures]
    questions: ClassVar[Signatures]
    plain_type: ClassVar[type]
    whole: ClassVar[str]
    """The question whose answer tells everything (see `restore`)."""

    def check(self, action: str, args: Args, method: str | None = None) -> Args:
        """The arguments in their final form. Raises ValidationError for an unknown action or argument, which
        it says of the ``method`` that was called, if that has another name than the action.
        """
        signature = self._signature("action", self.actions, action)
        return signature.check(f"{self.name}.{method or action}", tuple(args))

    def check_read(self, method: str, args: Args) -> Args:
        """The same for a question."""
        signature = self._signature("question", self.questions, method)
        return signature.check(f"{self.name}.{method}", tuple(args))

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> Any:
        """Raise what keeps a checked action from being carried out after those already rehearsed.

        ``shared`` is None for a structure that nobody wrote yet. ``state`` is what the last rehearsal
        returned, None at first. Takes as long as the action, however large the structure is.
        """
        return state

    @abstractmethod
    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """Carry out a rehearsed action, inside the caller's Yjs transaction. Does not fail.

        ``replica`` is the stable id of the writing node.
        """

    def write_all(self, shared: Any, actions: Sequence[tuple[str, Args]], replica: str) -> None:
        """Carry out several rehearsed actions, one after the other."""
        for action, args in actions:
            self.write(shared, action, args, replica)
            wrote(shared)  # values that follow each other under one key are neighbours, too

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """Answer a checked question."""
        return self.answer(self.plain(shared), method, args)

    def kept(self, shared: Any) -> Any:
        """What stands for a root that is kept: it may remember what would take long to look for."""
        return shared

    @abstractmethod
    def plain(self, shared: Any) -> Any:
        """Everything that is in the structure, as a plain value."""

    def fits(self, entries: Mapping[str, Any]) -> bool:
        """Whether a Y.Map with these native entries can be read as this kind and nothing is left out."""
        return False

    @abstractmethod
    def replay(self, value: Any, action: str, args: Args) -> Any:
        """The plain value that a checked action makes of ``value`` (None: empty), which stays as it is.

        Raises what `rehearse` raises.
        """

    @abstractmethod
    def answer(self, value: Any, method: str, args: Args) -> Any:
        """Answer a checked question from a plain value (None: empty)."""

    def restore(self, answer: Any) -> Any:
        """The plain value that gave ``answer`` to the question `whole`."""
        return answer

    @abstractmethod
    def differences(self, before: Any, after: Any) -> list[Entry]:
        """What changed between two plain values (None: empty), in a fixed order."""

    def _given(self, value: Any) -> Any:
        """A plain value of this kind. Raises KindMismatch for that of another."""
        if value is None:
            return self.plain_type()
        if not isinstance(value, self.plain_type):
            raise KindMismatch(f"{short(value)} is not {a_kind(self.name)}")
        return value

    def _signature(self, what: str, known: Signatures, name: Any) -> Signature:
        if isinstance(name, str) and name in known:
            return known[name]
        wrong = f"{name!r} is no {what} of {a_kind(self.name)}"
        raise ValidationError(f"{wrong}; expected one of {', '.join(known)}")


class KeyedKind(Kind):
    """A kind that is a Y.Map of many entries, whose plain value is changed entry by entry."""

    @abstractmethod
    def refresh(self, shared: Any, plain: Any, keys: Collection[str]) -> list[Entry] | None:
        """Read the entries under these keys of the Y.Map anew, and change ``plain`` accordingly, in place.

        Answers with what `differences` gives of the plain value before and after; None, and nothing was done,
        where only reading all tells. ``shared`` is what `kept` gives.
        """


class FieldKind(Kind):
    """A kind that a record's field may have: it merges what is written concurrently."""

    @abstractmethod
    def empty(self) -> Any:
        """A new shared type to put into the record."""

    @abstractmethod
    def check_value(self, value: Any, where: str) -> Any:
        """The plain value to assign, in its final form. Raises ValidationError."""

    @abstractmethod
    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """Make the structure equal to a checked plain value, by the smallest difference. Does not fail."""


MARK = "@"
"""The entry of a Y.Map inside a record that names its kind."""


def put_entry(entries: dict[str, Any], key: str, value: Any, *, there: bool) -> list[Entry]:
    """Put one value into plain entries, or take it away; answers as `mapping_differences` does."""
    was, before = key in entries, entries.pop(key, None)
    if there:
        entries[key] = value
    return [] if was == there and same(before, value) else [(key, before, value)]


def mapping_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Entry]:
    """The entries that differ, sorted by key."""
    found: list[Entry] = []
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key), after.get(key)
        if (key in before) != (key in after) or not same(one, other):
            found.append((key, one, other))
    return found


def whole_difference(before: Any, after: Any) -> list[Entry]:
    """One entry without a key, unless nothing differs."""
    return [] if same(before, after) else [(None, before, after)]


def require_range(what: str, start: int, count: int, length: int) -> None:
    """Raise ValidationError unless ``count`` items from ``start`` are within ``length``.

    It does not say the length: who may write need not be permitted to read.
    """
    if start + count > length:
        stop = f"{start} to {start + count}" if count else str(start)
        raise ValidationError(f"{what}: index {stop} is out of range: beyond the end")
