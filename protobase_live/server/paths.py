"""Which path leads to which door for clients."""

from __future__ import annotations

YJS_PREFIX, HOCUSPOCUS_PATH = "/yjs/", "/hocuspocus"

DIRECT_PREFIXES = (YJS_PREFIX, HOCUSPOCUS_PATH)
"""Connections to these paths have a session attached; all others are read with ``recv``."""

DOORS = """\
ProtoBase Live
  /yjs/<collection>   stock y-websocket clients
  /hocuspocus         stock @hocuspocus/provider clients
  /live               the live protocol
  /healthz /readyz /metrics
"""
"""What is told at ``/`` and to who takes a wrong path."""


def door_of(path: str) -> str | None:
    """What metrics call the door at a path; None if there is none."""
    if path == "/live":
        return "live"
    if path.startswith(YJS_PREFIX):
        return "yjs"
    return "hocuspocus" if f"{path}/".startswith(f"{HOCUSPOCUS_PATH}/") else None
