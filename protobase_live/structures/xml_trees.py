"""XML in a document as plain trees (`protobase_live.rich_text.trees`), and trees written into it.

What is written anew stands for what is there by a small difference: children that are equal at the
beginning and the end stay, and where as many are left of the same name, each is changed in its place. So
the cursors of open editors stay where they are, and what others write at the same time stays, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from pycrdt import XmlElement, XmlText

from protobase_live.model.values import MAX_DEPTH, from_doc, same
from protobase_live.rich_text import Tree, element_tree, plain_form, text_tree
from protobase_live.rich_text.document import MAX_LEVELS
from protobase_live.structures.portions import wrote
from protobase_live.structures.raw import (
    RawMap,
    RawXmlElement,
    RawXmlFragment,
    RawXmlText,
    opened,
    raw_entries,
)
from protobase_live.structures.splice import splice

_XML = (RawXmlElement, RawXmlFragment, RawXmlText)


def children_of(shared: Any) -> list[Tree]:
    """The trees of the children of a fragment or element."""
    with opened(shared) as (raw, txn):
        return [tree_of(child, txn) for child in raw.children(txn)]


def tree_of(raw: Any, txn: Any, depth: int = 0) -> Tree:
    """The tree of a native XML node. What is nested deeper than MAX_DEPTH nodes is left out."""
    levels = MAX_LEVELS - 2 * depth
    is_last = depth + 1 >= MAX_DEPTH
    if isinstance(raw, RawXmlText):
        runs = [
            [_content(content, txn, depth), _plain_entries(marks or {}, levels)]
            for content, marks in raw.diff(txn)
            if not (is_last and isinstance(content, _XML))
        ]
        return text_tree(runs, _plain_entries(dict(raw.attributes(txn)), levels))
    children = [] if is_last else [tree_of(child, txn, depth + 1) for child in raw.children(txn)]
    if isinstance(raw, RawXmlFragment):
        return element_tree(None, {}, children)
    return element_tree(raw.tag() or "", _plain_entries(dict(raw.attributes(txn)), levels), children)


def _content(content: Any, txn: Any, depth: int) -> Any:
    if isinstance(content, str):
        return content
    if isinstance(content, RawMap):
        return {"map": _plain_entries(raw_entries(content, txn), MAX_LEVELS - 2 * depth)}
    return tree_of(content, txn, depth + 1) if isinstance(content, _XML) else None


def _plain_entries(entries: Mapping[str, Any], levels: int) -> dict[str, Any]:
    return {name: _plain(entries[name], levels) for name in sorted(entries)} if entries else {}


def _plain(stored: Any, levels: int) -> Any:
    """What stands in the document, as JSON has it: no tag means anything. What is too deep is None."""
    if not isinstance(stored, (list, dict)):
        return from_doc(stored)
    if levels <= 0:
        return None
    if isinstance(stored, list):
        return [_plain(each, levels - 1) for each in cast("list[Any]", stored)]
    return _plain_entries(cast("dict[str, Any]", stored), levels - 1)


# writing, inside the caller's Yjs transaction


def put(parent: Any, index: int, tree: Tree) -> None:
    """Insert what a tree says among the children of a fragment or element."""
    if "runs" in tree:
        text = parent.children.insert(index, XmlText())
        _insert_runs(text, 0, tree["runs"])
    else:
        child = parent.children.insert(index, XmlElement(tree["tag"], tree["attributes"]))
        for at, each in enumerate(tree["children"]):
            put(child, at, each)
    wrote(parent)


def replace(shared: Any, old: Sequence[Tree], new: Sequence[Tree]) -> None:
    """Make the children of a fragment or element, which are ``old``, those of ``new``."""
    start, deleted, inserted = splice(old, new, _equal)
    gone = old[start : start + deleted]
    if len(gone) == len(inserted) and all(map(_can_become, gone, inserted)):
        for at, (one, other) in enumerate(zip(gone, inserted, strict=True), start):
            _change(shared.children[at], one, other)
        return
    del shared.children[start : start + deleted]
    for at, tree in enumerate(inserted, start):
        put(shared, at, tree)


def _equal(old: Tree, new: Tree) -> bool:
    return same(plain_form(old), [new])


def _can_become(old: Tree, new: Tree) -> bool:
    """Whether a node can be changed in its place into what another tree says."""
    if "runs" in old and "runs" in new:
        return all(isinstance(content, str) for content, _ in old["runs"])
    return old.get("tag") is not None and old.get("tag") == new.get("tag")


def _change(shared: Any, old: Tree, new: Tree) -> None:
    if "runs" in old:
        _change_text(shared, old, new)
        return
    before, after = old["attributes"], new["attributes"]
    for name in before.keys() - after.keys():
        del shared.attributes[name]
    for name, value in after.items():
        if name not in before or not same(before[name], value):
            shared.attributes[name] = value
    replace(shared, old["children"], new["children"])


_Character = tuple[str, Mapping[str, Any]]
"""A character and its marks, which all characters of a run share."""


def _change_text(shared: Any, old: Tree, new: Tree) -> None:
    """Change a text by the smallest splice."""
    plain = plain_form(old)
    before = _characters(plain[0]["runs"] if plain else [])
    start, deleted, inserted = splice(before, _characters(new["runs"]), _same_character)
    at, stop = (_bytes_of(before[:end]) for end in (start, start + deleted))
    del shared[at:stop]
    groups = [list(group) for _, group in groupby(inserted, key=lambda each: id(each[1]))]
    runs = [["".join(each for each, _ in group), group[0][1]] for group in groups]
    _insert_runs(shared, at, runs)


def _insert_runs(text: Any, at: int, runs: Sequence[Any]) -> None:
    """Insert runs at a position, in bytes; each has its own marks alone."""
    for content, marks in runs:
        text.insert(at, content, marks)
        at += len(content.encode())
        wrote(text)


def _characters(runs: Sequence[Any]) -> list[_Character]:
    return [(each, marks) for content, marks in runs for each in content]


def _same_character(one: _Character, other: _Character) -> bool:
    return one[0] == other[0] and same(one[1], other[1])


def _bytes_of(characters: Sequence[_Character]) -> int:
    return len("".join(each for each, _ in characters).encode())
