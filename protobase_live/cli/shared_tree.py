"""Yjs shared types as JSON, and back.

What `protobase_live.model.values` can say is in its JSON form. A shared type, wherever a Yjs client has put
one, is an object ``{"@": NAME, "v": CONTENT}``:

=============  ======================================================================================
``y.map``      ``v``: an object of key -> tree
``y.array``    ``v``: a list of trees
``y.text``     ``v``: runs ``[content, marks]``; content is a string, or the tree of what is embedded
``y.xmltext``  the same, within XML
``y.element``  ``tag``, ``attributes``, ``v``: a list of trees
``y.xml``      ``v``: a list of trees (a fragment)
``y.doc``      a document within the document: only that there is one
=============  ======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

from protobase_live.errors import ValidationError
from protobase_live.model.values import MAX_DEPTH, from_doc, from_json, short, to_doc, to_json
from protobase_live.structures.portions import wrote

Tree = Any
Runs = list[list[Any]]


def tree_of(entry: Any, depth: int = 0) -> Tree:
    """The tree of what stands in a document; what is nested deeper than MAX_DEPTH is null."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(entry, Doc):
        return {"@": "y.doc"}
    for name, (kind, content) in _CONTENTS.items():
        if isinstance(entry, kind):
            return {"@": name, **_tag(entry), "v": content(entry, depth + 1)}
    return to_json(from_doc(entry))


def _tag(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, (XmlElement, XmlText)):
        return {}
    attributes = {name: tree_of(value) for name, value in sorted(cast(Any, entry).attributes)}
    if isinstance(entry, XmlElement):
        return {"tag": entry.tag, "attributes": attributes}
    return {"attributes": attributes} if attributes else {}


def map_trees(shared: Any, depth: int = 0) -> dict[str, Tree]:
    """The entries of a Y.Map, sorted by key."""
    return {key: tree_of(shared[key], depth) for key in sorted(shared.keys())}


def array_trees(shared: Any, depth: int = 0) -> list[Tree]:
    """The items of a Y.Array."""
    return [tree_of(item, depth) for item in shared]


def child_trees(shared: Any, depth: int = 0) -> list[Tree]:
    """The children of an XML fragment or element."""
    return [tree_of(child, depth) for child in shared.children]


def text_runs(shared: Any, depth: int = 0) -> Runs:
    """The runs of a text that have the same marks."""
    return [[tree_of(content, depth), tree_of(marks)] for content, marks in shared.diff()]


_CONTENTS: Mapping[str, Any] = {
    "y.element": (XmlElement, child_trees),
    "y.xmltext": (XmlText, text_runs),
    "y.xml": (XmlFragment, child_trees),
    "y.text": (Text, text_runs),
    "y.map": (Map, map_trees),
    "y.array": (Array, array_trees),
}


# and back: a shared type is put into its place empty and filled there


def fill_map(shared: Any, trees: Any) -> None:
    """Set the entries of a Y.Map. Raises ValidationError."""
    for key, tree in _expected(dict, trees, "an object").items():
        _require_outside_of_xml(tree)
        shared[key] = _blank(tree)
        _fill(shared[key], tree)


def fill_array(shared: Any, trees: Any) -> None:
    """Append items to a Y.Array. Raises ValidationError."""
    for tree in _expected(list, trees, "a list"):
        _require_outside_of_xml(tree)
        shared.append(_blank(tree))
        wrote(shared)
        _fill(shared[len(shared) - 1], tree)


def _require_outside_of_xml(tree: Tree) -> None:
    """Raises ValidationError for what the native library puts into nothing but XML."""
    if (name := _name(tree)) in _WITHIN_XML:
        raise ValidationError(
            f"a {name} cannot be put into a map or list here; import the 'update' line as well"
        )


def fill_children(shared: Any, trees: Any) -> None:
    """Append children to an XML fragment or element. Raises ValidationError."""
    for tree in _expected(list, trees, "a list"):
        child = _blank(tree)
        if not isinstance(child, (XmlElement, XmlText)):
            raise ValidationError(f"{short(tree)} cannot stand within XML; expected a y.element or y.xmltext")
        _fill(shared.children.append(child), tree)


def fill_text(shared: Any, runs: Any) -> None:
    """Append runs to a text. Raises ValidationError."""
    for run in _expected(list, runs, "a list of [content, marks]"):
        if not isinstance(run, list) or len(cast("list[Any]", run)) != 2:
            raise ValidationError(f"{short(run)} is no run of a text; expected [content, marks]")
        content, marks = cast("list[Any]", run)
        given = to_doc(from_json(_expected(dict, marks or {}, "an object of marks")))
        if isinstance(content, str):
            shared.insert(len(shared), content, given)
        else:
            _embed(shared, content, given)


def _embed(text: Any, tree: Tree, marks: Any) -> None:
    name = _name(tree)
    if name.startswith("y.") and name not in _EMBEDDABLE:
        raise ValidationError(f"a {name} cannot be put into a text here; import the 'update' line as well")
    text.insert_embed(len(text), _blank(tree), marks)
    if name in _EMBEDDABLE:
        _fill(text.diff()[-1][0], tree)


def _blank(tree: Tree) -> Any:
    """The plain value, or the shared type that is still empty."""
    name = _name(tree)
    if name.startswith("y.") and "v" not in tree:
        raise ValidationError(f"{short(tree)} has no content 'v'")
    if name == "y.element":
        attributes = _expected(dict, tree.get("attributes"), "an object of attributes")
        return XmlElement(_expected(str, tree.get("tag"), "a tag"), to_doc(from_json(attributes)))
    if name in _BLANKS:
        return _BLANKS[name]()
    return to_doc(from_json(tree))


def _fill(shared: Any, tree: Tree) -> None:
    if fill := _FILLS.get(_name(tree)):
        fill(shared, tree["v"])
    if isinstance(shared, XmlText):
        for name, value in _expected(dict, tree.get("attributes", {}), "an object of attributes").items():
            shared.attributes[name] = to_doc(from_json(value))


def _name(tree: Tree) -> str:
    name: Any = cast("dict[str, Any]", tree).get("@") if isinstance(tree, dict) else None
    return name if isinstance(name, str) else ""


_BLANKS: Mapping[str, Any] = {
    "y.map": Map,
    "y.array": Array,
    "y.text": Text,
    "y.xmltext": XmlText,
    "y.xml": XmlFragment,
}
_WITHIN_XML = ("y.element", "y.xmltext")
_EMBEDDABLE = ("y.map", "y.array", "y.text")
"""What the native library can put into a text."""

_FILLS: Mapping[str, Any] = {
    "y.map": fill_map,
    "y.array": fill_array,
    "y.text": fill_text,
    "y.xmltext": fill_text,
    "y.element": fill_children,
    "y.xml": fill_children,
}


def _expected(kind: type, given: Any, what: str) -> Any:
    if not isinstance(given, kind):
        raise ValidationError(f"{short(given)} is not {what}")
    return given
