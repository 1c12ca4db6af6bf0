"""Atoms: typed records, described by annotations.

::

    class Task(Atom):
        title: str
        done: bool = False
        votes: Counter = 0
        tags: Annotated[set[str], Set] = set()    # the same as Set[str], and type checkers understand it

An Atom checks its values when it is made and when it is written. A plain type is a last-writer-wins
register; a merging type adds up what is written concurrently (see :mod:`protobase_live.model.field_types`).
"""

from __future__ import annotations

import builtins
import copy
import difflib
import inspect
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform, get_origin

from protobase_live.errors import InvalidName, ValidationError
from protobase_live.model import names, values
from protobase_live.model.field_types import FieldType, Mismatch, field_type

REQUIRED: Any = object()
"""The default of a field that has none."""

A = TypeVar("A", bound="Atom")

_CALLED_BY_A_DEFINITION = "__init_subclass__", "__new__"
"""Functions between a class's definition and `Atom`: those of other bases, and of its metaclass."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an Atom class: its name, its type and its default (``REQUIRED`` without one)."""

    name: str
    type: FieldType
    default: Any = REQUIRED


@dataclass_transform(eq_default=True, kw_only_default=True)
class Atom:
    """Base class of typed records. Fields are given by keyword; equal when class and fields are equal.

    Raises ValidationError for a field that is unknown, missing or of the wrong type; a class whose
    annotations cannot be stored raises it where it is defined. Setting an attribute that is no field raises
    AttributeError, unless its name begins with an underscore.

    ``__indexes__`` names the fields that queries look up, each by itself or several as a tuple; opening a
    collection with the class declares them. ``_key`` is the record's key in an Atom that was read; another
    has none.
    """

    __fields__: ClassVar[Mapping[str, Field]] = MappingProxyType({})
    __extra__: Mapping[str, Any] = MappingProxyType({})
    __indexes__: ClassVar[Sequence[str | Sequence[str]]] = ()
    _key: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = _annotations(cls, inspect.currentframe())
        inherited = [base.__fields__ for base in reversed(cls.__mro__[1:]) if issubclass(base, Atom)]
        fields = {name: field for each in inherited for name, field in each.items()}
        for name, annotation in own.items():
            if annotation is not ClassVar and get_origin(annotation) is not ClassVar:
                fields[name] = _define(cls, name, annotation)
        cls.__fields__ = MappingProxyType(fields)
        _check_indexes(cls)
        for name in index_fields(cls):
            if (root := name.partition(".")[0]) not in fields:
                raise ValidationError(unknown(f"{cls.__qualname__}.__indexes__ names no field", root, fields))

    def __init__(self, /, **fields: Any) -> None:
        vars(self).update(complete(type(self), fields))

    if not TYPE_CHECKING:  # a type checker that sees it lets every attribute be set

        def __setattr__(self, name: str, value: Any) -> None:
            """Set a field, a property or what begins with an underscore; AttributeError for another."""
            known = name in self.__fields__ or name.startswith("_")
            if not known and not hasattr(getattr(type(self), name, None), "__set__"):
                raise AttributeError(
                    unknown(f"{type(self).__qualname__} has no field", name, self.__fields__)
                )
            super().__setattr__(name, value)

    @classmethod
    def fields(cls) -> Mapping[str, Field]:
        """The fields by name, in the order they were defined."""
        return cls.__fields__

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__fields__)

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # mutable, as dataclasses are

    def __repr__(self) -> str:
        pairs = (f"{name}={getattr(self, name)!r}" for name in self.__fields__)
        return f"{type(self).__qualname__}({', '.join(pairs)})"


def index_fields(cls: type[Atom]) -> list[str]:
    """The fields that the indexes of a class name."""
    return [name for each in cls.__indexes__ for name in ((each,) if isinstance(each, str) else each)]


