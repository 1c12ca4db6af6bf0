"""Documents as y-prosemirror keeps them: what TipTap, BlockNote and ProseMirror read and write.

A node is a Y.XmlElement that is called like its type, with its attributes, of any JSON type, where they are
not null. Texts beside each other are one Y.XmlText, their marks formats of it: the mark's name with its
attributes. A mark that can be there twice, such as a comment's, is called ``name--hash``, with 8 characters
of base64, of which the editors look at the form alone (`yattr2markname` in y-prosemirror 1.3). The node
``doc`` is the fragment itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Any, cast

from protobase_live.model.values import pack
from protobase_live.rich_text.document import Node, content_of, joined, mark, marks_of, node, text_node
from protobase_live.rich_text.lexical import is_lexical, lexical_document
from protobase_live.rich_text.trees import Tree, element_tree, is_text, is_tree, text_tree

_HASHED = re.compile(r"(.*)--[a-zA-Z0-9+/=]{8}", re.DOTALL)
_HASH_BYTES = 6


def document_of(children: Sequence[Tree]) -> Node:
    """The document that a fragment with these children is. Lexical's is read as well as it can be."""
    if is_lexical(children):
        return lexical_document(children)
    return {"type": "doc", "content": joined(_nodes(children))}


def trees_of(document: Node) -> list[Tree]:
    """The children of the fragment that keeps a document."""
    return _trees(content_of(document))


def plain_form(tree: Tree) -> list[Tree]:
    """What `trees_of` would have made of what a tree shows: several trees, or none, for some."""
    return _trees(joined(_nodes([tree])))


def _nodes(trees: Iterable[Tree]) -> Iterator[Node]:
    for tree in trees:
        if is_text(tree):
            yield from _of_runs(tree["runs"])
        elif tree["tag"] is None:
            yield from _nodes(tree["children"])
        else:
            yield node(tree["tag"], tree["attributes"], list(_nodes(tree["children"])))


def _of_runs(runs: Iterable[Sequence[Any]]) -> Iterator[Node]:
    for content, marks in runs:
        if isinstance(content, str):
            if content:
                yield text_node(content, _marks(marks))
        elif is_tree(content):
            yield from _nodes([content])


def _marks(formats: Mapping[str, Any]) -> Iterator[Node]:
    for name, value in formats.items():
        hashed = _HASHED.fullmatch(name)
        attrs = cast("dict[str, Any]", value) if isinstance(value, dict) else None
        yield mark(hashed[1] if hashed else name, attrs)


def _trees(nodes: Iterable[Node]) -> list[Tree]:
    found: list[Tree] = []
    for of_text, group in groupby(nodes, key=lambda each: "text" in each):
        if of_text:
            found.append(text_tree([[each["text"], _formats(marks_of(each))] for each in group]))
        else:
            found += [_element(each) for each in group]
    return found


def _element(found: Node) -> Tree:
    return element_tree(found["type"], found.get("attrs", {}), _trees(content_of(found)))


def _formats(marks: Sequence[Node]) -> dict[str, Any]:
    times = Counter(each["type"] for each in marks)
    return {
        each["type"] if times[each["type"]] == 1 else f"{each['type']}--{_hash(each)}": each.get("attrs", {})
        for each in marks
    }


def _hash(found: Node) -> str:
    return b64encode(blake2b(pack(found), digest_size=_HASH_BYTES).digest()).decode()
