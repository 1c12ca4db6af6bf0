"""What is said of a commit of another node that cannot be read."""

from __future__ import annotations

from protobase_live.errors import MalformedUpdate
from protobase_storage import Commit


def place_of(commit: Commit) -> str:
    """Which commit it is."""
    return f"commit {commit.origin}:{commit.sequence} of {commit.collection!r}"


def unreadable(commit: Commit, error: MalformedUpdate) -> MalformedUpdate:
    """The error that says that nothing of it was taken."""
    return MalformedUpdate(f"{place_of(commit)} cannot be read, nothing of it was taken: {error}")
