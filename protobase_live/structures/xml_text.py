"""XML nodes of a document as XML source, with what is text escaped and attributes sorted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from xml.sax.saxutils import escape, quoteattr

from protobase_live.structures.raw import RawXmlText
from protobase_live.values import MAX_DEPTH, from_doc, to_json


def element(tag: str, attributes: Mapping[str, Any], content: str) -> str:
    """The source of an element; ``content`` is source already."""
    pairs = "".join(f" {name}={quoteattr(_attribute(attributes[name]))}" for name in sorted(attributes))
    return f"<{tag}{pairs}>{content}</{tag}>"


def render(raw: Any, txn: Any, depth: int = 0) -> str:
    """The source of a native XML node. What is nested deeper than MAX_DEPTH elements is left out."""
    if isinstance(raw, RawXmlText):
        return "".join(_chunk(content, marks) for content, marks in raw.diff(txn))
    if depth == MAX_DEPTH:
        return ""
    content = "".join(render(child, txn, depth + 1) for child in raw.children(txn))
    tag = getattr(raw, "tag", None)
    return element(tag() or "", dict(raw.attributes(txn)), content) if tag else content


def _chunk(content: Any, marks: Mapping[str, Any] | None) -> str:
    """A run of text within its marks; what is embedded in a text has no source."""
    source = escape(content) if isinstance(content, str) else ""
    for name in sorted(marks or {}, reverse=True):
        value = (marks or {})[name]
        source = element(name, cast("dict[str, Any]", value) if isinstance(value, dict) else {}, source)
    return source


def _attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(to_json(from_doc(value)), sort_keys=True)
