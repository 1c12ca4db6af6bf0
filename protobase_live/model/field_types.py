"""What the annotation of an Atom's field says: which values fit, and how concurrent writes merge.

A merging type is any class with a ``kind`` attribute: the structures' handles (``Counter``, ``Set``,
``List``, ``Text``, ``CountedSet``) serve as annotations, bare or with the type of their elements.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from protobase_live.errors import ValidationError
from protobase_live.model.names import with_article
from protobase_live.model.values import same, short

SUPPORTED = (
    "str, int, float, bool, bytes, datetime, date, list[...], dict[str, ...], Any, Literal[...], unions of "
    "these, Counter, Set[...], List[...], CountedSet[...] and Text"
)
"""The annotations a field may have, for messages."""


_OPTIONS = str, int, bool, bytes, type(None)
"""What an option of a Literal can be."""


class Mismatch(Exception):
    """A value that a field's type does not fit; the caller knows the field and says so."""


Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class FieldType:
    """``expected`` describes the values that fit; ``convert`` gives them their final form or raises Mismatch.

    ``merge`` is the kind that concurrent writes merge by (``"counter"``, ``"set"``, ...), None for a
    last-writer-wins register; ``empty`` is what a merging field holds that nobody has written, ``element``
    the type of what it is made of. ``is_atom``: whether all its values can be elements of sets. ``flaw`` says
    of a value that fits why it cannot be written, if so: what is stored is read without it.
    """

    expected: str
    convert: Convert
    merge: str | None = None
    empty: Any = None
    element: FieldType | None = None
    is_atom: bool = True
    flaw: Callable[[Any], str | None] = lambda value: None

    def fits(self, value: Any) -> bool:
        """Whether it is a value of this type."""
        try:
            self.convert(value)
        except Mismatch:
            return False
        return True


def field_type(annotation: Any) -> FieldType:
    """The type that ``annotation`` describes. Raises ValidationError if a field cannot have it."""
    if plain := _plain(annotation):
        return plain
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(*args)
    if origin is Literal:
        return _literal(args)
    if origin is Union or origin is types.UnionType:
        return _union([_register(arg) for arg in args])
    if origin is list and len(args) == 1:
        return _list(_register(args[0]))
    if origin is dict and len(args) == 2 and args[0] is str:
        return _dict(_register(args[1]))
    if kind := _kind(origin or annotation):
        return _merging(kind, _register(args[0]) if args else _PLAIN[Any])
    raise ValidationError(f"{_name(annotation)} is not a type for a field; use {SUPPORTED}")


def _plain(annotation: Any) -> FieldType | None:
    try:
        return _PLAIN.get(annotation)
    except TypeError:  # what is not hashable, such as [int], is no type
        return None


def _kind(annotation: Any) -> str | None:
    kind = getattr(annotation, "kind", None) if isinstance(annotation, type) else None
    return kind if isinstance(kind, str) else None


def _name(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)


def _annotated(base: Any, *metadata: Any) -> FieldType:
    """``Annotated[int, Counter]``: a merging field whose Python type a type checker understands."""
    for marker in metadata:
        if _kind(get_origin(marker) or marker):
            return field_type(marker)
    return field_type(base)


def _register(annotation: Any) -> FieldType:
    """The type of something inside another type, where nothing merges."""
    inner = field_type(annotation)
    if inner.merge:
        raise ValidationError(f"{_name(annotation)} merges, so it can only be the type of a whole field")
    return inner


# plain types


def _only(kind: type, *but: type) -> Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, kind) or isinstance(value, but):
            raise Mismatch
        return value

    return convert


