"""The state hash of a document: a digest of what its users see.

It covers the records and structures with their kinds, texts with their formats, XML with its attributes:
whatever `canonical` tells apart. It does not cover how that came to be (client ids, the order of updates,
what was deleted), nor what is held because it lacks a predecessor: nobody sees that yet.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from hashlib import blake2b
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlFragment

from protobase_live.document.shapes import each_structure
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.values import pack, portions
from protobase_live.structures import COUNTED_SET, COUNTER, SET, Kind
from protobase_live.structures.canonical import (
    DIGEST_BYTES,
    array_parts,
    canonical,
    canonical_record,
    text_parts,
)
from protobase_live.structures.raw import map_keys, native_entry, opened

READ_ENTRIES = 32
"""Entries of a map or children of a fragment that are read without a pause."""

STEP_BYTES = 8 * 1024
"""About how many bytes are digested without a pause."""

_PART_BYTES = 64
"""How many bytes take as long to digest as it takes to make one part."""

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


def _digest(parts: Iterable[bytes]) -> Generator[None, None, bytes]:
    """`digest_of` with pauses."""
    found, size = blake2b(digest_size=DIGEST_BYTES), 0
    for part in parts:
        found.update(part)
        size += len(part) + _PART_BYTES
        if size >= STEP_BYTES:
            size = 0
            yield
    return found.digest()


def _sequence(doc: Doc[Any], kind: Kind, root: str) -> Iterator[bytes]:
    """What is in a root one behind the other, if its kind shows that."""
    if kind.shared_type is Text:
        with opened(doc.get(root, type=Text)) as (raw, txn):
            return iter(list(text_parts(raw, txn)))
    if kind.shared_type is Array:
        with opened(doc.get(root, type=Array)) as (raw, txn):
            return array_parts(raw, txn)
    return _children(doc.get(root, type=XmlFragment)) if kind.shared_type is XmlFragment else iter(())


def _children(shared: XmlFragment) -> Iterator[bytes]:
    with opened(shared) as (raw, txn):
        children = list(raw.children(txn))
    for start in range(0, len(children), READ_ENTRIES):
        with opened(shared) as (_, txn):
            read = [canonical(child, txn) for child in children[start : start + READ_ENTRIES]]
        yield from read


def _entries_of(doc: Doc[Any], kind: Kind, root: str) -> Iterator[bytes]:
    """The entries of a root, also those beside a sequence: the attributes of a text."""
    if kind not in _SHOW_LESS:
        return _entries(doc.get(root, type=Map), canonical)
    shown = kind.plain(doc.get(root, type=kind.shared_type))
    return portions(kind.answer(shown, kind.whole, ()))


def _entries(shared: Map[Any], read: Callable[[Any, Any], bytes]) -> Iterator[bytes]:
    keys = sorted(map_keys(shared))
    for start in range(0, len(keys), READ_ENTRIES):
        some = keys[start : start + READ_ENTRIES]
        with opened(shared) as (raw, txn):
            found = [pack(key) + read(native_entry(raw, txn, key), txn) for key in some]
        yield from found
