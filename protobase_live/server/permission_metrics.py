"""What is denied and revoked, in Prometheus' text format."""

from __future__ import annotations

from protobase_live.server.permissions import Permissions


def permission_metrics(permissions: Permissions) -> str:
    """The lines of one server."""
    failures, revoked = permissions.failures, permissions.revoked
    return (
        "# HELP protobase_permission_failures_total Rules and authorize that failed, and denied so.\n"
        "# TYPE protobase_permission_failures_total counter\n"
        f"protobase_permission_failures_total {failures}\n"
        "# HELP protobase_revoked Authors that are revoked, each for a collection or for all.\n"
        "# TYPE protobase_revoked gauge\n"
        f"protobase_revoked {revoked}\n"
    )
