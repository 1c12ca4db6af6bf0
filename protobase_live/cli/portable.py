"""The lines of an export: a collection's document as JSON objects, and back.

The first line of a collection is ``{"collection", "update"}``: the document as a Yjs update, in base64. Where
there are such lines, they are what is imported, and those that follow are there to be read.

A record is ``{"collection", "structure": "records", "key", "value", "merges"}``: its fields, and the kinds of
those that merge. What stands among the records and is none is named, with the reason in ``unsaid``, and only
in the update. Any other structure is ``{"collection", "structure", "kind", "value"}``. Values are in JSON
form (`protobase_live.model.values`); a set is the list of its elements, a counted set a list of
``[element, count]``, a hash dictionary of ``[key, value]``. What Yjs clients nest or format is told as in
`protobase_live.cli.shared_tree`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
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
from protobase_live.document import FORMER_INDEXES, REGISTRY, structures_in
from protobase_live.errors import ValidationError
from protobase_live.handles.index_names import parse_index
from protobase_live.model.names import check_field, check_key, check_structure
from protobase_live.model.operations import INDEXES, RECORDS
from protobase_live.model.values import from_json, short, to_json
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Structs
from protobase_live.structures import FIELD_KINDS, KINDS, kind_of
from protobase_live.structures.portions import PortionedDoc

Line = dict[str, Any]

_ROOT = RECORDS.path[0]

MAX_PART_BYTES = 8 * 1024 * 1024
"""Largest document that an import of readable lines makes in one piece."""


def update_line(collection: str, update: bytes) -> Line:
    """The line that holds an update as it is."""
    return {"collection": collection, "update": base64.b64encode(update).decode()}


def lines_of(collection: str, updates: Sequence[bytes]) -> Iterator[Line]:
    """The readable lines of the document that ``updates`` make, in a fixed order."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    records = doc.get(_ROOT, type=Map)
    for key in sorted(records.keys()):
        form = _record_form(records[key])
        yield {"collection": collection, "structure": _ROOT, "key": key, **form}
    for name, kind, shared in structures_in(doc):
        value = _value(kind.name, shared)
        yield {"collection": collection, "structure": name, "kind": kind.name, "value": value}


def _record_form(record: Any) -> Line:
    if not isinstance(record, Map):
        return {"unsaid": f"what stands here is no record, but {short(tree_of(record))}"}
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
    """A document that grows line by line, with ``replica`` as the writer of its sets and counters.

    The same lines make the same document if the Yjs client id is the same.
    """

    def __init__(self, replica: str, client_id: int | None = None) -> None:
        self._doc = PortionedDoc(client_id=client_id)
        self._replica = replica
        self._structures: set[str] = set()
        self._written: list[bytes] = []
        self._doc.observe(lambda event: self._written.append(event.update))

    def add(self, line: Line) -> None:
        """Take in one line. Raises ValidationError for one that is none or comes twice.

        One that names something ``unsaid`` says nothing of it.
        """
        if "unsaid" in line:
            return
        structure = _part(line, "structure", str)
        with self._doc.transaction():
            if structure == _ROOT:
                self._add_record(check_key(line.get("key")), line)
            else:
                self._add_structure(_structure_name(structure, line), line)
        self._structures.add(structure)

    @property
    def structures(self) -> list[str]:
        """The names of what it holds, ``records`` included."""
        return sorted(self._structures)

    def updates(self) -> list[bytes]:
        """The document as updates, in order; of a small one, it is one."""
        structs, parts, size = Structs(), list[bytes](), 0
        for written in self._written:
            if size + len(written) > MAX_PART_BYTES:
                parts.append(structs.flush())
                size = 0
            structs.take(written)
            size += len(written)
        parts.append(structs.flush())
        return [part for part in parts if part != EMPTY_UPDATE]

    def _add_record(self, key: str, line: Line) -> None:
        records = self._doc.get(_ROOT, type=Map)
        if key in records:
            raise ValidationError(f"record {key!r} comes twice")
        fields: dict[str, Tree] = _part(line, "value", dict)
        merges: dict[str, Any] = _part({"merges": {}, **line}, "merges", dict)
        record: Map[Any] = Map()
        records[key] = record
        for name in fields.keys() - merges.keys():
            check_field(name)
        fill_map(record, {name: tree for name, tree in fields.items() if name not in merges})
        for name, kind in merges.items():
            if not isinstance(kind, str) or kind not in FIELD_KINDS or name not in fields:
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


def _structure_name(name: str, line: Line) -> str:
    """The name to store a structure under: that of the declared indexes was another in earlier versions."""
    value: Any = line.get("value")
    if line.get("kind") != INDEXES.kind or not isinstance(value, dict):
        return check_structure(name)
    keys = list(cast("dict[str, Any]", value))
    is_former = name == FORMER_INDEXES and keys and all(map(parse_index, keys))
    return INDEXES.path[0] if is_former or name == INDEXES.path[0] else check_structure(name)


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
