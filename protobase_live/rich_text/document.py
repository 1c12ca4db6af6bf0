"""A rich text as ProseMirror JSON, the neutral form: what `editor.getJSON()` gives.

A document is ``{"type": "doc", "content": [node, ...]}``. A **node** is ``{"type", "attrs", "content"}``,
or a text, ``{"type": "text", "text", "marks"}``; a **mark** is ``{"type", "attrs"}``. One form stands for
each document: what is empty is left out, and so are attributes of nodes that are null, as y-prosemirror
stores none; marks are sorted, since their order means nothing; texts beside each other that have the same
marks are one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from protobase_live.errors import LimitExceeded, ValidationError
from protobase_live.model.values import same, short

Node = dict[str, Any]

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
"""Largest document that is written, in bytes of its texts, names and attributes; above it LimitExceeded."""

MAX_NODES = 10_000
"""Most nodes of a document that is written at once, which holds up a server for a second at most; above it
LimitExceeded."""

MAX_LEVELS = 128
"""Most lists and objects inside each other of a document that is written; above it LimitExceeded."""

MAX_NESTED = 40
"""Most blocks inside each other in HTML and Markdown that is read; above it LimitExceeded."""

MAX_NAME_CHARS = 100
"""Longest name of a node or mark; above it ValidationError."""

TEXT_BLOCKS = frozenset({"paragraph", "heading", "codeBlock"})
"""What holds text, in TipTap's words."""

_MAX_SAFE_INT = 2**53 - 1
_KEYS = ("type", "attrs", "content", "marks", "text")


def node(kind: str, attrs: Mapping[str, Any] | None = None, content: Sequence[Node] = ()) -> Node:
    """A node that is no text, in its one form."""
    made: Node = {"type": kind}
    if kept := {name: value for name, value in (attrs or {}).items() if value is not None}:
        made["attrs"] = kept
    if content:
        made["content"] = joined(content)
    return made


def text_node(text: str, marks: Iterable[Node] = ()) -> Node:
    """A text, in its one form."""
    found = sorted(marks, key=_order)
    kept = [mark for at, mark in enumerate(found) if at == 0 or not same(mark, found[at - 1])]
    return {"type": "text", "text": text, **({"marks": kept} if kept else {})}


def mark(kind: str, attrs: Mapping[str, Any] | None = None) -> Node:
    """A mark, in its one form."""
    return {"type": kind, "attrs": dict(attrs)} if attrs else {"type": kind}


