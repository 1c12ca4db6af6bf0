"""What the demo's collections hold, and what is in them from the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

from protobase_live.api import DatabaseApi
from protobase_live.model.atoms import Atom
from protobase_live.structures import Counter

BOARD, PEOPLE, NOTES = "demo/board", "demo/people", "demo/notes"

COLLECTIONS = (BOARD, PEOPLE, NOTES)

Column = Literal["todo", "doing", "done"]

COLUMNS: Sequence[Column] = ("todo", "doing", "done")


class Task(Atom):
    """What stands on the board; votes add up, also concurrent ones."""

    title: str
    column: str = "todo"
    owner: str | None = None
    priority: int = 0
    votes: Counter = 0  # pyright: ignore[reportAssignmentType] - the kind of the field, written as its value
    order: float = 0.0
    """Where it stands in its column, from the smallest on."""


class Member(Atom):
    """Somebody who owns tasks."""

    name: str
    team: str
    color: str
    """As ``#rrggbb``."""


TEAMS = ("red", "blue", "green")

COLORS = ("#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c", "#4d7c0f")

MEMBERS = [
    Member(name=name, team=TEAMS[n % len(TEAMS)], color=COLORS[n])
    for n, name in enumerate(("ann", "bob", "cy", "dee", "eve"))
]

_TASKS: Sequence[tuple[str, Column, str | None, int, int]] = (
    ("Welcome everybody", "done", "ann", 2, 3),
    ("Draw the doors", "done", "cy", 1, 1),
    ("Measure the mailbox", "doing", "bob", 4, 2),
    ("Explain a cursor", "doing", "dee", 3, 0),
    ("Test a split", "todo", "eve", 5, 4),
    ("Simplify the log", "todo", "ann", 3, 1),
    ("Name the queue", "todo", None, 1, 0),
)
"""Title, column, owner, priority and votes."""


async def prepare(database: DatabaseApi) -> None:
    """Put in what is there from the start, unless somebody was here before: then all stays as it was left."""
    people = await database.collection(PEOPLE, Member)
    if await people.count():
        return
    async with database.transaction() as tx:
        for member in MEMBERS:
            tx[PEOPLE].insert(member, key=member.name)
        for n, (title, column, owner, priority, votes) in enumerate(_TASKS, 1):
            where: dict[str, Any] = {"column": column, "owner": owner, "order": float(n)}
            task = Task(title=title, priority=priority, votes=cast(Counter, votes), **where)
            tx[BOARD].insert(task, key=f"task-{n}")
