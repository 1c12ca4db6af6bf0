"""The words of editors: what TipTap, ProseMirror's own schema and BlockNote call the same things.

An editor deletes what its schema does not know. So what is made of HTML, Markdown or plain text is made in
TipTap's words and said in those of the editor, and a document is not written into a fragment where another
editor's words are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.rich_text.blocknote import BLOCK_GROUP, blocks_of, nested_of, require_blocks
from protobase_live.rich_text.document import (
    Node,
    attribute,
    content_of,
    every_name,
    mark,
    marks_of,
    node,
    text_node,
)

TIPTAP, PROSEMIRROR, BLOCKNOTE = "tiptap", "prosemirror", "blocknote"

_NAMES: Mapping[str, str] = {
    "bulletList": "bullet_list",
    "orderedList": "ordered_list",
    "listItem": "list_item",
    "codeBlock": "code_block",
    "hardBreak": "hard_break",
    "horizontalRule": "horizontal_rule",
}
"""TipTap's names of nodes, and those of prosemirror-schema-basic and prosemirror-schema-list."""

_MARKS: Mapping[str, str] = {"bold": "strong", "italic": "em", "code": "code", "link": "link"}
_TO_TIPTAP = {other: name for name, other in (_NAMES | _MARKS).items()}


def is_of_blocknote(document: Node) -> bool:
    """Whether BlockNote made a document: one group of blocks is all of it."""
    return [each["type"] for each in content_of(document)] == [BLOCK_GROUP]


def dialect_of(document: Node) -> str | None:
    """Whose words a document has; None where many editors would say the same."""
    if is_of_blocknote(document):
        return BLOCKNOTE
    names = set(every_name(document))
    found = [
        dialect
        for dialect, words in ((TIPTAP, _NAMES.keys()), (PROSEMIRROR, set(_NAMES.values())))
        if names & words
    ]
    return found[0] if len(found) == 1 else None


def require_dialect(current: Node, given: Node) -> None:
    """Raise ValidationError unless the editor of one document would keep the other, as far as one knows."""
    require_blocks(given)
    if not content_of(current) or not content_of(given):
        return
    mine, other = dialect_of(current), dialect_of(given)
    if is_of_blocknote(current) == is_of_blocknote(given) and (
        mine is None or other is None or mine == other
    ):
        return
    raise ValidationError(
        f"the fragment is in the words of {mine or 'another editor'}, and what is given in those of "
        f"{other or 'another one'}: the editor would delete what it does not know. Say dialect={mine!r} "
        "with text, HTML or Markdown, give ProseMirror JSON of that editor, or delete what is there first"
    )


def neutral(document: Node) -> Node:
    """The document in TipTap's words; what has no name there keeps its own."""
    if is_of_blocknote(document):
        return nested_of(document)
    return {"type": "doc", "content": [_renamed(each) for each in content_of(document)]}


def said_in(document: Node, dialect: str) -> Node:
    """A document in TipTap's words, made of HTML or text, in those of a dialect. Raises ValidationError."""
    say = DIALECTS.get(dialect)
    if say is None:
        raise ValidationError(f"there is no dialect {short(dialect)}; dialects are {', '.join(DIALECTS)}")
    return say(document)


def _tiptap_name(found: Node) -> str:
    name: str = found["type"]
    return _TO_TIPTAP.get(name, name)


def _renamed(found: Node) -> Node:
    name = _tiptap_name(found)
    if name == "text":
        marks = [mark(_tiptap_name(each), each.get("attrs")) for each in marks_of(found)]
        return text_node(found["text"], marks)
    attrs: dict[str, Any] = dict(found.get("attrs", {}))
    if name == "orderedList" and "order" in attrs:
        attrs["start"] = attrs.pop("order")
    return node(name, attrs, [_renamed(each) for each in content_of(found)])


# what the starter kit has no node for


def _starter_kit(document: Node) -> Node:
    """What TipTap's starter kit has: an image becomes a link, tasks a list with boxes of text."""
    return {"type": "doc", "content": [_simple(each) for each in content_of(document)]}


def _simple(found: Node) -> Node:
    kind = found["type"]
    if kind == "table":
        raise ValidationError(
            "a table has no place in the starter kit of TipTap and the schema of ProseMirror; give "
            "ProseMirror JSON with the nodes that the editor has, or leave it out"
        )
    if kind == "image":
        return node("paragraph", None, [_image_link(found)])
    if kind == "taskList":
        return node("bulletList", None, [_simple(_task(each)) for each in content_of(found)])
    if kind == "text":
        return found
    return node(kind, found.get("attrs"), [_simple(each) for each in content_of(found)])


def _image_link(found: Node) -> Node:
    source = attribute(found, "src", "")
    return text_node(attribute(found, "alt") or source, [mark("link", {"href": source})])


def _task(found: Node) -> Node:
    first, *others = content_of(found)
    space = " " if content_of(first) else ""
    box = text_node(("[x]" if attribute(found, "checked") else "[ ]") + space)
    return node("listItem", None, [node("paragraph", None, [box, *content_of(first)]), *others])


def _prosemirror(document: Node) -> Node:
    return {"type": "doc", "content": [_basic(each) for each in content_of(_starter_kit(document))]}


def _basic(found: Node) -> Node:
    name = _NAMES.get(found["type"], found["type"])
    if name == "text":
        return text_node(found["text"], _basic_marks(marks_of(found)))
    attrs = dict(found.get("attrs", {}))
    if name == "ordered_list" and "start" in attrs:
        attrs["order"] = attrs.pop("start")
    attrs = {} if name == "code_block" else attrs
    return node(name, attrs, [_basic(each) for each in content_of(found)])


def _basic_marks(marks: Iterable[Node]) -> list[Node]:
    return [mark(_MARKS[each["type"]], each.get("attrs")) for each in marks if each["type"] in _MARKS]


DIALECTS: Mapping[str, Callable[[Node], Node]] = {
    TIPTAP: _starter_kit,
    PROSEMIRROR: _prosemirror,
    BLOCKNOTE: blocks_of,
}
"""By name: what says a document in TipTap's words in those of an editor."""
