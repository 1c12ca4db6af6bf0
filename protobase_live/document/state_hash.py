"""The state hash of a document: a digest of what its users see.

It covers the records and structures with their kinds, texts with their formats, XML with its attributes:
whatever `canonical` tells apart. It does not cover how that came to be (client ids, the order of updates,
what was deleted), nor what is held because it lacks a predecessor: nobody sees that yet.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlFragment

from protobase_live.document.shapes import each_structure, shape_of
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.values import pack, portions
from protobase_live.model.values.encoding import PORTION_ITEMS
from protobase_live.structures import COUNTED_SET, COUNTER, SET, Kind
from protobase_live.structures.canonical import (
    DIGEST_BYTES,
    array_parts,
    canonical,
    canonical_record,
    node_head,
    text_parts,
)
from protobase_live.structures.raw import RawArray, RawMap, RawXmlElement, map_keys, native_entry, opened

STEP_VALUES = 300
"""About how many values are read and digested without a pause (at least one entry of a map)."""

_ENTRY_VALUES = 5
"""How many values take as long to read as an entry of a map that holds none, or as a child of a fragment."""

_END = pack("end")
"""Stands behind the children of a node."""

_Part = tuple[bytes, int]
"""What is digested, and about how many values were read for it."""

_SHOW_LESS = (SET, COUNTER, COUNTED_SET)
"""Kinds whose entries name who wrote them, which nobody sees."""


def hash_state(doc: Doc[Any]) -> Generator[None, None, str]:
    """The state hash, in hexadecimal, with pauses in which nobody may write."""
    found = blake2b(digest_size=DIGEST_BYTES)
    found.update((yield from _digest(_entries(doc.get(RECORDS_NAME, type=Map), canonical_record))))
    for name, kind, root in each_structure(doc):
        found.update(pack([name, kind.name]))
        found.update((yield from _digest(_sequence(doc, kind, root))))
        found.update((yield from _digest(_entries_of(doc, kind, root))))
        yield
    return found.hexdigest()


def hash_root(doc: Doc[Any], root: str) -> Generator[None, None, bytes]:
    """The digest of what is in one root, whatever that is, with pauses in which nobody may write."""
    kind = shape_of(doc, root)
    if kind is None:
        return b""
    is_tree = kind.shared_type is XmlFragment
    sequence = _nodes(doc.get(root, type=XmlFragment)) if is_tree else _sequence(doc, kind, root)
    return (yield from _digest(chain(sequence, _entries_of(doc, kind, root))))


def _digest(parts: Iterable[_Part]) -> Generator[None, None, bytes]:
    """`digest_of` with pauses."""
    found, read = blake2b(digest_size=DIGEST_BYTES), 0
    for part, values in parts:
        found.update(part)
        read += values
        if read >= STEP_VALUES:
            read = 0
            yield
    return found.digest()


def _sequence(doc: Doc[Any], kind: Kind, root: str) -> Iterator[_Part]:
    """What is in a root one behind the other, if its kind shows that."""
    if kind.shared_type is Text:
        with opened(doc.get(root, type=Text)) as (raw, txn):
            return _weighed(list(text_parts(raw, txn)))
    if kind.shared_type is Array:
        with opened(doc.get(root, type=Array)) as (raw, txn):
            return _weighed(array_parts(raw, txn))
    return _children(doc.get(root, type=XmlFragment)) if kind.shared_type is XmlFragment else iter(())


def _weighed(parts: Iterable[bytes]) -> Iterator[_Part]:
    return ((part, 1) for part in parts)


def _children(shared: XmlFragment) -> Iterator[_Part]:
    with opened(shared) as (raw, txn):
        children = list(raw.children(txn))
    for child in children:
        with opened(shared) as (_, txn):
            part = canonical(child, txn)
        yield part, _ENTRY_VALUES


def _nodes(shared: XmlFragment) -> Iterator[_Part]:
    """The nodes of a tree one by one: each before its children, which have an end. An editor may have put
    everything into one node."""
    with opened(shared) as (raw, txn):
        left: list[Any] = list(raw.children(txn))[::-1]
    while left:
        node = left.pop()
        if node is None:
            yield _END, 1
            continue
        with opened(shared) as (_, txn):
            if isinstance(node, RawXmlElement):
                part = b"".join(node_head(node, txn))
                left += [None, *list(node.children(txn))[::-1]]
            else:
                part = canonical(node, txn)
        yield part, _ENTRY_VALUES


def _entries_of(doc: Doc[Any], kind: Kind, root: str) -> Iterator[_Part]:
    """The entries of a root, also those beside a sequence: the attributes of a text."""
    if kind not in _SHOW_LESS:
        return _entries(doc.get(root, type=Map), canonical)
    shown = kind.plain(doc.get(root, type=kind.shared_type))
    return ((part, PORTION_ITEMS) for part in portions(kind.answer(shown, kind.whole, ())))


def _entries(shared: Map[Any], read: Callable[[Any, Any], bytes]) -> Iterator[_Part]:
    keys = iter(sorted(map_keys(shared)))
    while found := _some_entries(shared, keys, read):
        yield from found


def _some_entries(shared: Map[Any], keys: Iterator[str], read: Callable[[Any, Any], bytes]) -> list[_Part]:
    """As many as one step takes, in one transaction, which takes as long to begin as an entry to read."""
    found, size = list[_Part](), 0
    with opened(shared) as (raw, txn):
        while size < STEP_VALUES and (key := next(keys, None)) is not None:
            entry = native_entry(raw, txn, key)
            values = _ENTRY_VALUES + (entry.len(txn) if isinstance(entry, RawMap | RawArray) else 0)
            found.append((pack(key) + read(entry, txn), values))
            size += values
    return found
