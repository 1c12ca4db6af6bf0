"""XML as Yjs has it, as plain data: what is between a document and the shared types that keep it.

An element is ``{"tag", "attributes", "children"}``; the tag of a fragment within is None. A text is
``{"runs", "attributes"}``: runs are ``[content, marks]``, where content is a str, the tree of XML that is
embedded, ``{"map": entries}`` for a Y.Map, or None for anything else. Attributes and marks are plain JSON;
marks map names to what Yjs calls the format's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Tree = dict[str, Any]


def element_tree(tag: str | None, attributes: Mapping[str, Any], children: Sequence[Tree]) -> Tree:
    """An element, or a fragment."""
    return {"tag": tag, "attributes": dict(attributes), "children": list(children)}


def text_tree(runs: Sequence[Sequence[Any]], attributes: Mapping[str, Any] | None = None) -> Tree:
    """A text."""
    return {"runs": list(runs), "attributes": dict(attributes or {})}


def is_text(tree: Tree) -> bool:
    """Whether that is a text, and no element."""
    return "runs" in tree


def is_tree(content: Any) -> bool:
    """Whether the content of a run is XML that is embedded."""
    return isinstance(content, dict) and ("runs" in content or "tag" in content)
