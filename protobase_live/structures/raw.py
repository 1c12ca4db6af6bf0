"""The one place that reaches below pycrdt's wrappers.

The wrappers check, count and wrap at every entry read, which makes reading a record ten times as slow.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakMethod

from pycrdt import Array, Doc, Map, Subscription, Text, XmlFragment
from pycrdt._pycrdt import Array as RawArray  # pyright: ignore[reportPrivateUsage]
from pycrdt._pycrdt import (
    ArrayEvent,  # pyright: ignore[reportPrivateUsage]
    MapEvent,  # pyright: ignore[reportPrivateUsage]
)
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


def observe(shared: Any, method: Callable[..., None], *arguments: Any) -> Subscription:
    """Have a method told of changes in a shared type and below, until `drop`: arguments, then native events.

    It must not raise. pycrdt's own events read all they could be asked for, and panic where they cannot.
    """
    return shared.integrated.observe_deep(_weakly(method, arguments))


def is_of_map(event: Any) -> bool:
    """Whether a native event says which entries changed: that of a root which was opened as a map first."""
    return isinstance(event, MapEvent)


def is_of_array(event: Any) -> bool:
    """Whether a native event says which items changed: that of a root which was opened as an array first."""
    return isinstance(event, ArrayEvent)


def observe_updates(doc: Doc[Any], method: Callable[..., None]) -> Subscription:
    """Have a method told of each transaction, until `drop`, with the native event that has its update."""
    native: Any = doc
    return native._doc.observe(_weakly(method, ()))


def _weakly(method: Callable[..., None], arguments: tuple[Any, ...]) -> Callable[[Any], None]:
    """A callback that keeps nothing alive: no collector sees a cycle that goes through pycrdt."""
    held = WeakMethod(method)

    def call(event: Any) -> None:
        if (alive := held()) is not None:
            alive(*arguments, event)

    return call


def root_names(doc: Doc[Any]) -> list[str]:
    """The roots of a document that somebody wrote or opened."""
    native: Any = doc
    with native.transaction() as transaction:
        return list(native._doc.roots(transaction._txn))


def map_keys(shared: Map[Any]) -> list[str]:
    """The keys of a map, in no order."""
    with opened(shared) as (raw, txn):
        return list(raw.keys(txn))


def map_entries(shared: Map[Any]) -> dict[str, Any]:
    """The native entries of a map, sorted by key."""
    with opened(shared) as (raw, txn):
        return raw_entries(raw, txn)


MAX_SHARED_NAMES = 10_000
"""Names of fields that rows share; when there are more, sharing begins anew. Some versions of Python keep
what `sys.intern` is given for ever, and clients may think of ever new names."""


class _Names(dict[str, str]):
    """Each name in the place where others have it. A known one is looked up without a call from Python."""

    def __missing__(self, name: str) -> str:
        if len(self) >= MAX_SHARED_NAMES:
            self.clear()
        plain = str.__str__(name)  # a program may call a field by a subclass of str
        self[plain] = plain
        return plain


_names = _Names()


def raw_entries(raw: Any, txn: Any, keys: Iterable[str] | None = None) -> dict[str, Any]:
    """The native entries of a native map, sorted by key, or those under the given keys of it.

    All rows share the names of their fields: pycrdt makes new ones for each record, as large as its values.
    """
    entries: dict[str, Any] = {}
    for key in map(_names.__getitem__, sorted(raw.keys(txn)) if keys is None else keys):
        try:
            entries[key] = raw.get(txn, key)
        except ValueError:  # pycrdt's "Key error": what is there is no value, such as a format
            continue
    return entries


def map_entry(shared: Map[Any], key: str) -> Any:
    """The entry under a key, with pycrdt's wrapper; None where there is none or what is there is no value."""
    try:
        return shared.get(key)
    except ValueError:
        return None


def set_entries(shared: Map[Any], entries: Mapping[str, Any]) -> None:
    """Put plain values, as `to_doc` gives them, under keys of a map, inside the caller's Yjs transaction."""
    with opened(shared) as (raw, txn):
        for key, value in entries.items():
            raw.insert(txn, key, value)


def native_entry(raw: Any, txn: Any, key: str) -> Any:
    """The native entry of a native map under a key; None as in `map_entry`."""
    try:
        return raw.get(txn, key) if raw.has(txn, key) else None
    except ValueError:
        return None


__all__ = [
    "RawArray",
    "RawMap",
    "RawText",
    "RawXmlElement",
    "RawXmlFragment",
    "RawXmlText",
    "Shared",
    "SharedType",
    "is_of_array",
    "is_of_map",
    "map_entries",
    "map_entry",
    "map_keys",
    "native_entry",
    "observe",
    "observe_updates",
    "opened",
    "raw_entries",
    "root_names",
    "set_entries",
]