def _check_indexes(cls: type[Atom]) -> None:
    given: Any = cls.__indexes__
    fields: list[Any] = []
    for each in cast("list[Any]", given if isinstance(given, list | tuple) else [given]):
        fields += cast("list[Any]", each if isinstance(each, list | tuple) else [each])
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in fields):
        raise ValidationError(
            f"{cls.__qualname__}.__indexes__ takes a tuple of fields, or of tuples of them, such as "
            f"('owner', ('owner', 'due')), not {values.short(given)}"
        )


def dump(atom: Atom, key: str | None = None) -> dict[str, Any]:
    """The record's plain fields, checked, with the fields its class did not know when it was loaded.

    ``key`` is for the message of the ValidationError only.
    """
    cls = type(atom)
    return {
        **atom.__extra__,
        **check_fields(cls, {name: getattr(atom, name) for name in cls.__fields__}, key),
    }


def load(cls: type[A], row: Mapping[str, Any], key: str | None = None) -> A:
    """The Atom of a stored row. Raises ValidationError where the row lacks a field or holds a wrong type.

    Fields that the class does not have are kept aside, and `dump` gives them back: a program with an
    older class does not erase what a newer one wrote.
    """
    known = {
        name: _convert(cls, field, row[name], key) for name, field in cls.__fields__.items() if name in row
    }
    atom = cls.__new__(cls)
    vars(atom).update(_defaulted(cls, known, key))
    if len(known) < len(row):
        atom.__extra__ = {name: value for name, value in row.items() if name not in known}
    return atom


def misfits(
    cls: type[Atom], row: Mapping[str, Any], own: Container[str] | None = None
) -> Iterator[tuple[str, str]]:
    """The fields of a row that do not fit ``cls``, each with what is wrong.

    Without ``own`` that has nothing of what stands there, nor the name of a field that the class has not.
    ``own`` are the fields whose values whoever is told has given himself, as he has all names.
    """
    for name, field in cls.__fields__.items():
        try:
            if name in row:
                field.type.convert(row[name])
            elif field.default is REQUIRED:
                yield name, f"it lacks the field {name!r}; expected {field.type.expected}"
        except Mismatch:
            found = f"is {values.short(row[name])}" if own and name in own else "does not fit"
            yield name, f"its field {name!r} {found}; expected {field.type.expected}"
    for name in (each for each in row if each not in cls.__fields__):
        yield name, _unexpected(cls, name if own is not None else None)


def _unexpected(cls: type[Atom], name: str | None) -> str:
    """What is wrong with a field that the class has not; None: its name is not told."""
    if name is None:
        return f"it has another field; there are {', '.join(cls.__fields__) or 'none'}"
    return unknown(f"{cls.__qualname__} has no field", name, cls.__fields__)


def merges(cls: type[Atom]) -> dict[str, str]:
    """The fields that merge, with the kind they merge by."""
    return {name: field.type.merge for name, field in cls.__fields__.items() if field.type.merge}


def check_element(cls: type[Atom], name: str, value: Any, key: str | None = None) -> Any:
    """An element of a merging field in its final form; ValidationError where the class says another type."""
    element = cls.__fields__[name].type.element
    try:
        return value if element is None else element.convert(value)
    except Mismatch:
        where, found = f"{_where(cls, key)}: field {name!r}", values.short(value)
        expected = element.expected if element else ""
        raise ValidationError(f"{where}: an element is {found}; expected {expected}") from None


