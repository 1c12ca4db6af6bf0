"""Structures: what a collection's document is made of, by kind, and the handles to work with them."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.structures.counted_sets import COUNTED_SET, CountedSet
from protobase_live.structures.counters import COUNTER, Counter
from protobase_live.structures.dicts import DICT, Dict
from protobase_live.structures.handle import Handle
from protobase_live.structures.hash_dicts import HASH_DICT, HashDict
from protobase_live.structures.kind import MARK, FieldKind, Kind
from protobase_live.structures.lists import LIST, List
from protobase_live.structures.records import (
    FIELD_KINDS,
    MAX_PAGE,
    RECORDS_KIND,
    RecordsKind,
    fits_kind,
    kind_of,
)
from protobase_live.structures.sets import SET, Set
from protobase_live.structures.texts import TEXT, Text
from protobase_live.structures.twins import Stored, TwinnedKind
from protobase_live.structures.xml_fragments import XML_FRAGMENT, XmlFragment

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (RECORDS_KIND, DICT, LIST, SET, COUNTED_SET, HASH_DICT, COUNTER, TEXT, XML_FRAGMENT)
}
"""Every kind by its name."""

HANDLES: Mapping[str, type[Handle]] = {
    handle.kind: handle for handle in (Dict, List, Set, CountedSet, HashDict, Counter, Text, XmlFragment)
}
"""The handle of every kind but records."""

__all__ = [
    "FIELD_KINDS",
    "HANDLES",
    "KINDS",
    "MARK",
    "MAX_PAGE",
    "RECORDS_KIND",
    "CountedSet",
    "Counter",
    "Dict",
    "FieldKind",
    "Handle",
    "HashDict",
    "Kind",
    "List",
    "RecordsKind",
    "Set",
    "Stored",
    "Text",
    "TwinnedKind",
    "XmlFragment",
    "fits_kind",
    "kind_of",
]
