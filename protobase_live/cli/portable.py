"""The lines of an export: a collection's document as JSON objects, and back.

A record is ``{"collection", "structure": "records", "key", "value", "merges"}``: its fields, and the kinds
of those that merge. Any other structure is ``{"collection", "structure", "kind", "value"}``. Values are in
JSON form (`protobase_live.values`); a set is the list of its elements, a counted set a list of
``[element, count]``, a hash dictionary of ``[key, value]``. What Yjs clients nest or format is told as in
`protobase_live.cli.shared_tree`. The history of a document is not part of an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pycrdt import Doc, Map

from protobase_live.cli.shared_tree import (
    Tree,
    array_trees,
    child_trees,
    fill_array,
    fill_children,
    fill_map,
    fill_text,
    map_trees,
    text_runs,
    tree_of,
)
from protobase_live.document import REGISTRY, structures_in
from protobase_live.errors import ValidationError
from protobase_live.names import check_field, check_key, check_structure
from protobase_live.operations import RECORDS
from protobase_live.structures import FIELD_KINDS, KINDS, kind_of
from protobase_live.structures.portions import PortionedDoc
from protobase_live.values import from_json, short, to_json

Line = dict[str, Any]

_ROOT = RECORDS.path[0]


def lines_of(collection: str, update: bytes) -> Iterator[Line]:
    """The lines of the document that ``update`` makes, in a fixed order. Raises ValidationError."""
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    records = doc.get(_ROOT, type=Map)
    for key in sorted(records.keys()):
        if isinstance(record := records[key], Map):
            yield {"collection": collection, "structure": _ROOT, "key": key, **_record_form(record)}
    for name, kind, shared in structures_in(doc):
        value = _value(kind.name, shared)
        yield {"collection": collection, "structure": name, "kind": kind.name, "value": value}


def _record_form(record: Any) -> Line:
    fields: dict[str, Any] = {name: record[name] for name in sorted(record.keys())}
    kinds = ((name, kind_of(entry)) for name, entry in fields.items())
    merges = {name: kind for name, kind in kinds if kind and kind in FIELD_KINDS}
    value = {
        name: _value(merges[name], entry) if name in merges else tree_of(entry)
        for name, entry in fields.items()
    }
    return {"value": value, "merges": merges}


def _value(kind: str, shared: Any) -> Tree:
    if kind == "text":
        runs = text_runs(shared)
        plain = all(isinstance(content, str) and not marks for content, marks in runs)
        return str(shared) if plain else runs
    if kind in _TREES:
        return _TREES[kind](shared)
    return to_json(KINDS[kind].read(shared, KINDS[kind].whole, ()))


_TREES: Mapping[str, Any] = {"dict": map_trees, "list": array_trees, "xml_fragment": child_trees}


class Draft:
    """A document that grows line by line, with ``replica`` as the writer of its sets and counters."""

    def __init__(self, replica: str) -> None:
        self._doc = PortionedDoc()
        self._replica = replica
        self._structures: set[str] = set()

    def add(self, line: Line) -> None:
        """Take in one line. Raises ValidationError for one that is none or comes twice."""
        structure = _part(line, "structure", str)
        with self._doc.transaction():
            if structure == _ROOT:
                self._add_record(check_key(line.get("key")), line)
            else:
                self._add_structure(check_structure(structure), line)
        self._structures.add(structure)

    @property
    def structures(self) -> list[str]:
        """The names of what it holds, ``records`` included."""
        return sorted(self._structures)

    def update(self) -> bytes:
        """The document, as one update."""
        return self._doc.get_update()

    def _add_record(self, key: str, line: Line) -> None:
        records = self._doc.get(_ROOT, type=Map)
        if key in records:
            raise ValidationError(f"record {key!r} comes twice")
        fields: dict[str, Tree] = _part(line, "value", dict)
        merges: dict[str, str] = _part({"merges": {}, **line}, "merges", dict)
        record: Map[Any] = Map()
        records[key] = record
        for name in fields.keys() - merges.keys():
            check_field(name)
        fill_map(record, {name: tree for name, tree in fields.items() if name not in merges})
        for name, kind in merges.items():
            if kind not in FIELD_KINDS or name not in fields:
                raise ValidationError(f"merges[{name!r}] is {short(kind)}; expected the kind of a field")
            record[check_field(name)] = FIELD_KINDS[kind].empty()
            self._fill(kind, record[name], fields[name])

    def _add_structure(self, name: str, line: Line) -> None:
        kind = _part(line, "kind", str)
        if kind not in KINDS or kind == _ROOT:
            raise ValidationError(f"{short(kind)} is no kind; kinds are {', '.join(KINDS)}")
        registry = self._doc.get(REGISTRY, type=Map)
        if name in registry:
            raise ValidationError(f"structure {name!r} comes twice")
        registry[name] = kind
        self._fill(kind, self._doc.get(name, type=KINDS[kind].shared_type), line.get("value"))

    def _fill(self, kind: str, shared: Any, value: Tree) -> None:
        if kind in _FILLS:
            _FILLS[kind](shared, value)
            return
        for action, *args in _actions(kind, from_json(value)):
            KINDS[kind].write(shared, action, KINDS[kind].check(action, tuple(args)), self._replica)


def _actions(kind: str, value: Any) -> list[tuple[Any, ...]]:
    """What makes a structure that has no shared types inside equal to ``value``."""
    if kind == "counter":
        return [("add", value)]
    if kind == "set":
        return [("add", element) for element in _list(value)]
    action = "set" if kind == "hash_dict" else "add"
    return [(action, *_list(pair)) for pair in _list(value)]


def _fill_text(shared: Any, value: Tree) -> None:
    fill_text(shared, [[value, None]] if isinstance(value, str) else value)


_FILLS: Mapping[str, Any] = {
    "dict": fill_map,
    "list": fill_array,
    "xml_fragment": fill_children,
    "text": _fill_text,
}


def _part(line: Line, name: str, kind: type) -> Any:
    value = line.get(name)
    if not isinstance(value, kind):
        raise ValidationError(f"{name!r} is {short(value)}; expected a {kind.__name__}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValidationError(f"{short(value)} is not a list")
    return cast("list[Any]", value)
