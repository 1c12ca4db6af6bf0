"""HTML as documents in TipTap's words.

Blocks end each other as in HTML: a paragraph at the next block, a list's item at the next one. Elements that
have no meaning here are left out and what is in them stays; scripts, styles and what else is not shown goes
with all that is in it, and so do addresses that could run code (`urls`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from protobase_live.errors import LimitExceeded
from protobase_live.rich_text.document import (
    MAX_DOCUMENT_BYTES,
    MAX_NESTED,
    MAX_NODES,
    TEXT_BLOCKS,
    Node,
    content_of,
    joined,
    mark,
    node,
    text_node,
)
from protobase_live.rich_text.html_elements import BLOCKS, BREAKING, HIDDEN, MARKS
from protobase_live.rich_text.html_tokens import Tag, html_tokens
from protobase_live.rich_text.plain import BREAK
from protobase_live.rich_text.urls import safe_image, safe_link

MAX_NESTED_MARKS = 200
"""Most elements inside each other that are marks of a text; above it LimitExceeded."""

Attributes = Mapping[str, str]

_INSIDE: Mapping[str, frozenset[str]] = {
    "listItem": frozenset({"bulletList", "orderedList"}),
    "tableRow": frozenset({"table"}),
    "tableCell": frozenset({"tableRow"}),
    "tableHeader": frozenset({"tableRow"}),
}
_AROUND: Mapping[str, str] = {
    "bulletList": "listItem",
    "orderedList": "listItem",
    "table": "tableRow",
    "tableRow": "tableCell",
}
"""What stands between a block and what may not be directly in it."""

_SPACES = re.compile("[ \t\n\r\f]+")


def document_of_html(source: str) -> Node:
    """The document that HTML says. Raises LimitExceeded."""
    if len(source) > MAX_DOCUMENT_BYTES:
        raise LimitExceeded(f"HTML has at most {MAX_DOCUMENT_BYTES} characters (MAX_DOCUMENT_BYTES)")
    reader = _Reader()
    for token in html_tokens(source):
        reader.take(token)
    return reader.document()


class _Open:
    """A block that is not at its end."""

    def __init__(self, kind: str, attrs: Mapping[str, Any] | None = None, marks: int = 0) -> None:
        self.kind = kind
        self.marks = marks  # how many were open where it begins
        self.attrs = dict(attrs or {})
        self.content: list[Node] = []


class _Reader:
    """Makes blocks of tags; ``_open`` are those that are not at their end, from the outside in."""

    def __init__(self) -> None:
        self._open = [_Open("doc")]
        self._marks: list[tuple[str, Node]] = []
        self._hidden = ("", 0)
        self._nodes = 0

    def document(self) -> Node:
        """What was read."""
        self._close_to(0)
        return {"type": "doc", "content": self._open[0].content}

    # what there is in the source

    def take(self, token: str | Tag) -> None:
        """A text or tag comes."""
        if self._hides(token):
            return
        if isinstance(token, str):
            self._text(token)
        elif token.is_end:
            self._end_of(token.name)
        else:
            self._begin_of(token.name, token.attributes)

    def _hides(self, token: str | Tag) -> bool:
        """Whether that begins, ends or is in an element that is not shown."""
        name, depth = self._hidden
        if isinstance(token, str):
            return depth > 0
        if depth:
            if token.name == name and not token.is_whole:
                self._hidden = name, depth - 1 if token.is_end else depth + 1
            return True
        if token.name not in HIDDEN:
            return False
        if not token.is_end and not (token.is_whole and token.name in ("svg", "math")):
            self._hidden = token.name, 1
        return True

    def _begin_of(self, tag: str, given: Attributes) -> None:
        if tag in BLOCKS:
            self._begin(BLOCKS[tag], _attributes(tag, given))
        elif tag in BREAKING:
            self._end_text()
        elif tag in _SINGLE:
            _SINGLE[tag](self, given)
        else:
            self._mark(tag, given)

    def _end_of(self, tag: str) -> None:
        if tag in BLOCKS:
            self._end(BLOCKS[tag])
        elif tag in BREAKING:
            self._end_text()
        else:
            self._unmark(tag)

    def _text(self, data: str) -> None:
        if self._top.kind != "codeBlock":
            data = _SPACES.sub(" ", data)
            if self._top.kind not in TEXT_BLOCKS and not data.strip(" "):
                return
            if self._is_at_space():
                data = data.removeprefix(" ")
        if data:
            self._count()
            self._text_block().content.append(text_node(data.replace("\0", "\ufffd"), self._marks_here()))

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitExceeded(
                f"HTML has at most {MAX_NODES} texts and blocks (MAX_NODES); append the others"
            )

    # blocks

    @property
    def _top(self) -> _Open:
        return self._open[-1]

    def _begin(self, kind: str, attrs: Mapping[str, Any] | None = None) -> None:
        """Begin a block, and end what cannot hold it."""
        self._end_text()
        if wanted := _INSIDE.get(kind):
            at = self._innermost(wanted)
            if at is None and kind != "listItem" and self._innermost(_INSIDE["tableRow"]) is None:
                return None  # rows and cells that are in no table are nothing, as in HTML
            if at is None:  # an item that is in no list, a cell that is in no row
                if kind == "listItem":
                    self._begin("bulletList")
                else:
                    self._begin("table" if kind == "tableRow" else "tableRow")
            else:
                self._close_to(at)
        elif around := _AROUND.get(self._top.kind):
            self._begin(around)
            return self._begin(kind, attrs)
        if len(self._open) > MAX_NESTED:
            raise LimitExceeded(f"HTML has at most {MAX_NESTED} blocks inside each other (MAX_NESTED)")
        self._count()
        self._open.append(_Open(kind, attrs, len(self._marks)))
        return None

    def _end(self, kind: str) -> None:
        at = self._innermost(frozenset({kind}))
        if at is not None:
            self._close_to(at - 1)

    def _innermost(self, kinds: frozenset[str]) -> int | None:
        """Where the innermost open block of these kinds is. A table is a world of its own."""
        for at in range(len(self._open) - 1, 0, -1):
            if self._open[at].kind in kinds:
                return at
            if self._open[at].kind == "table":
                return None
        return None

    def _close_to(self, at: int) -> None:
        while len(self._open) - 1 > at:
            ended = self._open.pop()
            if ended.kind in ("tableCell", "tableHeader"):
                del self._marks[ended.marks :]  # formatting ends with its cell, as in HTML
            self._top.content += _finished(ended)

    def _end_text(self) -> None:
        if self._top.kind in TEXT_BLOCKS:
            self._close_to(len(self._open) - 2)

    def _text_block(self) -> _Open:
        if self._top.kind not in TEXT_BLOCKS:
            self._begin("paragraph")
        return self._top

    def _is_at_space(self) -> bool:
        """Whether a space would be lost here: at the beginning of a block, or behind another one."""
        if self._top.kind not in TEXT_BLOCKS or not self._top.content:
            return True
        last = self._top.content[-1]
        return last["type"] == BREAK or last.get("text", "").endswith(" ")

    # what is in a text

    def _mark(self, tag: str, given: Attributes) -> None:
        if tag == "code" and self._top.kind == "codeBlock":
            self._top.attrs.setdefault("language", _language(given))
            return
        if tag == "a":
            self._unmark(tag)  # there is none in another
        address = safe_link(given.get("href")) if tag == "a" else None
        if tag not in MARKS and not address:
            return
        if len(self._marks) >= MAX_NESTED_MARKS:
            raise LimitExceeded(
                f"HTML has at most {MAX_NESTED_MARKS} marks inside each other (MAX_NESTED_MARKS)"
            )
        self._marks.append((tag, mark("link", {"href": address}) if address else mark(MARKS[tag])))

    def _unmark(self, tag: str) -> None:
        for at in range(len(self._marks) - 1, -1, -1):
            if self._marks[at][0] == tag:
                del self._marks[at]
                return

    def _marks_here(self) -> list[Node]:
        """The marks of a text that comes now. In code there are no others, as in the editors' schemas."""
        if self._top.kind == "codeBlock":
            return []
        found = {each["type"]: each for _, each in self._marks}
        return [found["code"]] if "code" in found else list(found.values())

    def break_line(self, _: Attributes) -> None:
        """``br``"""
        block = self._text_block()
        if block.kind == "codeBlock":
            block.content.append(text_node("\n"))
            return
        block.content.append(node(BREAK))

    def rule(self, _: Attributes) -> None:
        """``hr``"""
        self._put(node("horizontalRule"))

    def image(self, given: Attributes) -> None:
        """``img``"""
        if source := safe_image(given.get("src")):
            self._put(node("image", {"src": source, "alt": given.get("alt") or None}))

    def box(self, given: Attributes) -> None:
        """``input``: a box at the beginning of a list's item makes it a task."""
        item = self._innermost(frozenset({"listItem"}))
        if item is not None and given.get("type") == "checkbox":
            self._open[item].attrs["checked"] = "checked" in given

    def _put(self, block: Node) -> None:
        self._count()
        self._end_text()
        if around := _AROUND.get(self._top.kind):
            self._begin(around)
            self._put(block)
        else:
            self._top.content.append(block)