def check_fields(cls: type[Atom], fields: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
    """``fields``, some of those of ``cls``, in their final form; else ValidationError."""
    return {name: _check(cls, name, value, key) for name, value in fields.items()}


def complete(cls: type[Atom], fields: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
    """All fields of ``cls``: ``fields``, checked, and the defaults of the others; else ValidationError."""
    return _defaulted(cls, check_fields(cls, fields, key), key)


def require_atom(collection: str, atom: Any) -> None:
    """Raise ValidationError for what is no class of the records of ``collection``."""
    is_atom = isinstance(atom, type) and issubclass(cast("type[Any]", atom), Atom)
    if not is_atom:
        found = getattr(atom, "__name__", None) or values.short(atom)
        raise ValidationError(f"collection {collection!r}: {found} is not a subclass of Atom")


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The message for a name, if it is one, that is none of ``known``, with the nearest one that is."""
    choices = list(known)
    near = difflib.get_close_matches(str(name), choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices) or 'none'}"
    return f"{what} {name!r}; {hint}"


def _annotations(cls: type[Atom], frame: FrameType | None) -> dict[str, Any]:
    """The class's own, with those that are text evaluated. ``frame`` is one that its definition called.

    Raises ValidationError.
    """
    passed: dict[str, Any] = {}
    while frame is not None and frame.f_code.co_name in _CALLED_BY_A_DEFINITION:
        passed = frame.f_locals | passed  # a class may be defined in one of these, too
        frame = frame.f_back
    # What the class has comes behind the rest: a field may be called as its own type, or as another one's.
    local = passed if frame is None else passed | frame.f_locals
    module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    known = {cls.__name__: cls, **vars(cls), **vars(builtins), **module, **local}
    return {
        name: _evaluated(cls, name, annotation, module, known) if isinstance(annotation, str) else annotation
        for name, annotation in inspect.get_annotations(cls).items()
    }


def _evaluated(
    cls: type[Atom], name: str, annotation: str, module: dict[str, Any], known: Mapping[str, Any]
) -> Any:
    try:
        return eval(annotation, module, known)
    except Exception as error:
        raise ValidationError(
            f"{cls.__qualname__}: field {name!r}: its annotation {annotation!r} says no type: {error}"
        ) from error


def _define(cls: type[Atom], name: str, annotation: Any) -> Field:
    names.check_field(name)
    if name.startswith("_"):
        raise InvalidName(f"{cls.__qualname__}: field {name!r} must not start with an underscore")
    try:
        found = field_type(annotation)
    except ValidationError as error:
        raise ValidationError(f"{cls.__qualname__}: field {name!r}: {error}") from error
    field = Field(name, found, found.empty if found.merge else REQUIRED)
    default = vars(cls).get(name, REQUIRED)
    return field if default is REQUIRED else Field(name, found, _checked(cls, field, default))


def _defaulted(cls: type[Atom], given: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    fields = cls.__fields__.values()
    if missing := next((f for f in fields if f.name not in given and f.default is REQUIRED), None):
        expected = missing.type.expected
        raise ValidationError(f"{_where(cls, key)} lacks the field {missing.name!r}; expected {expected}")
    return {f.name: given[f.name] if f.name in given else copy.deepcopy(f.default) for f in fields}


def _check(cls: type[Atom], name: str, value: Any, key: str | None) -> Any:
    if name not in cls.__fields__:
        raise ValidationError(unknown(f"{_where(cls, key)} has no field", name, cls.__fields__))
    return _checked(cls, cls.__fields__[name], value, key)


def _checked(cls: type[Atom], field: Field, value: Any, key: str | None = None) -> Any:
    converted, where = _convert(cls, field, value, key), f"{_where(cls, key)}: field {field.name!r}"
    if flaw := field.type.flaw(converted):
        raise ValidationError(f"{where} {flaw}")
    if field.type.merge:  # the structure's own check covers its elements
        return converted
    return values.check(converted, where)


def _convert(cls: type[Atom], field: Field, value: Any, key: str | None) -> Any:
    try:
        return field.type.convert(value)
    except Mismatch:
        where, found = f"{_where(cls, key)}: field {field.name!r}", values.short(value)
        raise ValidationError(f"{where} is {found}; expected {field.type.expected}") from None


def _where(cls: type[Atom], key: str | None) -> str:
    return cls.__qualname__ if key is None else f"{cls.__qualname__} {key!r}"
