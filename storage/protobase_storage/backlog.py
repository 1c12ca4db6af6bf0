"""How much of the backlog something takes that was accepted and is not durable yet."""

from __future__ import annotations

from collections.abc import Sequence

from .commit import Commit

OVERHEAD = 256
"""Bytes by which everything accepted counts towards the backlog, beside the updates themselves."""

KEY_OVERHEAD = 64
"""The same for each key that a part names."""


def weight_of(commits: Sequence[Commit]) -> int:
    """How much an append adds to the backlog, in bytes."""
    weight = OVERHEAD
    for commit in commits:
        weight += OVERHEAD + len(commit.update)
        for part in commit.parts:
            weight += KEY_OVERHEAD * len(part.keys)
    return weight