_SINGLE: Mapping[str, Callable[[_Reader, Attributes], None]] = {
    "br": _Reader.break_line,
    "hr": _Reader.rule,
    "img": _Reader.image,
    "input": _Reader.box,
}


def _attributes(tag: str, given: Attributes) -> dict[str, Any]:
    if tag[0] == "h":
        return {"level": int(tag[1])}
    if tag == "ol":
        start = given.get("start") or ""
        return {"start": int(start)} if start.isdecimal() and len(start) < 10 and int(start) > 1 else {}
    if tag in ("td", "th"):
        spans = {name: given.get(name) or "" for name in ("colspan", "rowspan")}
        return {name: int(span) for name, span in spans.items() if span.isdecimal() and len(span) < 4}
    return {"language": _language(given)} if tag == "pre" and _language(given) else {}


def _language(given: Attributes) -> str | None:
    names = (given.get("class") or "").split()
    return next((each.removeprefix("language-") for each in names if each.startswith("language-")), None)


def _finished(ended: _Open) -> list[Node]:
    """The block as its schema wants it; none for a paragraph that was begun for nothing."""
    kind, content = ended.kind, ended.content
    if kind in TEXT_BLOCKS:
        content = joined(_trimmed(content, kind == "codeBlock"))
    if kind == "listItem" and (not content or content[0]["type"] != "paragraph"):
        content = [node("paragraph"), *content]
    if kind in ("blockquote", "tableCell", "tableHeader") and not content:
        content = [node("paragraph")]
    if kind in ("bulletList", "orderedList", "table", "tableRow") and not content:
        return []
    if kind == "bulletList" and all("checked" in each.get("attrs", {}) for each in content):
        return [node("taskList", None, [{**each, "type": "taskItem"} for each in content])]
    return [node(kind, ended.attrs, _unchecked(content))]


def _unchecked(content: list[Node]) -> list[Node]:
    """Items of a list that is no list of tasks."""
    return [
        node("listItem", None, content_of(each)) if each["type"] == "listItem" else each for each in content
    ]


def _trimmed(content: list[Node], is_code: bool) -> list[Node]:
    if not content or content[-1]["type"] != "text":
        return content
    last = content[-1]
    kept = last["text"].removesuffix("\n") if is_code else last["text"].rstrip(" ")
    return [*content[:-1], *([{**last, "text": kept}] if kept else [])]
