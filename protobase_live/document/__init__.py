"""A collection's state: one Yjs document, the plain view of its records, and what a turn touched."""

from __future__ import annotations

from protobase_live.document.content import BrokenDocument, JudgeChanged
from protobase_live.document.difference import Difference
from protobase_live.document.document import Document
from protobase_live.document.held import Held, Room, Sender
from protobase_live.document.judge import Effect, Effects, Judge, Rules
from protobase_live.document.outcome import Outcome
from protobase_live.document.registry import FORMER_INDEXES, MAX_STRUCTURES
from protobase_live.document.rehearsal import checked, require_whole
from protobase_live.document.scopes import Condition, Scope, obstacle, united
from protobase_live.document.shapes import structures_in
from protobase_live.document.targets import OPEN, REGISTRY, kind_at, touched_by

__all__ = [
    "FORMER_INDEXES",
    "MAX_STRUCTURES",
    "OPEN",
    "REGISTRY",
    "BrokenDocument",
    "Condition",
    "Difference",
    "Document",
    "Effect",
    "Effects",
    "Held",
    "Judge",
    "JudgeChanged",
    "Outcome",
    "Room",
    "Rules",
    "Scope",
    "Sender",
    "checked",
    "kind_at",
    "obstacle",
    "require_whole",
    "structures_in",
    "touched_by",
    "united",
]
