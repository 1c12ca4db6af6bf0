"""What comes from other nodes, and can never be taken here."""

from __future__ import annotations

from protobase_actors import in_steps
from protobase_live.errors import CollectionDropped, MalformedUpdate, ValidationError
from protobase_live.protocol.yjs.structs import check_in_steps, is_common
from protobase_storage import Commit

NEVER_TAKEN = (ValidationError, MalformedUpdate, CollectionDropped)
"""What is raised for that. What comes with it is taken without it: nobody waits for what cannot come."""


def place_of(commit: Commit) -> str:
    """Which commit it is."""
    return f"commit {commit.origin}:{commit.sequence} of {commit.collection!r}"


async def require_readable(commit: Commit) -> None:
    """Raises MalformedUpdate if its update is none: stored, it would keep others from being loaded."""
    if is_common(commit.update):
        return
    try:
        await in_steps(check_in_steps(commit.update))
    except MalformedUpdate as error:
        raise unreadable(commit, error) from error


def unreadable(commit: Commit, error: MalformedUpdate) -> MalformedUpdate:
    """The error that says that nothing of it was taken."""
    return MalformedUpdate(f"{place_of(commit)} cannot be read, nothing of it was taken: {error}")
