"""How a stream is, out of what JetStream tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..shared import Replica
from .stream import StreamState

NO_SUBJECTS = 2**53
"""Behind so many subjects a server tells none, and still how many there are."""

SECOND = 1_000_000_000
"""Nanoseconds, in which JetStream counts."""


def state_of(told: Mapping[str, Any]) -> StreamState:
    """The answer to ``STREAM.INFO``."""
    state, most = told["state"], told["config"]["max_bytes"]
    return StreamState(
        _replicas(told.get("cluster") or {}),
        messages=state["messages"],
        bytes=state["bytes"],
        max_bytes=most if most > 0 else None,
        last=state["last_seq"],
        subjects=told.get("total", 0),
    )


def _replicas(told: Mapping[str, Any]) -> tuple[Replica, ...]:
    """The leader is not among those of which it tells. Without one a server tells of all, itself included."""
    leader: str = told.get("leader", "")
    leads = [Replica(leader, True, True, True, 0, 0.0)] if leader else []
    return (*leads, *map(_replica, told.get("replicas") or ()))


def _replica(told: Mapping[str, Any]) -> Replica:
    is_online, is_current = not told.get("offline", False), told.get("current", False)
    silent = told.get("active", 0)
    is_known = silent > 0 or is_current  # of who was gone before it led a leader tells no time
    silent_seconds = silent / SECOND if is_known else None
    return Replica(told["name"], False, is_online, is_current, told.get("lag", 0), silent_seconds)
