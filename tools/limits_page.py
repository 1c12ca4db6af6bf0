"""Write docs/limits.md: every named limit with its default and what happens at it, as the sources say it.

``python tools/limits_page.py``
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import protobase_live as pb
from protobase_live.workers.limits import WorkerLimits

PAGE = Path(__file__).resolve().parents[1] / "docs" / "limits.md"

SECTIONS: dict[type[Any], str] = {
    pb.Limits: "`pb.open(limits=)`, `[limits]`",
    pb.StorageLimits: "`pb.open(storage_limits=)`, `[storage_limits]`",
    pb.ViewLimits: "`pb.open(view_limits=)`, `[view_limits]`",
    pb.PresenceLimits: "`pb.open(presence_limits=)`, `[presence_limits]`",
    pb.ClusterLimits: "`pb.open(cluster_limits=)`, `[cluster_limits]`",
    pb.ServerLimits: "`pb.Server(limits=)`, `pb.asgi(limits=)`, `[server_limits]`",
    pb.LiveLimits: "`pb.Server(live_limits=)`, `pb.asgi(live_limits=)`, `[live_limits]`",
    WorkerLimits: "`[worker_limits]`, with [`serve --workers`](workers.md)",
    pb.ClientLimits: "`pb.connect(limits=)`",
}
"""Where each class of limits is given: to which function, and in which section of a file of settings."""

HEAD = """# All limits

Every limit has a name, a default, and an answer at it. This page is written from what the sources say of each
(`tools/limits_page.py`). `serve --limit NAME=VALUE` sets any but those of clients, and so do files and
variables of the environment: see [the guide](guide.md#limits).
"""

UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(cls, given) for cls, given in SECTIONS.items())])


def _section(cls: type[Any], given: str) -> str:
    rows = [f"| `{name}` | {default} | {said} |" for name, default, said in limits_of(cls)]
    head = ["| limit | default | what it is, and what happens at it |", "|---|---|---|"]
    return "\n".join([f"## {cls.__name__}", "", given, "", *head, *rows, ""])


def limits_of(cls: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Each limit of a class: its name, its default as people write it, and what is said of it."""
    told: dict[str, str] = {}
    for each in reversed(cls.__mro__[:-1]):
        told |= _said(inspect.getsource(each))
    for field in fields(cls):
        yield field.name, shown(field.name, getattr(cls(), field.name)), told.get(field.name, "")


def _said(source: str) -> dict[str, str]:
    """What is said of each field: the text below it, or else the comment behind it."""
    lines, found = source.splitlines(), dict[str, str]()
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    for node, below in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            behind = lines[node.lineno - 1].partition("  # ")[2]
            found[node.target.id] = _as_markdown(_text(below) or behind)
    return found


def _text(node: ast.stmt | None) -> str | None:
    """The text that a statement is, if it is one."""
    if (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        return node.value.value
    return None


def _as_markdown(text: str) -> str:
    """In one line, with names marked and no bars that would end a cell."""
    line = re.sub(r"\s+", " ", text.replace("``", "`")).strip().replace("|", "\\|")
    return line[:1].upper() + line[1:] + ("" if line.endswith(".") else ".") if line else ""


def shown(name: str, value: Any) -> str:
    """A default as people write it."""
    if value is None:
        return "none"
    if name.endswith("bytes"):
        for unit, size in UNITS:
            if value and value % size == 0:
                return f"{value // size:,} {unit}"
    return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    PAGE.write_text(page())
