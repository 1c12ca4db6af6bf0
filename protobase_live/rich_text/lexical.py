"""What Lexical keeps (@lexical/yjs), read in TipTap's words. It has another shape, so nothing is written to
it.

An element is a Y.XmlText with the attribute ``__type``. In it, a Y.Map comes before each text, with the
text's ``__format``, a sum of bits; other elements and decorators are embedded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from protobase_live.rich_text.document import Node, joined, mark, node, text_node
from protobase_live.rich_text.trees import Tree, is_text, is_tree

TYPE = "__type"

_FORMATS: Mapping[int, str] = {
    1: "bold",
    2: "italic",
    4: "strike",
    8: "underline",
    16: "code",
    32: "subscript",
    64: "superscript",
    128: "highlight",
}
_LISTS = {"number": "orderedList", "check": "taskList"}
_INLINE = frozenset({"text", "hardBreak"})


def is_lexical(children: Sequence[Tree]) -> bool:
    """Whether Lexical made a fragment with these children."""
    return any(is_text(each) and TYPE in each["attributes"] for each in children)


def lexical_document(children: Sequence[Tree]) -> Node:
    """What is in it, as a document. Nodes that are not known here keep their name."""
    return {"type": "doc", "content": _blocks(list(_elements(children)))}


def _elements(children: Sequence[Tree]) -> Iterator[Node]:
    for each in children:
        yield from _element(each, [])


def _element(tree: Tree, marks: list[Node]) -> Iterator[Node]:
    attributes: Mapping[str, Any] = tree["attributes"]
    kind = attributes.get(TYPE)
    if kind in ("link", "autolink"):
        yield from _inside(tree, [*marks, mark("link", {"href": attributes.get("__url")})])
        return
    inside = joined(_inside(tree, marks))
    make = _MADE.get(str(kind))
    yield make(attributes, inside) if make else node(str(kind), None, inside)


def _inside(tree: Tree, marks: list[Node]) -> Iterator[Node]:
    if not is_text(tree):  # a decorator: it shows what its editor makes of it
        return
    own = list[Node]()
    for content, _ in tree["runs"]:
        if isinstance(content, str):
            if content:
                yield text_node(content, [*marks, *own])
        elif is_tree(content):
            yield from _element(content, marks)
        elif content is not None and "map" in content:
            entries = content["map"]
            if entries.get(TYPE) == "linebreak":
                yield node("hardBreak")
            own = _formats(entries.get("__format"))


def _formats(bits: Any) -> list[Node]:
    if not isinstance(bits, int):
        return []
    return [mark(name) for bit, name in _FORMATS.items() if bits & bit]


def _blocks(nodes: Sequence[Node]) -> list[Node]:
    """Blocks, where what is inline stands in paragraphs."""
    found, inline = list[Node](), list[Node]()
    for each in nodes:
        if each["type"] in _INLINE:
            inline.append(each)
            continue
        found += [node("paragraph", None, inline)] if inline else []
        inline = []
        found.append(each)
    return [*found, *([node("paragraph", None, inline)] if inline else [])]


def _heading(attributes: Mapping[str, Any], inside: list[Node]) -> Node:
    tag = str(attributes.get("__tag", "h1"))
    return node("heading", {"level": int(tag[1:]) if tag[1:].isdecimal() else 1}, inside)


def _list(attributes: Mapping[str, Any], inside: list[Node]) -> Node:
    kind = _LISTS.get(str(attributes.get("__listType")), "bulletList")
    items = [{**each, "type": "taskItem"} for each in inside] if kind == "taskList" else inside
    return node(kind, {"start": attributes.get("__start")} if kind == "orderedList" else None, items)


def _list_item(attributes: Mapping[str, Any], inside: list[Node]) -> Node:
    return node("listItem", {"checked": attributes.get("__checked")}, _blocks(inside))


_MADE: Mapping[str, Callable[[Mapping[str, Any], list[Node]], Node]] = {
    "paragraph": lambda attributes, inside: node("paragraph", None, inside),
    "heading": _heading,
    "quote": lambda attributes, inside: node("blockquote", None, _blocks(inside)),
    "list": _list,
    "listitem": _list_item,
    "code": lambda attributes, inside: node("codeBlock", {"language": attributes.get("__language")}, inside),
    "linebreak": lambda attributes, inside: node("hardBreak"),
    "horizontalrule": lambda attributes, inside: node("horizontalRule"),
}
