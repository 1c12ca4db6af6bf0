"""``protobase-live query``: rows of a server or a storage, once or for as long as somebody watches."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NoReturn

from rich.console import Console
from rich.live import Live as Screen

from protobase_live.cli.loop import run
from protobase_live.cli.notes import note_absent, note_connection
from protobase_live.cli.places import SERVERS, note_workers
from protobase_live.cli.streams import print_utf8
from protobase_live.cli.table_view import Row, csv_text, json_text, plain_table, rich_table
from protobase_live.client import RemoteDatabase, connect
from protobase_live.database.database import Database
from protobase_live.database.opening import open_storage
from protobase_live.errors import ValidationError
from protobase_live.live.live import Live
from protobase_live.model.values import from_json
from protobase_live.query.language.query import Query
from protobase_live.query.language.text import parse
from protobase_live.query.result.diff import Diff, RowChange, inserts

Mode = Literal["once", "live", "explain"]

SEPARATOR = "---"
"""The line between two states of a table that cannot be redrawn."""

SPARE_LINES = 4
"""Lines of a terminal that a live table leaves free, for its head, what it leaves out, and the prompt."""


def query(
    source: str, text: str, params: Sequence[str], *, mode: Mode, style: str, token: str | None
) -> NoReturn:
    """Print what the query ``text`` finds, then end the process; ``style`` is table, json or csv."""
    run(_query(source, text, params, mode, style, token))


async def _query(
    source: str, text: str, given: Sequence[str], mode: Mode, style: str, token: str | None
) -> None:
    if mode == "live" and style == "csv":
        raise ValidationError("a live query cannot be CSV, which has no changes; use --format table or json")
    if style != "table":
        print_utf8()
    asked = parse(text).bind(dict(map(parameter, given)))
    async with _opened(source, token) as database:
        await note_absent(database, asked)
        if mode == "explain":
            print(await database.explain(asked))
        elif mode == "live":
            await _watch(database, asked, style)
        else:
            _show(await database.query(asked), style)


@asynccontextmanager
async def _opened(source: str, token: str | None) -> AsyncGenerator[Database | RemoteDatabase]:
    """The database at a server or in a storage that exists."""
    if source.startswith(SERVERS):
        async with connect(source, token, on_connection=note_connection) as remote:
            yield remote
    else:
        note_workers(source)
        async with Database(await open_storage(source, read_only=True)) as embedded:
            yield embedded


def parameter(given: str) -> tuple[str, Any]:
    """The name and value of ``name=value``; the value is JSON, or else a text. Raises ValidationError."""
    name, equals, said = given.partition("=")
    if not equals or not name:
        raise ValidationError(f"{given!r} is no parameter; write --param name=value")
    try:
        return name, from_json(json.loads(said, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return name, said


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _show(rows: Sequence[Row], style: str) -> None:
    if style == "table" and sys.stdout.isatty():
        Console().print(rich_table(rows))
    elif style == "table":
        print(plain_table(rows), end="")
    elif style == "csv":
        print(csv_text(rows), end="")
    else:
        for row in rows:
            print(json_text(row))


async def _watch(database: Database | RemoteDatabase, asked: Query, style: str) -> None:
    """Show the rows again and again, or the differences, until Ctrl-C."""
    async with database.live(asked) as live:
        if style == "json":
            await _follow(live)
        elif sys.stdout.isatty():
            await _redraw(live, Console())
        else:
            print(plain_table(live.rows), end="", flush=True)
            async for _ in live:
                print(SEPARATOR, plain_table(live.rows), sep="\n", end="", flush=True)


async def _follow(live: Live) -> None:
    """A line for each difference, the first one of which is everything there is."""
    first = Diff(inserts(live.rows), True, live.cursor)
    print(diff_line(first), flush=True)
    async for diff in live:
        if diff.cursor != first.cursor:  # what happened while the query was opened is among the first rows
            print(diff_line(diff), flush=True)


async def _redraw(live: Live, console: Console) -> None:
    most = max(1, console.height - SPARE_LINES)
    with Screen(console=console, auto_refresh=False) as screen:
        screen.update(rich_table(live.rows, most), refresh=True)
        async for _ in live:
            screen.update(rich_table(live.rows, most), refresh=True)


def diff_line(diff: Diff) -> str:
    """A difference as a line of JSON."""
    changes = [change_form(change) for change in diff.changes]
    return json_text({"reset": diff.reset, "cursor": diff.cursor, "changes": changes})


def change_form(change: RowChange) -> dict[str, Any]:
    """A change of the rows as JSON can say it; ``previous`` is there when a row moves."""
    moved = {} if change.previous is None else {"previous": change.previous}
    return {"kind": change.kind, "position": change.position, **moved, "row": change.row}
