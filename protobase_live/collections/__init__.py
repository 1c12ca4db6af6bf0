"""Handles of collections: one class, used embedded, over the wire and inside transactions."""

from __future__ import annotations

from protobase_live.collections.atom_changes import AtomChanges
from protobase_live.collections.awaitable import Done, then
from protobase_live.collections.collection import PAGE_RECORDS, Collection, Row
from protobase_live.collections.ids import Ids, ids_from, system_ids
from protobase_live.collections.loader import Loader
from protobase_live.collections.misfit import Misfit, OnInvalid
from protobase_live.collections.source import ChangeStream, Source

__all__ = [
    "PAGE_RECORDS",
    "AtomChanges",
    "ChangeStream",
    "Collection",
    "Done",
    "Ids",
    "Loader",
    "Misfit",
    "OnInvalid",
    "Row",
    "Source",
    "ids_from",
    "system_ids",
    "then",
]
