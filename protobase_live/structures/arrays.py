"""Reading and filling Y.Arrays, whose every item pycrdt looks for from the first one on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

from protobase_live.model.values import MAX_DEPTH, from_doc, to_doc
from protobase_live.structures.portions import wrote

INDEXED_ITEMS = 256
"""Longest array that is read item by item."""

_MAX_SAFE_INT = 2**53 - 1
_AMBIGUOUS_KEYS = frozenset({"@", "guid"})
_MARKUP = frozenset("<>&")
_SCALARS = frozenset({type(None), bool, int, float, str})
_LONG_NUMBER = re.compile(r"(?<![.\d])\d{16}")


def plain_items(raw: Any, txn: Any, plain: Callable[[Any], Any]) -> list[Any]:
    """The items of a native array, each made plain by ``plain``.

    A long array is read as JSON, which takes time in the order of its length, wherever its items were
    inserted; only an item that JSON does not tell apart (bytes, XML, a tag) is then looked for by itself.
    An array that holds text must not be read, for pycrdt may never return.
    """
    length = raw.len(txn)
    if length > INDEXED_ITEMS and (items := _parsed(text := raw.to_json(txn))) is not None:
        if _all_told(kinds := set(map(type, items)), text):
            return from_doc(items) if float in kinds else items
        return [
            from_doc(item) if _is_told(item, 0) else plain(raw.get(txn, index))
            for index, item in enumerate(items)
        ]
    return [plain(raw.get(txn, index)) for index in range(length)]


def insert_values(shared: Any, start: int, values: Sequence[Any]) -> None:
    """Insert checked plain values into an array, inside the caller's Yjs transaction."""
    for index, value in enumerate(values, start):
        with shared.doc.transaction() as transaction:
            shared.integrated.insert(transaction._txn, index, to_doc(value))
        wrote(shared)


def _parsed(text: str) -> list[Any] | None:
    try:
        return json.loads(text)
    except RecursionError:
        return None


def _all_told(kinds: set[type], text: str) -> bool:
    """Whether `_is_told` says so of each of the items of these kinds; there may be millions of them."""
    if not kinds <= _SCALARS or any(sign in text for sign in _MARKUP):
        return False
    return int not in kinds or _LONG_NUMBER.search(text) is None


def _is_told(item: Any, depth: int) -> bool:
    """Whether nothing else than this value is written so in JSON."""
    if isinstance(item, str):
        return _MARKUP.isdisjoint(item)
    if isinstance(item, int):  # a float beyond this may be written like a big integer
        return -_MAX_SAFE_INT <= item <= _MAX_SAFE_INT
    if isinstance(item, list):
        items = cast("list[Any]", item)
        return depth < MAX_DEPTH and not _may_be_bytes(items) and all(_is_told(i, depth + 1) for i in items)
    if isinstance(item, dict):
        entries = cast("dict[str, Any]", item)
        mere = depth < MAX_DEPTH and _AMBIGUOUS_KEYS.isdisjoint(entries)
        return mere and all(_is_told(each, depth + 1) for each in entries.values())
    return True


def _may_be_bytes(items: list[Any]) -> bool:
    return all(type(item) is int and 0 <= item < 256 for item in items)
