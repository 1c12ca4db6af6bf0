"""What the demo shows: a board that is redrawn in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Group
from rich.errors import StyleSyntaxError
from rich.live import Live
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from protobase_live.cli.demo.data import COLUMNS
from protobase_live.model.change import Change

SHOWN_CHANGES = 8
"""The most recent changes that are listed."""

SHOWN_WORDS = 2
"""The latest that was told of the nodes."""

Row = Mapping[str, Any]

_COLORS = {"insert": "green", "update": "cyan", "delete": "red", "reset": "yellow"}


class Nodes(Protocol):
    """The nodes of the demo."""

    @property
    def urls(self) -> Sequence[str]:
        """Where they are."""
        ...

    @property
    def pids(self) -> Sequence[int]:
        """Their processes."""
        ...


class View(Protocol):
    """Is told what happens."""

    def start(self, tasks: Mapping[str, Row]) -> None:
        """The board as it is at first."""
        ...

    def show(self, change: Change, present: Iterable[Any]) -> None:
        """A change, and the presence states of everybody who is there."""
        ...

    def tell(self, text: str) -> None:
        """What has become of the nodes."""
        ...

    def stop(self) -> None:
        """That was all."""
        ...


class LineView:
    """A line a change."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        print(f"nodes are at {', '.join(nodes.urls)}; stop with Ctrl-C", flush=True)

    def start(self, tasks: Mapping[str, Row]) -> None:
        """See View."""
        print(f"{len(tasks)} tasks", flush=True)
        self.tell(_hint(self._nodes))

    def show(self, change: Change, present: Iterable[Any]) -> None:
        """See View."""
        print(_sentence(change), flush=True)

    def tell(self, text: str) -> None:
        """See View."""
        print(f"# {text}", flush=True)

    def stop(self) -> None:
        """See View."""
        print("stopped", flush=True)


class BoardView:
    """The board, who is there and the latest changes, redrawn at each change."""

    def __init__(self, nodes: Nodes, page: str) -> None:
        """``page`` is the address of the demo's page."""
        self._nodes = nodes
        self._page = page
        self._told: deque[str] = deque(maxlen=SHOWN_WORDS)
        self._live = Live(auto_refresh=False)
        self._latest: deque[Text] = deque(maxlen=SHOWN_CHANGES)
        self._tasks: dict[str, Row] = {}

    def start(self, tasks: Mapping[str, Row]) -> None:
        """See View."""
        self._tasks = dict(tasks)
        self._live.start()
        self._draw(())

    def show(self, change: Change, present: Iterable[Any]) -> None:
        """See View."""
        if change.kind == "reset":
            self._tasks.clear()
        elif change.structure != "records":
            return
        elif change.after is None:
            self._tasks.pop(change.key, None)
        else:
            self._tasks[change.key] = change.after
        self._latest.append(Text(_sentence(change), _COLORS[change.kind], no_wrap=True, overflow="ellipsis"))
        self._draw(present)

    def tell(self, text: str) -> None:
        """See View."""
        self._told.append(text)

    def stop(self) -> None:
        """See View."""
        self._live.stop()

    def _draw(self, present: Iterable[Any]) -> None:
        board = Table.grid(expand=True, padding=(0, 1))
        board.add_column(ratio=3)
        board.add_column(ratio=2)
        board.add_row(
            Panel(self._table(), title="tasks"),
            Panel(_people(present), title="here now"),
        )
        changes = Panel(Group(*self._latest), title="changes")
        self._live.update(Group(board, changes, self._hints()), refresh=True)

    def _table(self) -> Table:
        table = Table("column", "title", "owner", box=None, expand=True)
        for name in ("priority", "votes"):
            table.add_column(name, justify="right")
        for task in sorted(self._tasks.values(), key=_place):
            style = "dim strike" if task.get("column") == "done" else ""
            words = (task.get("column"), task.get("title"), task.get("owner") or "")
            numbers = (task.get("priority", 0), task.get("votes", 0))
            table.add_row(*(Text(str(word), style) for word in words), *map(str, numbers))
        return table

    def _hints(self) -> Text:
        return Text(
            "\n".join(
                (
                    f"Open {self._page}",
                    f"Nodes: {', '.join(self._nodes.urls)}; {_hint(self._nodes)}",
                    *self._told,
                    f"Follow it: protobase-live tail {self._nodes.urls[0]} demo/board",
                    f"Join it: a y-websocket provider for {self._nodes.urls[1]}/yjs, room demo/notes",
                    f"Look at it: protobase-live cluster {self._nodes.urls[-1]}",
                    "Ctrl-C stops",
                )
            ),
            "dim",
        )


def _hint(nodes: Nodes) -> str:
    """What to try."""
    return f"kill one: kill -9 {' or '.join(map(str, nodes.pids))}"


def _place(task: Row) -> tuple[int, float]:
    """Where it stands, also if a page has written something else than the demo does."""
    column, order = task.get("column"), task.get("order")
    known = COLUMNS.index(column) if column in COLUMNS else len(COLUMNS)
    return known, order if isinstance(order, int | float) else 0.0


def _people(present: Iterable[Any]) -> Text:
    states: list[Row] = [state for state in present if isinstance(state, dict)]
    named = sorted((str(state["name"]), str(state.get("color"))) for state in states if "name" in state)
    return Text("  ").join(Text(f"● {name}", _style(color)) for name, color in named)


def _style(color: str) -> str:
    """The color, unless a page has said something that a terminal has no color for."""
    try:
        return color if Style.parse(color).color else ""
    except StyleSyntaxError:
        return ""


def _sentence(change: Change) -> str:
    who = change.author or "somebody"
    if change.kind == "reset":
        return "what was missed is not known here: all of the board follows"
    if change.structure != "records":
        return f"{who} wrote in {change.structure}"
    before: Row = change.before or {}
    after: Row = change.after or {}
    title = after.get("title", before.get("title"))
    if change.kind != "update":
        return f"{who} {change.kind}s {title!r}"
    fields = ", ".join(f"{name} = {after[name]!r}" for name in after if after[name] != before.get(name))
    return f"{who} updates {title!r}: {fields}"
