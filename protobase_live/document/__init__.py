"""A collection's state: one Yjs document, the plain view of its records, and what a turn touched."""

from __future__ import annotations

from protobase_live.document.difference import Difference
from protobase_live.document.document import BrokenDocument, Document, Outcome
from protobase_live.document.held import Held, Sender
from protobase_live.document.roots import MAX_ROOTS
from protobase_live.document.targets import OPEN, REGISTRY

__all__ = [
    "MAX_ROOTS",
    "OPEN",
    "REGISTRY",
    "BrokenDocument",
    "Difference",
    "Document",
    "Held",
    "Outcome",
    "Sender",
]
