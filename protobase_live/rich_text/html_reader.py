"""HTML as documents in TipTap's words (extra ``richtext``).

Read by an HTML5 parser (Lexbor, by selectolax): it takes time in proportion to what it reads; the standard
library's may take minutes for some that is no HTML. Elements that have no meaning here are left out and what
is in them stays; scripts, styles and what else is not shown goes with all that is in it, and so do addresses
that could run code (`urls`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from protobase_live.errors import LimitExceeded
from protobase_live.rich_text.document import (
    MAX_DOCUMENT_BYTES,
    MAX_NESTED,
    TEXT_BLOCKS,
    Node,
    content_of,
    joined,
    mark,
    node,
    text_node,
)
from protobase_live.rich_text.plain import BREAK
from protobase_live.rich_text.urls import safe_image, safe_link

MAX_NESTED_MARKS = 200
"""Most elements inside each other that are no blocks; above it LimitExceeded."""

Attributes = Mapping[str, str | None]

_HIDDEN = frozenset(
    [
        "script",
        "style",
        "template",
        "title",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "select",
        "textarea",
        "audio",
        "video",
        "canvas",
    ]
)
_MARKS: Mapping[str, str] = {
    "strong": "bold",
    "b": "bold",
    "em": "italic",
    "i": "italic",
    "s": "strike",
    "del": "strike",
    "strike": "strike",
    "u": "underline",
    "ins": "underline",
    "code": "code",
    "kbd": "code",
    "samp": "code",
    "tt": "code",
}
_BLOCKS: Mapping[str, str] = {
    "p": "paragraph",
    **{f"h{level}": "heading" for level in range(1, 7)},
    "pre": "codeBlock",
    "blockquote": "blockquote",
    "ul": "bulletList",
    "ol": "orderedList",
    "menu": "bulletList",
    "li": "listItem",
    "table": "table",
    "tr": "tableRow",
    "td": "tableCell",
    "th": "tableHeader",
}
_BREAKING = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "section",
        "summary",
        "tbody",
        "tfoot",
        "thead",
    ]
)
"""Elements without a meaning here that are blocks: what is before them and behind is not one paragraph."""

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
    body = LexborHTMLParser(source).body
    if body is not None:
        _walk(body, reader)
    return reader.document()


def _walk(body: LexborNode, reader: _Reader) -> None:
    """Tell the reader of all nodes in their order; they may be nested very deep."""
    node, depth = body.child, 1
    while node is not None and depth > 0:
        below = reader.begin(node)
        if below is not None:
            node, depth = below, depth + 1
            continue
        reader.end(node.tag or "")
        while node is not None and depth > 0 and node.next is None:
            node, depth = node.parent, depth - 1
            if node is not None and depth > 0:
                reader.end(node.tag or "")
        node = None if node is None or depth == 0 else node.next


class _Open:
    """A block that is not at its end."""

    def __init__(self, kind: str, attrs: Mapping[str, Any] | None = None) -> None:
        self.kind = kind
        self.attrs = dict(attrs or {})
        self.content: list[Node] = []


class _Reader:
    """Makes blocks of elements; ``_open`` are those that are not at their end, from the outside in."""

    def __init__(self) -> None:
        self._open = [_Open("doc")]
        self._marks: list[tuple[str, Node | None]] = []

    def document(self) -> Node:
        """What was read."""
        self._close_to(0)
        return {"type": "doc", "content": self._open[0].content}

    # what there is in the source

    def begin(self, found: LexborNode) -> LexborNode | None:
        """A node begins; answers with the first one in it that is to be read, too."""
        tag = found.tag or ""
        if tag == "-text":
            self._text(found.text_content or "")
        if tag in _HIDDEN or tag.startswith("-"):
            return None
        given: Attributes = found.attributes
        if tag in _BLOCKS:
            self._begin(_BLOCKS[tag], _attributes(tag, given))
        elif tag in _BREAKING:
            self._end_text()
        elif tag in _SINGLE:
            _SINGLE[tag](self, given)
        else:
            self._mark(tag, given)
        return found.child

    def end(self, tag: str) -> None:
        """A node ends that was begun."""
        if tag in _BLOCKS:
            self._end(_BLOCKS[tag])
        elif tag in _BREAKING:
            self._end_text()
        elif self._marks and self._marks[-1][0] == tag:
            self._marks.pop()

    def _text(self, data: str) -> None:
        if self._top.kind != "codeBlock":
            data = _SPACES.sub(" ", data)
            if self._top.kind not in TEXT_BLOCKS and not data.strip(" "):
                return
            if self._is_at_space():
                data = data.removeprefix(" ")
        if data:
            self._text_block().content.append(text_node(data.replace("\0", "\ufffd"), self._marks_here()))

    # blocks

    @property
    def _top(self) -> _Open:
        return self._open[-1]

    def _begin(self, kind: str, attrs: Mapping[str, Any] | None = None) -> None:
        """Begin a block, and end what cannot hold it."""
        self._end_text()
        if wanted := _INSIDE.get(kind):
            at = self._innermost(wanted)
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
        self._open.append(_Open(kind, attrs))
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
        found: Node | None = None
        if tag == "code" and self._top.kind == "codeBlock":
            self._top.attrs.setdefault("language", _language(given))
        elif tag in _MARKS:
            found = mark(_MARKS[tag])
        elif tag == "a" and (address := safe_link(given.get("href"))):
            found = mark("link", {"href": address})
        if len(self._marks) >= MAX_NESTED_MARKS:
            raise LimitExceeded(
                f"HTML has at most {MAX_NESTED_MARKS} elements inside each other in a text (MAX_NESTED_MARKS)"
            )
        self._marks.append((tag, found))

    def _marks_here(self) -> list[Node]:
        """The marks of a text that comes now. In code there are no others, as in the editors' schemas."""
        if self._top.kind == "codeBlock":
            return []
        found = {each["type"]: each for _, each in self._marks if each is not None}
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
