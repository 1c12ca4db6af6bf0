"""What is in a root, whatever somebody opened it as: Yjs does not say, and clients write what they like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pycrdt import Array, Doc, Map, Text, XmlFragment
from pycrdt._base import BaseType  # pyright: ignore[reportPrivateUsage]

from protobase_live.document.registry import Registry
from protobase_live.document.targets import REGISTRY
from protobase_live.model.names import RECORDS_NAME
from protobase_live.structures import DICT, LIST, TEXT, XML_FRAGMENT, Kind
from protobase_live.structures.raw import Shared, map_entries, opened, root_names


def shape_of(doc: Doc[Any], name: str) -> Kind | None:
    """The kind that shows everything that is in a root; None for one that is empty.

    Creates the root if there is none. A root with a sequence and entries beside it (a text with attributes)
    counts as the sequence.
    """
    length = len(doc.get(name, type=Array))
    if not length:
        return DICT if len(doc.get(name, type=Map)) else None
    if holds_text(doc, name):
        return TEXT
    with opened(doc.get(name, type=XmlFragment)) as (raw, txn):
        if len(raw.children(txn)) == length:
            return XML_FRAGMENT
    embedded = doc.get(name, type=Text).diff()
    return TEXT if embedded and not any(isinstance(each, BaseType) for each, _ in embedded) else LIST


def structures_in(doc: Doc[Any]) -> list[tuple[str, Kind, Shared]]:
    """What is in every root but the records and the registry: name, kind and shared type, sorted by name."""
    return [(name, kind, doc.get(root, type=kind.shared_type)) for name, kind, root in each_structure(doc)]


def each_structure(doc: Doc[Any]) -> Iterator[tuple[str, Kind, str]]:
    """`structures_in`, with the roots' names, looked at one by one; nobody may write meanwhile.

    The kind is the registered one, unless that leaves out something that is there. Roots that are empty and
    not registered are left out.
    """
    registry = Registry(doc)
    try:
        registered = registry.kinds()
        for name in sorted({*root_names(doc), *registered} - {RECORDS_NAME, REGISTRY}):
            if registry.is_former(name):
                continue
            root = registry.root_of(name)
            shape, known = shape_of(doc, root), registered.get(name)
            kind = known if known is not None and fits(known, shape, doc, root) else shape
            if kind is not None:
                yield name, kind, root
    finally:
        registry.close()


def holds_text(doc: Doc[Any], name: str) -> bool:
    """Whether there are characters in a root. pycrdt may never return from reading such a one as an array."""
    return str(doc.get(name, type=Text)) != ""


def fits(kind: Kind, shape: Kind | None, doc: Doc[Any], name: str) -> bool:
    """Whether a root of that shape can be opened as that kind without leaving out what is in it."""
    if shape is None or shape is kind:
        return True
    return shape is DICT and kind.shared_type is Map and kind.fits(map_entries(doc.get(name, type=Map)))
