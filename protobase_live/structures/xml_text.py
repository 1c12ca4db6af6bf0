"""Trees of XML as XML source that every parser reads, with attributes sorted.

It is the content of an element: put it between ``<page>`` and ``</page>`` to parse it. What XML cannot say is
said otherwise: names as in `xml_names`, a character that XML has not at all (most control characters) as
U+FFFD. Yjs' ``toString`` gives the same where nothing has to be escaped, but with names in lower case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from protobase_live.model.values import to_json
from protobase_live.rich_text.trees import Tree, is_text, is_tree
from protobase_live.structures.xml_names import xml_name

_NO_CHARACTERS = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""Compiled, by `re`, for the first XML there is: that takes some milliseconds."""
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTES = {**_IN_TEXT, **str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})}


def text_source(text: str) -> str:
    """The source of a text. A return stands as a code, since parsers take it for a new line."""
    return re.sub(_NO_CHARACTERS, "\ufffd", text).translate(_IN_TEXT)


def element(tag: str, attributes: Mapping[str, Any], content: str) -> str:
    """The source of an element; ``content`` is source already."""
    name = xml_name(tag)
    pairs = (f' {xml_name(each)}="{_attribute(attributes[each])}"' for each in sorted(attributes))
    return f"<{name}{''.join(pairs)}>{content}</{name}>"


def render(tree: Tree) -> str:
    """The source of what a tree says."""
    if is_text(tree):
        return "".join(_run(content, marks) for content, marks in tree["runs"])
    content = "".join(map(render, tree["children"]))
    return content if tree["tag"] is None else element(tree["tag"], tree["attributes"], content)


def _run(content: Any, marks: Mapping[str, Any]) -> str:
    """A run of text within its marks. XML that is embedded stands in it; other things are left out."""
    source = text_source(content) if isinstance(content, str) else render(content) if is_tree(content) else ""
    for name in sorted(marks, reverse=True):
        value = marks[name]
        source = element(name, cast("dict[str, Any]", value) if isinstance(value, dict) else {}, source)
    return source


def _attribute(value: Any) -> str:
    said = value
    if not isinstance(said, str):
        said = str(said) if type(said) is int else json.dumps(said, sort_keys=True, default=to_json)
    return re.sub(_NO_CHARACTERS, "\ufffd", said).translate(_IN_ATTRIBUTES)
