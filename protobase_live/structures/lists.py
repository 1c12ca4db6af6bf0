"""Lists: a Y.Array."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from pycrdt import Array

from protobase_live.errors import ValidationError
from protobase_live.model.values import same
from protobase_live.structures.arguments import (
    INDEX,
    NOTHING,
    VALUE,
    Argument,
    Signature,
    Signatures,
    integer,
    natural,
    optional,
    sequence,
)
from protobase_live.structures.arrays import insert_values, plain_items
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import Args, Entry, FieldKind, require_range, whole_difference
from protobase_live.structures.nested import plain_of
from protobase_live.structures.raw import opened
from protobase_live.structures.splice import splice

T = TypeVar("T")

_VALUES = Argument("values", sequence)


class ListKind(FieldKind):
    """``insert(index, values)``, ``extend(values)``, ``set(index, value)``, ``delete(index, count)``,
    ``clear()``; ``get(index)``, ``slice(start, stop)``, ``values()``, ``count()``.

    Questions take indexes from the end too, as Python does (-1 is the last); actions do not.
    """

    name = "list"
    shared_type = Array
    actions: ClassVar[Signatures] = {
        "insert": Signature(INDEX, _VALUES),
        "extend": Signature(_VALUES),
        "set": Signature(INDEX, VALUE),
        "delete": Signature(INDEX, Argument("count", natural, 1)),
        "clear": NOTHING,
    }
    questions: ClassVar[Signatures] = {
        "get": Signature(Argument("index", integer)),
        "slice": Signature(
            Argument("start", optional(integer), None), Argument("stop", optional(integer), None)
        ),
        "values": NOTHING,
        "count": NOTHING,
    }
    plain_type = list
    whole = "values"

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> int:
        """See Kind; the state is the length."""
        length: int = state if state is not None else 0 if shared is None else len(shared)
        start, deleted, inserted = _extent(length, action, args)
        require_range(f"{self.name}.{action}", start, deleted, length)
        return length - deleted + len(inserted)

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        _splice(shared, *_extent(len(shared), action, args))

    def read(self, shared: Any, method: str, args: Args) -> Any:
        """See Kind."""
        with opened(shared) as (raw, txn):
            length = raw.len(txn)
            if method == "count":
                return length
            if method == "get":
                return plain_of(raw.get(txn, _position(args[0], length)), txn)
        return self.plain(shared)[_span(args)]

    def plain(self, shared: Any) -> list[Any]:
        """See Kind."""
        with opened(shared) as (raw, txn):
            return plain_items(raw, txn, lambda item: plain_of(item, txn))

    def replay(self, value: Any, action: str, args: Args) -> list[Any]:
        """See Kind."""
        given = self._given(value)
        self.rehearse(None, len(given), action, args)
        start, deleted, inserted = _extent(len(given), action, args)
        return [*given[:start], *inserted, *given[start + deleted :]]

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        if method == "count":
            return len(given)
        return given[_position(args[0], len(given))] if method == "get" else given[_span(args)]

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        return whole_difference(before or [], after or [])

    def empty(self) -> Array[Any]:
        """See FieldKind."""
        return Array()

    def check_value(self, value: Any, where: str) -> list[Any]:
        """See FieldKind."""
        return sequence(value, where)

    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """See FieldKind."""
        _splice(shared, *splice(self.plain(shared), value, same))


def _extent(length: int, action: str, args: Args) -> tuple[int, int, list[Any]]:
    """Where an action deletes how many items and inserts which."""
    if action == "insert":
        return args[0], 0, args[1]
    if action == "extend":
        return length, 0, args[0]
    if action == "set":
        return args[0], 1, [args[1]]
    return (0, length, []) if action == "clear" else (args[0], args[1], [])


def _splice(shared: Any, start: int, deleted: int, inserted: Sequence[Any]) -> None:
    if deleted:
        del shared[start : start + deleted]
    insert_values(shared, start, inserted)


def _position(index: int, length: int) -> int:
    if not -length <= index < length:
        raise ValidationError(f"list.get: index {index} is out of range; the length is {length}")
    return index % length


def _span(args: Args) -> slice:
    return slice(*args) if args else slice(None)


LIST = ListKind()


class List(Handle, Generic[T]):
    """A sequence; concurrent inserts are all kept, and each replica's stay together."""

    kind = LIST.name
    behaviour = LIST

    def append(self, value: T) -> Awaitable[None]:
        """Add one value at the end."""
        return self._write("extend", [self._element(value)], method="append")

    def extend(self, values: Sequence[T]) -> Awaitable[None]:
        """Add values at the end."""
        given = cast(Any, values)
        several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping))
        return self._write("extend", [*map(self._element, values)] if several else values)

    def insert(self, index: int, value: T) -> Awaitable[None]:
        """Insert one value before the index."""
        return self._write("insert", index, [self._element(value)])

    def set(self, index: int, value: T) -> Awaitable[None]:
        """Replace the value at the index."""
        return self._write("set", index, self._element(value))

    def delete(self, index: int, count: int = 1) -> Awaitable[None]:
        """Remove ``count`` values from the index on."""
        return self._write("delete", index, count)

    def clear(self) -> Awaitable[None]:
        """Remove every value."""
        return self._write("clear")

    def get(self, index: int) -> Awaitable[T]:
        """The value at the index, counted from the end if negative. Raises ValidationError out of range."""
        return self._read("get", index)

    def slice(self, start: int | None = None, stop: int | None = None) -> Awaitable[list[T]]:
        """The values from ``start`` to before ``stop``, as a Python slice has them."""
        return self._read("slice", start, stop)

    def values(self) -> Awaitable[list[T]]:
        """All values."""
        return self._read("values")

    def count(self) -> Awaitable[int]:
        """How many values there are."""
        return self._read("count")
