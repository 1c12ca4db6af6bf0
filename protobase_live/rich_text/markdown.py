"""Documents as Markdown, and back, through HTML: two well-kept libraries know Markdown (extra ``richtext``).

It is CommonMark with tables, ``~~strikethrough~~`` and ``- [x] tasks``. HTML in it is text.
"""

from __future__ import annotations

from typing import Any, cast

import markdownify  # pyright: ignore[reportMissingTypeStubs]
from markdown_it import MarkdownIt

from protobase_live.rich_text.document import Node, content_of, node, text_node
from protobase_live.rich_text.html import html_of
from protobase_live.rich_text.html_reader import document_of_html

_READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_BOXES = {"[ ] ": False, "[x] ": True, "[X] ": True}
_BOX_CHARS = 4


def markdown_of(document: Node) -> str:
    """The Markdown of a document in TipTap's words. What it has not, such as underlining, is left out."""
    return _Writer().convert(html_of(document)).strip("\n")


def document_of_markdown(source: str) -> Node:
    """The document that Markdown says. Raises LimitExceeded."""
    document = document_of_html(_READER.render(source))
    return {**document, "content": [_with_tasks(each) for each in content_of(document)]}


class _Writer(cast("type[Any]", markdownify.MarkdownConverter)):
    """The library's converter, set to what the reader reads, and with boxes of tasks."""

    def __init__(self) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            heading_style=markdownify.ATX,
            bullets="-",
            newline_style=markdownify.BACKSLASH,
            code_language_callback=_language,
            escape_misc=True,
            table_infer_header=True,
        )

    def convert_input(self, element: Any, text: str, parent_tags: Any) -> str:
        """A task's box."""
        return "[x]" if element.has_attr("checked") else "[ ]"


def _language(element: Any) -> str:
    classes: list[str] = element.code.get("class", []) if element.code else []
    return next((each.removeprefix("language-") for each in classes), "")


def _with_tasks(found: Node) -> Node:
    """Lists of which each item begins with a box are lists of tasks."""
    inside = [_with_tasks(each) for each in content_of(found)]
    if found["type"] == "bulletList" and all(map(_box, inside)):
        return node("taskList", None, [_task(each) for each in inside])
    return found if "text" in found else node(found["type"], found.get("attrs"), inside)


def _box(item: Node) -> str | None:
    first = content_of(content_of(item)[0])
    text = first[0].get("text", "") if first else ""
    return text[:_BOX_CHARS] if text[:_BOX_CHARS] in _BOXES else None


def _task(item: Node) -> Node:
    box = _box(item) or ""
    paragraph, *others = content_of(item)
    begin, *more = content_of(paragraph)
    rest = begin["text"][_BOX_CHARS:]
    text = [text_node(rest, begin.get("marks", []))] if rest else []
    return node("taskItem", {"checked": _BOXES[box]}, [node("paragraph", None, [*text, *more]), *others])
