"""The one place that reaches below pycrdt's wrappers.

The wrappers check, count and wrap at every entry read, which makes reading a record ten times as slow.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from pycrdt import Array, Map, Text, XmlFragment
from pycrdt._pycrdt import Array as RawArray  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import Map as RawMap  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import Text as RawText  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import XmlElement as RawXmlElement  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import XmlFragment as RawXmlFragment  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import XmlText as RawXmlText  # pyright: ignore[reportPrivateUsage]

Shared = Map[Any] | Array[Any] | Text | XmlFragment
SharedType = type[Map[Any]] | type[Array[Any]] | type[Text] | type[XmlFragment]


@contextmanager
def opened(shared: Any) -> Generator[tuple[Any, Any]]:
    """The native object of a shared type and the transaction to read it in."""
    with shared.doc.transaction() as transaction:
        yield shared.integrated, transaction._txn


def map_keys(shared: Map[Any]) -> list[str]:
    """The keys of a map, in no order."""
    with opened(shared) as (raw, txn):
        return list(raw.keys(txn))


def map_entries(shared: Map[Any]) -> dict[str, Any]:
    """The native entries of a map, sorted by key."""
    with opened(shared) as (raw, txn):
        return raw_entries(raw, txn)


def raw_entries(raw: Any, txn: Any) -> dict[str, Any]:
    """The native entries of a native map, sorted by key."""
    get: Callable[[Any, str], Any] = raw.get
    return {key: get(txn, key) for key in sorted(raw.keys(txn))}


def array_items(raw: Any, txn: Any) -> list[Any]:
    """The native items of a native array.

    pycrdt has no iterator, so a long array that was built by scattered inserts takes quadratic time
    (20,000 items at random places: 4 s; appended: 12 ms).
    """
    return [raw.get(txn, index) for index in range(raw.len(txn))]


__all__ = [
    "RawArray",
    "RawMap",
    "RawText",
    "RawXmlElement",
    "RawXmlFragment",
    "RawXmlText",
    "Shared",
    "SharedType",
    "array_items",
    "map_entries",
    "map_keys",
    "opened",
    "raw_entries",
]
