"""Handles of collections: one class, used embedded, over the wire and inside transactions."""

from __future__ import annotations

from protobase_live.handles.atom_changes import AtomChanges
from protobase_live.handles.awaitable import Done, then
from protobase_live.handles.collection import PAGE_RECORDS, Collection, Row
from protobase_live.handles.loader import Loader
from protobase_live.handles.misfit import Misfit, OnInvalid
from protobase_live.handles.source import ChangeStream, Source
from protobase_live.model.ids import Ids, ids_from, system_ids

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
