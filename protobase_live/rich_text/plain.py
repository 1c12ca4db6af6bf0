"""Documents as plain text: a line for each block that holds text."""

from __future__ import annotations

from collections.abc import Iterator

from protobase_live.rich_text.document import TEXT_BLOCKS, Node, attribute, content_of, node, text_node

BREAK = "hardBreak"


def text_of(document: Node) -> str:
    """The text of a document in TipTap's words."""
    return "\n".join(line for each in content_of(document) for line in _lines(each))


def document_of_text(text: str) -> Node:
    """A paragraph for each line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if text else []
    return {
        "type": "doc",
        "content": [node("paragraph", None, [text_node(line)] if line else []) for line in lines],
    }


def is_inline(found: Node) -> bool:
    """Whether a node holds text, and no blocks."""
    if found["type"] in TEXT_BLOCKS:
        return True
    return any(each["type"] in ("text", BREAK) for each in content_of(found))


def shown_text(found: Node) -> str:
    """The text of what stands in a text; of a node that holds none, such as a mention, its label."""
    if found["type"] == "text":
        return found["text"]
    label = attribute(found, "label") or attribute(found, "user")
    inside = "".join(map(shown_text, content_of(found)))
    return label + inside if isinstance(label, str) else inside


def _lines(found: Node) -> Iterator[str]:
    if is_inline(found) or not content_of(found):
        yield "".join(_inline(each) for each in content_of(found))
        return
    for each in content_of(found):
        yield from _lines(each)


def _inline(found: Node) -> str:
    if found["type"] == "text":
        return found["text"]
    return "\n" if found["type"] == BREAK else "".join(map(_inline, content_of(found)))
