"""What an action or question of a structure takes: its arguments, by name, and what each may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from protobase_live.errors import ValidationError
from protobase_live.model.names import known_name
from protobase_live.model.values import MAX_INT_BITS, check, check_atom, require_unlike, short

MAX_ELEMENTS = 10_000
"""Most elements that one action takes one by one; above it ValidationError."""

REQUIRED: Any = object()
"""The default of an argument that has none."""

Check = Callable[[Any, str], Any]
"""Gives an argument its final form, or raises a ValidationError that names it by the second parameter."""


class Argument(NamedTuple):
    """One argument."""

    name: str
    check: Check
    default: Any = REQUIRED


class Signature:
    """The arguments of one action or question."""

    def __init__(self, *arguments: Argument, many: bool = False) -> None:
        """``many``: any number of arguments, up to MAX_ELEMENTS, each like the only one given."""
        self._arguments = arguments
        self._many = many
        self._required = sum(argument.default is REQUIRED for argument in arguments)

    def check(self, what: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """All arguments in their final form. Raises ValidationError, which names ``what``."""
        if self._many:
            return self._check_many(what, given)
        if not self._required <= len(given) <= len(self._arguments):
            raise ValidationError(f"{what} takes {self}, not {len(given)} arguments")
        rest = self._arguments[len(given) :]
        pairs = zip(self._arguments, given, strict=False)
        checked = [argument.check(value, f"{what}: {argument.name}") for argument, value in pairs]
        return (*checked, *(argument.default for argument in rest))

    def _check_many(self, what: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(given) > MAX_ELEMENTS:
            raise ValidationError(f"{what} takes at most {MAX_ELEMENTS} arguments, not {len(given)}")
        (argument,) = self._arguments
        checked = tuple(
            argument.check(value, f"{what}: {argument.name} {i}") for i, value in enumerate(given)
        )
        if argument is ELEMENT:
            require_unlike(checked, f"{what}: {argument.name}s")
        return checked

    def __str__(self) -> str:
        names = ", ".join(argument.name for argument in self._arguments)
        return f"({'*' if self._many else ''}{names})"


Signatures = Mapping[str, Signature]


def integer(value: Any, where: str) -> int:
    """An int of any sign."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValidationError(f"{where} is {short(value)}; expected an int")
    if value.bit_length() > MAX_INT_BITS:
        raise ValidationError(f"{where} is {short(value)}; at most {MAX_INT_BITS} bits are allowed")
    return int(value)


def natural(value: Any, where: str) -> int:
    """An int that is not negative: an index or a count."""
    number = integer(value, where)
    if number < 0:
        raise ValidationError(f"{where} is {number}; expected an int that is not negative")
    return number


def positive(value: Any, where: str) -> int:
    """An int above zero."""
    number = integer(value, where)
    if number < 1:
        raise ValidationError(f"{where} is {number}; expected a positive int")
    return number


def text(value: Any, where: str) -> str:
    """A str."""
    if not isinstance(value, str):
        raise ValidationError(f"{where} is {short(value)}; expected a str")
    return check(value, where)


def sequence(value: Any, where: str) -> list[Any]:
    """A list of values."""
    if not isinstance(value, (list, tuple)):
        raise ValidationError(f"{where} is {short(value)}; expected a list")
    return check(value, where)


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A dict of values with str keys."""
    if not isinstance(value, dict):
        raise ValidationError(f"{where} is {short(value)}; expected a dict")
    return check(value, where)


def anything(value: Any, where: str) -> Any:
    """An argument that only makes sense together with others, and is checked with them."""
    return value


def optional(inner: Check) -> Check:
    """The argument may also be None."""
    return lambda value, where: None if value is None else inner(value, where)


def known_key(value: Any, where: str) -> str:
    """The key of something that is there, whatever it is."""
    return known_name(value)


VALUE = Argument("value", check)
KNOWN_KEY = Argument("key", known_key)
ELEMENT = Argument("element", check_atom)
INDEX = Argument("index", natural)
NOTHING = Signature()
