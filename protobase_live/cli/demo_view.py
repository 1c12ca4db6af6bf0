"""What the demo shows: a board that is redrawn in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

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

    def start(self, tasks: Mapping[str, Row], notes: str) -> None:
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
        print(f"listening on {', '.join(nodes.urls)}; stop with Ctrl-C", flush=True)

    def start(self, tasks: Mapping[str, Row], notes: str) -> None:
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
    """The board, the notes, who is there and the latest changes, redrawn at each change."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._told: deque[str] = deque(maxlen=SHOWN_WORDS)
        self._live = Live(auto_refresh=False)
        self._latest: deque[Text] = deque(maxlen=SHOWN_CHANGES)
        self._tasks: dict[str, Row] = {}
        self._notes = ""
        self._last: tuple[str | None, str] = None, ""

    def start(self, tasks: Mapping[str, Row], notes: str) -> None:
        """See View."""
        self._tasks, self._notes = dict(tasks), notes
        self._live.start()
        self._draw(())

    def show(self, change: Change, present: Iterable[Any]) -> None:
        """See View."""
        if change.kind == "reset":
            self._tasks.clear()
        elif change.structure == "notes":
            self._notes = change.after or ""
        elif change.after is None:
            self._tasks.pop(change.key, None)
        else:
            self._tasks[change.key] = change.after
        if change.structure == "notes" and self._last == (change.author, "notes"):
            self._latest.pop()  # somebody goes on writing
        self._last = change.author, change.structure
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
            Group(Panel(_people(present), title="here now"), Panel(Text(self._notes), title="notes")),
        )
        changes = Panel(Group(*self._latest), title="changes")
        self._live.update(Group(board, changes, self._hints()), refresh=True)

    def _table(self) -> Table:
        table = Table("", "title", "owner", box=None, expand=True)
        table.add_column("votes", justify="right")
        for _, task in sorted(self._tasks.items(), key=lambda each: -each[1].get("votes", 0)):
            style = "dim strike" if task.get("done") else ""
            votes = str(task.get("votes", 0))
            done = "x" if task.get("done") else "-"
            table.add_row(done, Text(str(task.get("title")), style), str(task.get("owner")), votes)
        return table

    def _hints(self) -> Text:
        return Text(
            "\n".join(
                (
                    f"Nodes: {', '.join(self._nodes.urls)}; {_hint(self._nodes)}",
                    *self._told,
                    f"Follow it: protobase-live tail {self._nodes.urls[0]} demo/board",
                    f"Join it: a y-websocket provider for {self._nodes.urls[1]}/yjs, room demo/board",
                    f"Look at it: protobase-live cluster {self._nodes.urls[-1]}",
                    "Ctrl-C stops",
                )
            ),
            "dim",
        )


def _hint(nodes: Nodes) -> str:
    """What to try."""
    return f"kill one: kill -9 {' or '.join(map(str, nodes.pids))}"


def _people(present: Iterable[Any]) -> Text:
    states: list[Row] = [state for state in present if isinstance(state, dict)]
    named = sorted((str(state["name"]), str(state.get("color"))) for state in states if "name" in state)
    return Text("  ").join(Text(f"● {name}", color) for name, color in named)


def _sentence(change: Change) -> str:
    who = change.author or "somebody"
    if change.kind == "reset":
        return "what was missed is not known here: all of the board follows"
    if change.structure != "records":
        return f"{who} wrote in {change.structure}: ...{str(change.after)[-40:]!r}"
    before: Row = change.before or {}
    after: Row = change.after or {}
    title = after.get("title", before.get("title"))
    if change.kind != "update":
        return f"{who} {change.kind}s {title!r}"
    fields = ", ".join(f"{name} = {after[name]!r}" for name in after if after[name] != before.get(name))
    return f"{who} updates {title!r}: {fields}"
