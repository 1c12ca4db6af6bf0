"""What is in a document as canonical bytes: those of two contents are equal if both show the same.

Those of others differ. A plain value is its canonical MessagePack. A shared type is the byte ``SHARED``,
which MessagePack never uses, and a digest of what it shows: sorted entries, items, runs of text with their
formats, an XML tree. Nothing is kept of client ids, the order of keys, and how a text was cut into structs.

What reads as another value reads so here, too (`plain_of`): a subdocument as None, what is nested deeper than
MAX_DEPTH shared types as None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import chain
from typing import Any

from protobase_live.model.values import MAX_DEPTH, from_doc, pack
from protobase_live.structures.arrays import plain_items
from protobase_live.structures.kind import MARK
from protobase_live.structures.nested import MARKED
from protobase_live.structures.raw import (
    RawArray,
    RawMap,
    RawText,
    RawXmlElement,
    RawXmlFragment,
    RawXmlText,
    raw_entries,
)

DIGEST_BYTES = 32
"""Length of a digest (BLAKE2b)."""

SHARED = b"\xc1"
"""What stands before the digest of a shared type."""

_NODES = (RawXmlElement, RawXmlFragment)
_TYPES = (RawMap, RawArray, RawText, RawXmlText, *_NODES)


class _Shared(bytes):
    """The canonical bytes of a shared type among plain values."""


def canonical(raw: Any, txn: Any, depth: int = 0) -> bytes:
    """The canonical bytes of a native entry. Never fails."""
    if not isinstance(raw, _TYPES):
        return pack(from_doc(raw))
    if depth == MAX_DEPTH:
        return pack(None)
    return SHARED + digest_of(_parts(raw, txn, depth + 1))


def canonical_record(raw: Any, txn: Any) -> bytes:
    """`canonical` for what is under a key of the records: a map there is fields, even if it is marked."""
    if not isinstance(raw, RawMap):
        return canonical(raw, txn)
    return SHARED + digest_of(_map_parts(raw_entries(raw, txn), txn, 1))


def digest_of(parts: Iterable[bytes]) -> bytes:
    """The digest of bytes that come in parts; it does not matter where one ends."""
    found = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        found.update(part)
    return found.digest()


def _parts(raw: Any, txn: Any, depth: int) -> Iterator[bytes]:
    if isinstance(raw, RawMap):
        entries = raw_entries(raw, txn)
        mark = entries.get(MARK)
        if isinstance(mark, str) and mark in MARKED:  # it shows what that kind shows, not who added what
            return iter((pack(mark), pack(MARKED[mark].plain_entries(entries))))
        return _map_parts(entries, txn, depth)
    if isinstance(raw, RawArray):
        return array_parts(raw, txn, depth)
    if isinstance(raw, RawText | RawXmlText):
        return text_parts(raw, txn, depth)
    return _node_parts(raw, txn, depth)


def _map_parts(entries: Mapping[str, Any], txn: Any, depth: int) -> Iterator[bytes]:
    yield pack("map")
    for key, value in entries.items():
        yield pack(key) + canonical(value, txn, depth)


def array_parts(raw: Any, txn: Any, depth: int = 0) -> Iterator[bytes]:
    """A native array, which must hold no text (`plain_items`): its items. All are read at once."""
    items = plain_items(raw, txn, lambda each: _item(each, txn, depth))
    return chain((pack("list"),), (each if isinstance(each, _Shared) else pack(each) for each in items))


def _item(raw: Any, txn: Any, depth: int) -> Any:
    return _Shared(canonical(raw, txn, depth)) if isinstance(raw, _TYPES) else from_doc(raw)


def text_parts(raw: Any, txn: Any, depth: int = 0) -> Iterator[bytes]:
    """A native text: its attributes, if it is XML, and runs of the same formats, and embedded objects."""
    yield pack("text")
    yield from _attributes(raw, txn)
    for content, formats in _runs(raw.diff(txn)):
        yield pack(content) if isinstance(content, str) else b"\xc0" + canonical(content, txn, depth)
        yield pack(formats)


def _runs(found: Iterable[tuple[Any, Mapping[str, Any] | None]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Runs of text, joined where neighbours have the same formats: another client may have cut them there."""
    held, held_formats = "", dict[str, Any]()
    for content, native in found:
        formats = {name: from_doc(value) for name, value in (native or {}).items() if value is not None}
        if isinstance(content, str) and held and pack(formats) == pack(held_formats):
            held += content
            continue
        if held:
            yield held, held_formats
        held, held_formats = (content, formats) if isinstance(content, str) else ("", {})
        if not isinstance(content, str):
            yield content, formats
    if held:
        yield held, held_formats


def node_head(raw: Any, txn: Any) -> Iterator[bytes]:
    """What an XML element, or a fragment, is without its children: its name and attributes."""
    yield pack("xml")
    yield pack(tag() if (tag := getattr(raw, "tag", None)) else None)
    yield from _attributes(raw, txn)


def _node_parts(raw: Any, txn: Any, depth: int) -> Iterator[bytes]:
    """An XML element or fragment: its name, attributes and children."""
    yield from node_head(raw, txn)
    for child in raw.children(txn):
        yield canonical(child, txn, depth)


def _attributes(raw: Any, txn: Any) -> Iterator[bytes]:
    if isinstance(raw, RawXmlText | RawXmlElement):
        yield pack({name: from_doc(value) for name, value in dict(raw.attributes(txn)).items()})
