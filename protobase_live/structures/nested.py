"""What anything in a document is as a plain value, also the shared types that Yjs clients nest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from protobase_live.model.values import MAX_DEPTH, from_doc
from protobase_live.structures.arrays import plain_items
from protobase_live.structures.counted_sets import COUNTED_SET
from protobase_live.structures.counters import COUNTER
from protobase_live.structures.kind import MARK
from protobase_live.structures.raw import (
    RawArray,
    RawMap,
    RawText,
    RawXmlElement,
    RawXmlFragment,
    RawXmlText,
    opened,
    raw_entries,
)
from protobase_live.structures.sets import SET
from protobase_live.structures.xml_text import render
from protobase_live.structures.xml_trees import tree_of

MARKED = {kind.name: kind for kind in (SET, COUNTER, COUNTED_SET)}
"""The kinds that a Y.Map in a record may say it is."""


def plain_of(raw: Any, txn: Any, depth: int = 0) -> Any:
    """The plain value of a native entry. Never fails.

    A map without a mark is a dict, an array a list, a text a str, XML its source. What is nested deeper
    than MAX_DEPTH shared types reads as None.
    """
    if raw.__class__ in _PLAIN:  # most there is; asked first, for a record is read field by field
        return from_doc(raw)
    if isinstance(raw, _XML):
        return render(tree_of(raw, txn))
    if isinstance(raw, RawText):
        return raw.get_string(txn)
    if not isinstance(raw, (RawMap, RawArray)):
        return from_doc(raw)
    if depth == MAX_DEPTH:
        return None
    if isinstance(raw, RawArray):
        return plain_items(raw, txn, lambda item: plain_of(item, txn, depth + 1))
    return _plain_map(raw_entries(raw, txn), txn, depth)


def _plain_map(entries: dict[str, Any], txn: Any, depth: int) -> Any:
    mark = entries.get(MARK)
    if isinstance(mark, str) and mark in MARKED:
        return MARKED[mark].plain_entries(entries)
    return plain_entries(entries, txn, depth + 1)


def plain_entries(entries: dict[str, Any], txn: Any, depth: int = 0) -> dict[str, Any]:
    """The plain values of the native entries of a map."""
    return {key: plain_of(raw, txn, depth) for key, raw in entries.items()}


def plain_entries_at(shared: Any, keys: Iterable[str]) -> Iterator[tuple[str, Any, bool]]:
    """The keys, sorted, each with its plain value in a map, and whether there is one."""
    with opened(shared) as (raw, txn):
        entries = raw_entries(raw, txn, [key for key in sorted(keys) if raw.has(txn, key)])
        for key in sorted(keys):
            yield key, plain_of(entries.get(key), txn), key in entries


_PLAIN = frozenset({type(None), bool, int, float, str, bytes, bytearray, list, dict})
"""The classes of the native entries that are no shared types."""

_XML = (RawXmlFragment, RawXmlElement, RawXmlText)
