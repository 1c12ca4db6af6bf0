"""The room that a collection's document has. What makes it smaller needs none."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_actors import in_steps
from protobase_live.document import Document
from protobase_live.errors import LimitExceeded
from protobase_live.model.operations import DELETING, Op


async def make_room(document: Document, size: int, limit: int) -> None:
    """Let go of what was deleted where so many bytes more do not fit ``limit``; others may run meanwhile.

    Raises LimitExceeded if they do not fit then either.
    """
    if document.size + size > limit:
        await in_steps(document.shrink())
    require_room(document, size, limit)


def require_room(document: Document, size: int, limit: int) -> None:
    """Raise LimitExceeded if so many bytes more do not fit."""
    if document.size + size > limit:
        raise LimitExceeded(
            f"the collection is at its limit of {limit} bytes (document_bytes); delete something, or raise it"
        )


def needs_room(ops: Sequence[Op]) -> bool:
    """Whether a transaction does more than delete."""
    return any(op.action not in DELETING for op in ops)
