"""Values of long JSON, with pauses: one message may bring thousands of records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.values.checking import MAX_VALUE_BYTES
from protobase_live.model.values.decoding import decode, from_json
from protobase_live.model.values.encoding import TAG
from protobase_live.model.values.long_decoding import MAX_WHOLE_BYTES, STEP_BYTES

MAX_TAKEN_APART = 4
"""How many levels of lists and dicts are taken apart: a message, its fields, collections, and operations."""

_SPACE = re.compile(r"[ \t\n\r]*")
_TAGGED_DICT = re.compile(r'\{\s*"@"\s*:\s*"dict"\s*,\s*"v"\s*:\s*(?=\{)')


def from_json_in_steps(text: str) -> Generator[None, None, Any]:
    """The value of JSON, with pauses.

    Raises ValueError where it is no JSON, ValidationError where it is no value.
    """
    if len(text) <= STEP_BYTES:
        return from_json(json.loads(text))
    reader = _Reader(text)
    value = yield from reader.value(0)
    if reader.sign():
        raise json.JSONDecodeError("Extra data", text, reader.at)
    return value


class _Reader:
    """Reads a text from its start to its end."""

    def __init__(self, text: str) -> None:
        self.at: int = 0
        self._text = text
        self._pause = STEP_BYTES
        decoder: Any = json.JSONDecoder()
        self._scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once

    def value(self, depth: int) -> Generator[None, None, Any]:
        sign = self.sign()
        if depth < MAX_TAKEN_APART and sign == "[":
            return (yield from self._list(depth))
        if depth < MAX_TAKEN_APART and sign == "{":
            return (yield from self._dict(depth))
        value = decode(self._raw(), depth)
        if self.at >= self._pause:
            self._pause = self.at + STEP_BYTES
            yield
        return value

    def _list(self, depth: int) -> Generator[None, None, list[Any]]:
        found: list[Any] = []
        while self._goes_on("]", first=not found):
            found.append((yield from self.value(depth + 1)))
        return found

    def _dict(self, depth: int) -> Generator[None, None, Any]:
        start = self.at
        if tagged := _TAGGED_DICT.match(self._text, start):
            self.at = tagged.end()
            found = yield from self._fields(depth + 1, has_tag=True)
            if self.sign() == "}":
                self.at += 1
                return found
        self.at = start
        found = yield from self._fields(depth, has_tag=False)
        if found is None:
            self.at = start
            return self._whole(depth)
        return found

    def _fields(self, depth: int, *, has_tag: bool) -> Generator[None, None, dict[str, Any] | None]:
        """The fields of a dict; None if it is a tag, unless that was seen to."""
        found: dict[str, Any] = {}
        while self._goes_on("}", first=not found):
            key = self._key()
            if key == TAG and not has_tag:
                return None
            found[key] = yield from self.value(depth + 1)
        return found

    def _whole(self, depth: int) -> Any:
        """What is tagged otherwise."""
        start, raw = self.at, self._raw()
        if self.at - start > MAX_WHOLE_BYTES:
            raise ValidationError(f"a value is larger than {MAX_VALUE_BYTES} bytes")
        return decode(raw, depth)

    def _key(self) -> str:
        if self.sign() != '"':
            raise json.JSONDecodeError(
                "Expecting property name enclosed in double quotes", self._text, self.at
            )
        key = decode(self._raw(), 0)
        if self.sign() != ":":
            raise self._wrong("Expecting ':' delimiter")
        self.at += 1
        return key

    def _goes_on(self, end: str, *, first: bool) -> bool:
        """Step over what stands before the next item; whether there is one."""
        if first:
            self.at += 1
        sign = self.sign()
        if sign == end:
            self.at += 1
            return False
        if not first:
            if sign != ",":
                raise self._wrong("Expecting ',' delimiter")
            self.at += 1
        return True

    def _raw(self) -> Any:
        try:
            raw, self.at = self._scan(self._text, self.at)
        except StopIteration:
            raise self._wrong("Expecting value") from None
        return raw

    def _wrong(self, reason: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(reason, self._text, self.at)

    def sign(self) -> str:
        """The next character that is no white space; empty at the end."""
        found = _SPACE.match(self._text, self.at)
        self.at = found.end() if found else self.at
        return self._text[self.at : self.at + 1]