def _float(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Mismatch
    try:
        return float(value)
    except OverflowError as error:
        raise Mismatch from error


def _as_list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise Mismatch
    return [*value]


def _as_dict(value: Any) -> dict[str, Any]:
    pairs = _as_map(value)
    if not all(isinstance(key, str) for key in pairs):
        raise Mismatch
    return pairs


def _as_map(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise Mismatch
    return {**value}


_NONE = FieldType("None", _only(type(None)))
_INT = FieldType("int", _only(int, bool))

_PLAIN: dict[Any, FieldType] = {
    str: FieldType("str", _only(str)),
    int: _INT,
    float: FieldType("float", _float),
    bool: FieldType("bool", _only(bool)),
    bytes: FieldType("bytes", _only(bytes)),
    datetime: FieldType("datetime", _only(datetime)),
    date: FieldType("date", _only(date, datetime)),
    list: FieldType("list", _as_list, is_atom=False),
    dict: FieldType("dict with str keys", _as_dict, is_atom=False),
    Any: FieldType("a value that can be stored", lambda value: value),
    None: _NONE,
    type(None): _NONE,
}


def _list(item: FieldType) -> FieldType:
    def convert(value: Any) -> Any:
        return [item.convert(element) for element in _as_list(value)]

    return FieldType(f"list of {item.expected}", convert, is_atom=False)


def _dict(item: FieldType) -> FieldType:
    def convert(value: Any) -> Any:
        return {key: item.convert(element) for key, element in _as_dict(value).items()}

    return FieldType(f"dict of str to {item.expected}", convert, is_atom=False)


def _literal(options: tuple[Any, ...]) -> FieldType:
    for option in options:
        if type(option) not in _OPTIONS:  # a member of an Enum is stored as what it is of, and read as that
            raise ValidationError(
                f"{option!r} cannot be an option of a Literal; there are str, int, bool, bytes and None"
            )

    def convert(value: Any) -> Any:
        if not any(value == option and type(value) is type(option) for option in options):
            raise Mismatch
        return value

    return FieldType("one of " + ", ".join(map(repr, options)), convert)


def _union(members: list[FieldType]) -> FieldType:
    """The first member that keeps the value as it is; without one, the first that it fits."""

    def convert(value: Any) -> Any:
        converted: list[Any] = []
        for member in members:
            with suppress(Mismatch):
                converted.append(member.convert(value))
                if same(converted[-1], value):
                    return converted[-1]
        if not converted:
            raise Mismatch
        return converted[0]

    expected = " or ".join(member.expected for member in members)
    return FieldType(expected, convert, is_atom=all(member.is_atom for member in members))


# merging types


def _merging(kind: str, item: FieldType) -> FieldType:
    if kind not in _MERGING:
        raise ValidationError(f"{with_article(kind)} is not a type for a field; use {SUPPORTED}")
    if kind in _OF_ATOMS and not item.is_atom:
        right = "lists and dicts cannot; pb.List takes any value"
        raise ValidationError(f"{item.expected} cannot be an element of {with_article(kind)}: {right}")
    return replace(_MERGING[kind](item), merge=kind, element=item)


def _set(item: FieldType) -> FieldType:
    def convert(value: Any) -> Any:
        if not isinstance(value, (set, frozenset, list, tuple)):
            raise Mismatch
        elements: Iterable[Any] = cast(Iterable[Any], value)
        try:
            return {item.convert(element) for element in elements}
        except TypeError as error:  # an element that is not hashable
            raise Mismatch from error

    return FieldType(f"set of {item.expected}", convert, empty=set[Any]())


def _counted_set(item: FieldType) -> FieldType:
    def convert(value: Any) -> Any:
        return {item.convert(element): _INT.convert(count) for element, count in _as_map(value).items()}

    return FieldType(f"dict of {item.expected} to int", convert, empty=dict[Any, int](), flaw=_uncounted)


def _uncounted(counts: dict[Any, int]) -> str | None:
    for element, count in counts.items():
        if count < 1:
            return f"counts {short(element)} as {count}; expected a positive int"
    return None


_OF_ATOMS = frozenset({"set", "counted_set"})
"""The kinds whose elements are told apart by their values, which a list or dict cannot be."""

_MERGING: dict[str, Callable[[FieldType], FieldType]] = {
    "counter": lambda item: FieldType("int", _INT.convert, empty=0),
    "set": _set,
    "counted_set": _counted_set,
    "list": lambda item: replace(_list(item), empty=list[Any]()),
    "text": lambda item: FieldType("str", _PLAIN[str].convert, empty=""),
}
