"""Reading the fields of a received message, with errors that name what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from protobase_live.errors import ProtocolError
from protobase_live.model.operations import Check, Op, Read, Target

MAX_ID = 2**53 - 1
"""Largest id and count: the largest integer that every JSON reader knows exactly."""

_ABSENT = object()


class Fields:
    """The fields of one message. Each method raises ProtocolError when the field is not what it names."""

    def __init__(self, message: Mapping[str, Any], where: str | None = None) -> None:
        """``where`` is what errors call it, by default the type of the message."""
        self._message = message
        self._type = message.get("type") if where is None else where

    def value(self, name: str) -> Any:
        """Any value, which has to be there."""
        found = self._message.get(name, _ABSENT)
        if found is _ABSENT:
            raise ProtocolError(f"{self._type}: field {name!r} is missing")
        return found

    def count(self, name: str) -> int:
        """An integer from 0 to MAX_ID."""
        return _count(self.value(name), f"{self._type}.{name}")

    def number(self, name: str) -> float:
        """A finite number."""
        found = self.value(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise _wrong(f"{self._type}.{name}", "a number", found)
        return float(found)

    def flag(self, name: str) -> bool:
        """True or false."""
        found = self.value(name)
        if not isinstance(found, bool):
            raise _wrong(f"{self._type}.{name}", "true or false", found)
        return found

    def optional_flag(self, name: str) -> bool:
        """True or false, or no such field, which means false."""
        return name in self._message and self.flag(name)

    def text(self, name: str) -> str:
        """A string."""
        return _text(self.value(name), f"{self._type}.{name}")

    def optional_text(self, name: str) -> str | None:
        """A string, null, or no such field."""
        found = self._message.get(name)
        return None if found is None else _text(found, f"{self._type}.{name}")

    def optional_count(self, name: str) -> int | None:
        """An integer from 0 to MAX_ID, null, or no such field."""
        found = self._message.get(name)
        return None if found is None else _count(found, f"{self._type}.{name}")

    def binary(self, name: str) -> bytes:
        """Bytes."""
        found = self.value(name)
        if not isinstance(found, bytes):
            raise _wrong(f"{self._type}.{name}", "bytes", found)
        return found

    def items(self, name: str) -> Sequence[Any]:
        """A list."""
        return _items(self.value(name), f"{self._type}.{name}")

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        return [_text(each, f"{self._type}.{name}") for each in self.items(name)]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """A list of pairs of strings, or no such field, which means an empty one."""
        where = f"{self._type}.{name}"
        found = [_items(each, where) for each in self.items(name)] if name in self._message else []
        if any(len(each) != 2 for each in found):
            raise _wrong(where, "a list of [kind, name]", self._message[name])
        return [(_text(kind, where), _text(of, where)) for kind, of in found]

    def mapping(self, name: str) -> dict[str, Any]:
        """An object."""
        found = self.value(name)
        if not isinstance(found, dict):
            raise _wrong(f"{self._type}.{name}", "an object", found)
        return cast(dict[str, Any], found)

    def part(self, name: str) -> Fields:
        """The fields of an object within the message."""
        return Fields(self.mapping(name), f"{self._type}.{name}")


def read_form(read: Read) -> list[Any]:
    """``[kind, path, method, arguments]``."""
    return [read.target.kind, list(read.target.path), read.method, list(read.args)]


def parse_read(raw: Any, where: str) -> Read:
    """The Read of its form. Raises ProtocolError."""
    return Read(*_parse_operation(raw, where))


def op_form(op: Op) -> list[Any]:
    """``[kind, path, action, arguments]``."""
    return [op.target.kind, list(op.target.path), op.action, list(op.args)]


def parse_op(raw: Any, where: str) -> Op:
    """The Op of its form. Raises ProtocolError."""
    return Op(*_parse_operation(raw, where))


def check_form(check: Check) -> list[Any]:
    """``[collection, read, digest]``."""
    return [check.collection, read_form(check.read), check.digest]


def parse_check(raw: Any, where: str) -> Check:
    """The Check of its form. Raises ProtocolError."""
    parts = _items(raw, where)
    if len(parts) != 3 or not isinstance(parts[2], bytes):
        raise _wrong(where, "[collection, read, digest]", raw)
    return Check(_text(parts[0], where), parse_read(parts[1], where), parts[2])


def _parse_operation(raw: Any, where: str) -> tuple[Target, str, tuple[Any, ...]]:
    parts = _items(raw, where)
    if len(parts) != 4:
        raise _wrong(where, "[kind, path, verb, arguments]", raw)
    path = tuple(_text(step, f"{where} path") for step in _items(parts[1], f"{where} path"))
    target = Target(_text(parts[0], f"{where} kind"), path)
    return target, _text(parts[2], f"{where} verb"), tuple(_items(parts[3], f"{where} arguments"))


def _items(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _wrong(where, "a list", value)
    return cast(list[Any], value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong(where, "a string", value)
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_ID:
        raise _wrong(where, "an integer from 0 to 2**53 - 1", value)
    return value


def _wrong(where: str, expected: str, found: Any) -> ProtocolError:
    return ProtocolError(f"{where} has to be {expected}, not {repr(found)[:60]}")
