"""Markdown as documents in TipTap's words (extra ``richtext``): CommonMark with tables, ``~~strikethrough~~``
and ``- [x] tasks``. HTML in it is text. Read by markdown-it, whose tokens are the blocks and what is in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.ruler import StateBase
from markdown_it.token import Token

from protobase_live.errors import LimitExceeded
from protobase_live.rich_text.document import (
    MAX_DOCUMENT_BYTES,
    MAX_NESTED,
    TEXT_BLOCKS,
    Node,
    attribute,
    content_of,
    joined,
    mark,
    node,
    text_node,
)
from protobase_live.rich_text.plain import BREAK
from protobase_live.rich_text.urls import safe_image, safe_link

MAX_MARKDOWN_STEPS = 250_000
"""Most lines and signs that are looked at to read Markdown, which takes seconds; above it LimitExceeded."""

_STEPS = "steps"

_BLOCKS: Mapping[str, str] = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "blockquote_open": "blockquote",
    "bullet_list_open": "bulletList",
    "ordered_list_open": "orderedList",
    "list_item_open": "listItem",
    "table_open": "table",
    "tr_open": "tableRow",
    "th_open": "tableHeader",
    "td_open": "tableCell",
}
_MARKS: Mapping[str, str] = {"strong_open": "bold", "em_open": "italic", "s_open": "strike"}
_BOXES = {"[ ]": False, "[x]": True, "[X]": True}
_BOX_CHARS = 3
_LINES = frozenset({"softbreak", "hardbreak"})


def _count(state: StateBase, *_: Any) -> bool:
    """A rule that never applies, and is asked for each line and each piece of a text, as often as they are
    looked at: a line in many quotes is once for each of them.
    """
    state.env[_STEPS] += 1
    if state.env[_STEPS] > MAX_MARKDOWN_STEPS:
        raise LimitExceeded(
            f"Markdown takes at most {MAX_MARKDOWN_STEPS} steps to read (MAX_MARKDOWN_STEPS), a line or sign "
            "each time it is looked at; append it in parts"
        )
    return False


def _reader() -> MarkdownIt:
    # What is nested deeper than maxNesting is left out without a word: `_Blocks` refuses before.
    made = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTED + 10})
    made.enable(["table", "strikethrough"])
    made.block.ruler.before(
        "table", "steps", _count, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    made.inline.ruler.before("text", "steps", _count)
    made.normalizeLink = lambda url: url  # an address stays as it was written
    made.validateLink = lambda url: safe_image(url) is not None
    return made


_READER = _reader()


def document_of_markdown(source: str) -> Node:
    """The document that Markdown says. Raises LimitExceeded."""
    if len(source) > MAX_DOCUMENT_BYTES:
        raise LimitExceeded(f"Markdown has at most {MAX_DOCUMENT_BYTES} characters (MAX_DOCUMENT_BYTES)")
    blocks = _Blocks()
    for token in _READER.parse(source, {_STEPS: 0}):
        blocks.take(token)
    return {"type": "doc", "content": blocks.content}


class _Open(NamedTuple):
    """A block that is not at its end."""

    kind: str
    attrs: dict[str, Any]
    content: list[Node]


class _Blocks:
    """Makes blocks of tokens; ``_open`` are those that are not at their end, from the outside in."""

    def __init__(self) -> None:
        self.content = list[Node]()
        self._open = [_Open("doc", {}, self.content)]

    def take(self, token: Token) -> None:
        """A token: a block begins, or ends, or is whole."""
        if token.type in _BLOCKS:
            self._begin(_BLOCKS[token.type], _attributes(token))
        elif token.type.replace("_close", "_open") in _BLOCKS:
            self._end()
        elif token.type == "inline":
            self._text(token)
        elif token.type in ("fence", "code_block"):
            self._put(_code_block(token))
        elif token.type == "hr":
            self._put(node("horizontalRule"))

    def _begin(self, kind: str, attrs: dict[str, Any]) -> None:
        if len(self._open) > MAX_NESTED:
            raise LimitExceeded(f"Markdown has at most {MAX_NESTED} blocks inside each other (MAX_NESTED)")
        self._open.append(_Open(kind, attrs, []))

    def _end(self) -> None:
        for each in _finished(self._open.pop()):
            self._put(each)

    def _put(self, block: Node) -> None:
        self._open[-1].content.append(block)

    def _text(self, token: Token) -> None:
        """The text of the block that is open; an image in it is a block of its own."""
        block, item = self._open[-1], self._open[-2]
        if item.kind == "listItem" and not item.content and token.content[:_BOX_CHARS] in _BOXES:
            item.attrs["box"] = token.content[: _BOX_CHARS + 1]
        kind, attrs = (block.kind, block.attrs) if block.kind in TEXT_BLOCKS else ("paragraph", {})
        for group in _apart(_texts(token.children or [])):
            if group[0]["type"] == "image":
                block.content.extend(group)
            else:
                block.content.append(node(kind, attrs, group))
                kind, attrs = "paragraph", {}


def _attributes(token: Token) -> dict[str, Any]:
    if token.type == "heading_open":
        return {"level": int(token.tag[1:])}
    start = token.attrs.get("start")
    return {"start": start} if start is not None else {}


def _code_block(token: Token) -> Node:
    text, info = token.content.removesuffix("\n"), unescapeAll(token.info).split(maxsplit=1)
    return node("codeBlock", {"language": info[0] if info else None}, [text_node(text)] if text else [])


def _finished(ended: _Open) -> list[Node]:
    """The block as its schema wants it."""
    kind, attrs, content = ended
    if kind in TEXT_BLOCKS:
        return content or [node(kind, attrs)]
    if kind == "listItem" and (not content or content[0]["type"] != "paragraph"):
        content = [node("paragraph"), *content]
    if kind in ("blockquote", "tableCell", "tableHeader") and not content:
        content = [node("paragraph")]
    if kind == "bulletList":
        return [_list(content)]
    return [node(kind, attrs, content)]


# lists of which each item begins with a box are lists of tasks


def _list(items: list[Node]) -> Node:
    if all(_box(each) for each in items):
        return node("taskList", None, [_task(each) for each in items])
    return node("bulletList", None, [node("listItem", None, content_of(each)) for each in items])


def _box(item: Node) -> str | None:
    """The box of an item, which is in its source and its text: what is escaped is none, and no link is."""
    box = attribute(item, "box")
    text = content_of(content_of(item)[0])
    is_box = box is not None and box[_BOX_CHARS:] in ("", " ") and text[0].get("text", "").startswith(box)
    return box if is_box else None


def _task(item: Node) -> Node:
    box, (paragraph, *others) = _box(item) or "", content_of(item)
    begin, *more = content_of(paragraph)
    rest = begin["text"].removeprefix(box)
    text = [text_node(rest, begin.get("marks", []))] if rest else []
    checked = {"checked": _BOXES[box[:_BOX_CHARS]]}
    return node("taskItem", checked, [node("paragraph", None, [*text, *more]), *others])


# what is in a text


def _texts(tokens: Iterable[Token]) -> Iterator[Node]:
    marks = list[Node]()
    for each in tokens:
        if each.nesting > 0:
            marks.append(_mark(each))
        elif each.nesting < 0:
            marks.pop()
        elif each.type == "hardbreak":
            yield node(BREAK)
        elif each.type == "image":
            yield node("image", {"src": each.attrs["src"], "alt": _alt(each) or None})
        elif text := " " if each.type == "softbreak" else each.content:
            found = [mark("code")] if each.type == "code_inline" else marks
            yield text_node(text, (each for each in found if each["type"]))


def _mark(token: Token) -> Node:
    """A mark; one without a type for a link to nowhere."""
    if token.type != "link_open":
        return mark(_MARKS[token.type])
    address = safe_link(token.attrs["href"])
    return mark("link", {"href": address}) if address else mark("")


def _alt(image: Token) -> str:
    return "".join("\n" if each.type in _LINES else each.content for each in image.children or [])


def _apart(nodes: Iterable[Node]) -> list[list[Node]]:
    """The images of a text, and what is between them without the spaces beside them."""
    groups = [list(group) for _, group in groupby(joined(nodes), lambda each: each["type"] == "image")]
    return groups if len(groups) < 2 else [each for group in groups if (each := _stripped(group))]


def _stripped(nodes: list[Node]) -> list[Node]:
    """The nodes without spaces at the ends."""
    found = list(nodes)
    if "text" in found[0]:
        found[0] = {**found[0], "text": found[0]["text"].lstrip(" ")}
    if "text" in found[-1]:
        found[-1] = {**found[-1], "text": found[-1]["text"].rstrip(" ")}
    return [each for each in found if each.get("text") != ""]
