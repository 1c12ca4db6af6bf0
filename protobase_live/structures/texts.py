"""Texts: a Y.Text, indexed by code points.

pycrdt indexes texts by UTF-8 bytes, and counts an object that an editor has embedded as one of them. What
is embedded has no place in a str, so indexes here do not count it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar

from pycrdt import Text as SharedText

from protobase_live.structures.arguments import (
    INDEX,
    NOTHING,
    Argument,
    Signature,
    Signatures,
    natural,
    optional,
)
from protobase_live.structures.arguments import text as check_text
from protobase_live.structures.handle import Handle
from protobase_live.structures.kind import Args, Entry, FieldKind, require_range, whole_difference
from protobase_live.structures.portions import wrote
from protobase_live.structures.splice import splice_text

_TEXT = Argument("text", check_text)


class TextKind(FieldKind):
    """``insert(index, text)`` (index None: at the end), ``delete(index, count)``, ``replace(text)``;
    ``value()``, ``count()``.
    """

    name = "text"
    shared_type = SharedText
    actions: ClassVar[Signatures] = {
        "insert": Signature(Argument("index", optional(natural)), _TEXT),
        "delete": Signature(INDEX, Argument("count", natural, 1)),
        "replace": Signature(_TEXT),
    }
    questions: ClassVar[Signatures] = {"value": NOTHING, "count": NOTHING}
    plain_type = str
    whole = "value"

    def rehearse(self, shared: Any, state: Any, action: str, args: Args) -> int:
        """See Kind; the state is the length in code points."""
        length: int = state if state is not None else 0 if shared is None else len(str(shared))
        start, deleted, inserted = _extent(length, action, args)
        require_range(f"{self.name}.{action}", start, deleted, length)
        return length - deleted + len(inserted)

    def write(self, shared: Any, action: str, args: Args, replica: str) -> None:
        """See Kind."""
        self.write_all(shared, [(action, args)], replica)

    def write_all(self, shared: Any, actions: Sequence[tuple[str, Args]], replica: str) -> None:
        """See Kind; reads the text once, for that takes longer than an edit."""
        value = str(shared)
        for action, args in actions:
            extent = splice_text(value, args[0]) if action == "replace" else _extent(len(value), action, args)
            _splice(shared, value, *extent)
            start, deleted, inserted = extent
            value = value[:start] + inserted + value[start + deleted :]

    def plain(self, shared: Any) -> str:
        """See Kind."""
        return str(shared)

    def replay(self, value: Any, action: str, args: Args) -> str:
        """See Kind."""
        given = self._given(value)
        self.rehearse(None, len(given), action, args)
        start, deleted, inserted = _extent(len(given), action, args)
        return given[:start] + inserted + given[start + deleted :]

    def answer(self, value: Any, method: str, args: Args) -> Any:
        """See Kind."""
        given = self._given(value)
        return given if method == "value" else len(given)

    def differences(self, before: Any, after: Any) -> list[Entry]:
        """See Kind."""
        return whole_difference(before or "", after or "")

    def empty(self) -> SharedText:
        """See FieldKind."""
        return SharedText()

    def check_value(self, value: Any, where: str) -> str:
        """See FieldKind."""
        return check_text(value, where)

    def assign(self, shared: Any, value: Any, replica: str) -> None:
        """See FieldKind."""
        self.write(shared, "replace", (value,), replica)


def _extent(length: int, action: str, args: Args) -> tuple[int, int, str]:
    """Where an action deletes how many code points and inserts which."""
    if action == "insert":
        return (length if args[0] is None else args[0]), 0, args[1]
    return (args[0], args[1], "") if action == "delete" else (0, length, args[0])


def _splice(shared: Any, value: str, index: int, deleted: int, inserted: str) -> None:
    start = _unit(shared, value, index)
    if deleted:
        del shared[start : _unit(shared, value, index + deleted)]
    if inserted:
        shared.insert(start, inserted)
        wrote(shared)


def _unit(shared: Any, value: str, index: int) -> int:
    """The position in pycrdt's units that is just after the first ``index`` code points of ``value``."""
    units = len(shared)
    if units == len(value):  # ASCII, nothing embedded
        return index
    before = len(value[:index].encode())
    return before if units == len(value.encode()) else before + _embedded(shared, index)


def _embedded(shared: Any, index: int) -> int:
    """How many embedded objects are before the code point ``index``."""
    embedded = 0
    for content, _ in shared.diff():
        if isinstance(content, str):
            index -= len(content)
            if index <= 0:
                break
        elif index > 0:
            embedded += 1
    return embedded


TEXT = TextKind()


class Text(Handle):
    """A text that many may edit at once; indexes count code points."""

    kind = TEXT.name
    behaviour = TEXT

    def insert(self, index: int, text: str) -> Awaitable[None]:
        """Insert before the index."""
        return self._write("insert", index, text)

    def append(self, text: str) -> Awaitable[None]:
        """Add at the end."""
        return self._write("insert", None, text, method="append")

    def delete(self, index: int, count: int = 1) -> Awaitable[None]:
        """Remove ``count`` code points from the index on."""
        return self._write("delete", index, count)

    def replace(self, text: str) -> Awaitable[None]:
        """Make this the whole text, by the smallest splice."""
        return self._write("replace", text)

    def value(self) -> Awaitable[str]:
        """The whole text."""
        return self._read("value")

    def count(self) -> Awaitable[int]:
        """How many code points there are."""
        return self._read("count")