def joined(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, of which neighbouring texts with the same marks are one."""
    groups: list[list[Node]] = []
    for each in nodes:
        if groups and "text" in each and "text" in groups[-1][0] and _alike(each, groups[-1][0]):
            groups[-1].append(each)
        else:
            groups.append([each])
    return [
        group[0] if len(group) == 1 else {**group[0], "text": "".join(each["text"] for each in group)}
        for group in groups
    ]


def content_of(found: Node) -> list[Node]:
    """The nodes within a node."""
    return found.get("content", [])


def attribute(found: Node, name: str, default: Any = None) -> Any:
    """An attribute of a node or mark."""
    return found.get("attrs", {}).get(name, default)


def marks_of(found: Node) -> list[Node]:
    """The marks of a text."""
    return found.get("marks", [])


def common(opened: Sequence[Node], wanted: Sequence[Node]) -> int:
    """How many marks, from the outside in, go on from one text to the next."""
    for at, (one, other) in enumerate(zip(opened, wanted, strict=False)):
        if one != other:
            return at
    return min(len(opened), len(wanted))


def every_name(found: Node) -> Iterator[str]:
    """The names of a node, of its marks and of all that is in it."""
    yield found["type"]
    yield from (each["type"] for each in marks_of(found))
    for child in content_of(found):
        yield from every_name(child)


def _alike(one: Node, other: Node) -> bool:
    return same(marks_of(one), marks_of(other))


def _order(found: Node) -> tuple[str, str]:
    return found["type"], json.dumps(found.get("attrs", {}), sort_keys=True, default=repr)


def check_document(value: Any, where: str = "the document") -> Node:
    """The document in its one form.

    Marks of what is no text are left out, as y-prosemirror stores none. Raises ValidationError, which names
    the place, for what is no document or would make an editor drop it; LimitExceeded.
    """
    return _Check().document(value, where)


class _Check:
    """One check; keeps count of what there is."""

    def __init__(self) -> None:
        self._nodes = 0
        self._bytes = 0

    def document(self, value: Any, where: str) -> Node:
        fields = self._fields(value, where, 1)
        if fields.get("type") != "doc" or "text" in fields:
            raise ValidationError(
                f"{where} is {short(value)}; expected {{'type': 'doc', 'content': [...]}}, "
                "what editor.getJSON() gives"
            )
        if self._attributes(fields, where, 2) or fields.get("marks"):
            raise ValidationError(
                f"{where} has attributes or marks of its own, which Yjs editors do not store"
            )
        return {"type": "doc", "content": self._content(fields, where, 2)}

    def _node(self, value: Any, where: str, level: int) -> Node:
        fields = self._fields(value, where, level)
        self._count(where)
        kind, marks = self._name(fields, where), self._marks(fields, where, level + 1)
        if kind == "text":
            return self._text(fields, marks, where)
        if "text" in fields or kind == "doc":
            fault = "with a text" if "text" in fields else "within a document"
            raise ValidationError(
                f"{where} is of type {kind!r} {fault}; a text is a node of type 'text', and the whole a 'doc'"
            )
        attrs = self._attributes(fields, where, level + 1)
        return node(kind, attrs, self._content(fields, where, level + 1))

    def _text(self, fields: Node, marks: list[Node], where: str) -> Node:
        text = fields.get("text")
        if not isinstance(text, str) or not text:
            raise ValidationError(f"{where} has the text {short(text)}; expected a str that is not empty")
        if "content" in fields or "attrs" in fields:
            raise ValidationError(f"{where} is a text, which has no content and no attributes")
        return text_node(self._string(text, where), marks)

    def _content(self, fields: Node, where: str, level: int) -> list[Node]:
        given = self._list(fields, "content", where, level)
        is_top = fields["type"] == "doc"
        found = [self._node(each, f"{where}.content[{at}]", level + 1) for at, each in enumerate(given)]
        for at, each in enumerate(found if is_top else ()):
            if "text" in each:
                raise ValidationError(
                    f"{where}.content[{at}] is a text at the top, which makes editors drop the document; "
                    "put it into a block, such as {'type': 'paragraph', 'content': [...]}"
                )
        return joined(found)

    def _marks(self, fields: Node, where: str, level: int) -> list[Node]:
        marks = list[Node]()
        for at, given in enumerate(self._list(fields, "marks", where, level)):
            place = f"{where}.marks[{at}]"
            found = self._fields(given, place, level + 1)
            if surplus := found.keys() - {"type", "attrs"}:
                raise ValidationError(f"{place} has {short(min(surplus))}; a mark has 'type' and 'attrs'")
            marks.append(mark(self._name(found, place), self._attributes(found, place, level + 2)))
        return marks

    def _attributes(self, fields: Node, where: str, level: int) -> dict[str, Any]:
        given = fields.get("attrs", {})
        if not isinstance(given, dict):
            raise ValidationError(f"{where}.attrs is {short(given)}; expected an object")
        return self._json(given, f"{where}.attrs", level)

    def _fields(self, value: Any, where: str, level: int) -> Node:
        self._require_level(level, where)
        if not isinstance(value, dict):
            raise ValidationError(f"{where} is {short(value)}; expected an object with a 'type'")
        fields = cast("dict[Any, Any]", value)
        for key in fields:
            if key not in _KEYS:
                raise ValidationError(f"{where} has {short(key)}; a node has {', '.join(_KEYS)}")
        return fields

    def _name(self, fields: Node, where: str) -> str:
        name = fields.get("type")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARS:
            raise ValidationError(
                f"{where} has the type {short(name)}; expected a name, at most {MAX_NAME_CHARS} characters"
            )
        return self._string(name, where)

    def _list(self, fields: Node, key: str, where: str, level: int) -> list[Any]:
        given = fields.get(key, [])
        if not isinstance(given, (list, tuple)):
            raise ValidationError(f"{where}.{key} is {short(given)}; expected a list")
        self._require_level(level, where)
        return list(cast("Sequence[Any]", given))

    def _json(self, value: Any, where: str, level: int) -> Any:
        self._grow(1, where)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._string(value, where)
        if isinstance(value, (int, float)):
            return _number(value, where)
        self._require_level(level, where)
        if isinstance(value, (list, tuple)):
            items = cast("Sequence[Any]", value)
            return [self._json(each, f"{where}[{at}]", level + 1) for at, each in enumerate(items)]
        if not isinstance(value, dict) or not all(
            isinstance(key, str) for key in cast("dict[Any, Any]", value)
        ):
            raise ValidationError(f"{where} is {short(value)}; expected what JSON has")
        pairs = cast("Node", value).items()
        return {
            self._string(key, where): self._json(each, f"{where}.{key}", level + 1) for key, each in pairs
        }

    def _string(self, text: str, where: str) -> str:
        try:
            self._grow(len(text) if text.isascii() else len(text.encode()), where)
        except UnicodeEncodeError:
            raise ValidationError(f"{where} has a lone surrogate; use well-formed Unicode") from None
        return str.__str__(text)

    def _count(self, where: str) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitExceeded(
                f"{where}: at most {MAX_NODES} nodes are written at once (MAX_NODES); append others"
            )

    def _grow(self, size: int, where: str) -> None:
        self._bytes += size
        if self._bytes > MAX_DOCUMENT_BYTES:
            raise LimitExceeded(
                f"{where}: a document has at most {MAX_DOCUMENT_BYTES} bytes (MAX_DOCUMENT_BYTES)"
            )

    def _require_level(self, level: int, where: str) -> None:
        if level > MAX_LEVELS:
            raise LimitExceeded(
                f"{where}: a document has at most {MAX_LEVELS} lists and objects inside each other "
                "(MAX_LEVELS)"
            )


def _number(value: float, where: str) -> int | float:
    """The number as JavaScript has it."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValidationError(f"{where} is {short(value)}; expected what JSON has")
    return int(number) if number.is_integer() and abs(number) <= _MAX_SAFE_INT else number
