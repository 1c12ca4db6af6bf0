"""What a document holds, read with pycrdt by the kinds of its types: the second opinion beside Yjs.

The form is that of ``plain`` in ``tests/interop/histories/state.mjs``, less what pycrdt does not tell: all
numbers are floats, and of a subdocument the options are not seen. Where a character of two code units was cut
in half, pycrdt shows the whole of it or nothing, so that such characters are left out of texts.
"""

from __future__ import annotations

import re
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

ROOTS = {"records": Map, "meta": Map, "list": Array, "body": Text, "page": XmlFragment}
"""What the clients of histories use; any other root is a map."""

CUT = re.compile("[\N{REPLACEMENT CHARACTER}\U00010000-\U0010ffff]")
"""A character that may have been cut in half, and what Yjs leaves of it."""


def plain(doc: Doc[Any]) -> dict[str, Any]:
    """The content of all roots that are not empty."""
    found = {name: _members(doc.get(name, type=ROOTS.get(name, Map))) for name in doc.keys()}  # noqa: SIM118
    return _not_empty(found)


def expected(roots: dict[str, Any]) -> dict[str, Any]:
    """What pycrdt can tell of the content that Yjs says is there."""
    return _not_empty({name: _loose(members) for name, members in roots.items()})


def _not_empty(roots: dict[str, Any]) -> dict[str, Any]:
    return {name: members for name, members in roots.items() if members}


def _loose(tree: Any) -> Any:
    match tree:
        case {"$bigint": number}:
            return float(number)
        case {"$zero": _}:
            return 0.0
        case {"$doc": guid, **_options}:
            return {"$doc": guid}
        case {"seq": runs, **rest}:
            return {**_loose(rest), **_seq([[_loose(value), _loose(marks)] for value, marks in runs])}
        case dict():
            return {key: _loose(value) for key, value in tree.items()}
        case list():
            return [_loose(value) for value in tree]
        case bool() | str() | None:
            return tree
        case _:
            return float(tree)


def _seq(runs: list[Any]) -> dict[str, Any]:
    """Runs without what may be cut; what is left between others is joined."""
    joined: list[Any] = []
    for value, marks in runs:
        text = CUT.sub("", value) if isinstance(value, str) else value
        if isinstance(text, str) and joined and isinstance(joined[-1][0], str) and joined[-1][1] == marks:
            joined[-1][0] += text
        elif text != "":
            joined.append([text, marks])
    return {"seq": joined} if joined else {}


def _members(shared: Any) -> dict[str, Any]:
    match shared:
        case Map():
            entries = {key: _value(shared[key]) for key in shared.keys()}  # noqa: SIM118
            return {"map": entries} if entries else {}
        case Array():
            return _seq([[{"$value": _value(item)}, {}] for item in shared])
        case Text():
            return _seq([_run(*run) for run in shared.diff()])
        case XmlText():
            return _attributes(shared) | _seq([_run(*run) for run in shared.diff()])
        case XmlElement():
            return _attributes(shared) | _children(shared)
        case _:
            return _children(shared)


def _run(content: Any, marks: dict[str, Any] | None) -> list[Any]:
    return [content if isinstance(content, str) else {"$value": _value(content)}, _loose(marks or {})]


def _children(shared: Any) -> dict[str, Any]:
    return _seq([[{"$value": _value(child)}, {}] for child in shared.children])


def _attributes(shared: Any) -> dict[str, Any]:
    attributes = {name: _value(value) for name, value in shared.attributes}
    return {"map": attributes} if attributes else {}


def _value(value: Any) -> Any:
    match value:
        case Doc():
            return {"$doc": value.guid}
        case XmlElement():
            return {"$type": "YXmlElement", "name": value.tag, **_members(value)}
        case Map() | Array() | Text() | XmlText() | XmlFragment():
            return {"$type": f"Y{type(value).__name__}", **_members(value)}
        case bytes() | bytearray():
            return {"$bytes": value.hex()}
        case dict():
            return {key: _value(inner) for key, inner in value.items()}
        case list():
            return [_value(inner) for inner in value]
        case bool() | str() | None:
            return value
        case _:
            return float(value)


def difference(found: Any, expected: Any, path: str = "") -> str:
    """Where two trees differ, as a sentence; "" when they do not."""
    if found == expected:
        return ""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in {**expected, **found}:
            if told := difference(found.get(key), expected.get(key), f"{path}/{key}"):
                return told
    return f"{path or 'all'} is {found!r}, expected {expected!r}"
