"""What any reader of a live query does with its differences, as docs/protocol.md says."""

from __future__ import annotations

from typing import Any

from protobase_live.query.result.diff import Diff


def applied(rows: list[Any], diff: Diff) -> list[Any]:
    """``rows`` with a difference applied, one change after the other."""
    rows = [] if diff.reset else list(rows)
    for change in diff.changes:
        match change.kind:
            case "insert":
                assert 0 <= change.position <= len(rows)
                rows.insert(change.position, change.row)
            case "update":
                rows[change.position] = change.row
            case "delete":
                assert rows[change.position] == change.row
                del rows[change.position]
            case "move":
                assert change.previous is not None
                assert change.previous != change.position
                del rows[change.previous]
                rows.insert(change.position, change.row)
    return rows
