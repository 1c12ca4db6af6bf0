"""What a document holds, read with pycrdt by the kinds of its types: the second opinion beside Yjs.

The form is that of ``plain`` in ``tests/interop/histories/state.mjs``, less what pycrdt cannot tell apart: all
numbers are floats, a half of a character is nothing, and of a subdocument the options are not seen.
"""

from __future__ import annotations

from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

ROOTS = {"records": Map, "meta": Map, "list": Array, "body": Text, "page": XmlFragment}
"""What the clients of histories use; any other root is a map."""

HALF = "\N{REPLACEMENT CHARACTER}"


def plain(doc: Doc[Any]) -> dict[str, Any]:
    """The content of all roots that are not empty."""
    found = {name: _members(doc.get(name, type=ROOTS.get(name, Map))) for name in doc.keys()}
    return {name: members for name, members in found.items() if members}


def loose(tree: Any) -> Any:
    """What Yjs says is there, as far as pycrdt can tell."""
    match tree:
        case {"$bigint": number}:
            return float(number)
        case {"$zero": _}:
            return 0.0
        case {"$doc": guid, **_options}:
            return {"$doc": guid}
        case {"seq": runs, **rest}:
            return {**loose(rest), **_seq([[loose(value), loose(marks)] for value, marks in runs])}
        case dict():
            return {key: loose(value) for key, value in tree.items()}
        case list():
            return [loose(value) for value in tree]
        case bool() | str() | None:
            return tree
        case _:
            return float(tree)


def _seq(runs: list[Any]) -> dict[str, Any]:
    """Runs without halves of characters; what is left between others is joined."""
    joined: list[Any] = []
    for value, marks in runs:
        text = value.replace(HALF, "") if isinstance(value, str) else value
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
    return [content if isinstance(content, str) else {"$value": _value(content)}, loose(marks or {})]


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
