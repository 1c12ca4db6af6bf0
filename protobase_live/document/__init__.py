"""A collection's state: one Yjs document, the plain view of its records, and what a turn touched."""

from __future__ import annotations

from protobase_live.document.difference import Difference
from protobase_live.document.document import EMPTY_STATE, EMPTY_UPDATE, Document, Outcome, merge
from protobase_live.document.registry import FORMER_INDEXES, MAX_STRUCTURES
from protobase_live.document.shapes import structures_in
from protobase_live.document.targets import OPEN, REGISTRY

__all__ = [
    "EMPTY_STATE",
    "EMPTY_UPDATE",
    "FORMER_INDEXES",
    "MAX_STRUCTURES",
    "OPEN",
    "REGISTRY",
    "Difference",
    "Document",
    "Outcome",
    "merge",
    "structures_in",
]
