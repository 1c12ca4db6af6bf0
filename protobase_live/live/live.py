"""A live query as a program uses it, embedded and over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, cast

from protobase_live.errors import Closed, Unavailable, ValidationError
from protobase_live.handles import Loader
from protobase_live.handles.home_loop import HomeLoop
from protobase_live.live.fitting import PARTIAL, Fitting
from protobase_live.live.live_rows import LiveRows
from protobase_live.model.arguments import is_text, require
from protobase_live.query.result.diff import Diff

Hear = Callable[[Diff], None]


class Line(Protocol):
    """What a `Live` hears through."""

    async def open(self, hear: Hear, since: str | None) -> None:
        """Begin; the first difference was heard when it returns."""
        ...

    def poll(self) -> None:
        """Have everything heard that is there already."""
        ...

    async def more(self) -> None:
        """Wait until something was heard. Raises what ended it."""
        ...

    def close(self) -> None:
        """Hear no more."""
        ...


class Live:
    """A query's rows, kept current: ``async with db.live(query) as live: ...``

    Iterating gives what happened as differences, each of a whole transaction or more; what happened while
    nobody iterated is folded into one. ``rows`` does not wait for that.
    """

    def __init__(
        self, line: Line, loader: Loader | None, since: str | None, rows: Sequence[Any] | None
    ) -> None:
        """``loader`` makes Atoms of the rows. ``since`` and ``rows``, a cursor and the rows that were current
        there, let a reader go on. Raises ValidationError for one without the other, and for another type.
        """
        _check_where(since, rows)
        if (since is None) != (rows is None):
            raise ValidationError(
                "to go on, give both: since=live.cursor and rows=live.rows of the same moment"
            )
        self._line = line
        self._since = since
        self._loader = loader
        self._skips = loader is not None and loader.on_invalid == "skip"
        self._rows = LiveRows(loader.load_row if loader and not self._skips else _as_it_is, rows or ())
        self._home = HomeLoop()
        self._entered = False
        self._closed = False

    def __repr__(self) -> str:
        state = ", closed" if self._closed else "" if self._entered else ", not begun: use 'async with'"
        return f"<Live query, {len(self._rows.rows)} rows{state}>"

    async def __aenter__(self) -> Live:
        if self._entered:
            raise Closed("a live query is entered once; ask for another")
        self._home.require()
        self._entered = True
        known = None if (self._since or "").startswith(PARTIAL) else self._since
        await self._line.open(self._hear_fitting() if self._skips else self._rows.hear, known)
        if self._since is None:
            self._line.poll()  # the reader begins with what is there now
            self._rows.forget()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.require()
        self._closed = True
        self._line.close()

    @property
    def rows(self) -> list[Any]:
        """The rows as they are now, in order; after the block, as they were at its end.

        Raises what ended the live query and, only for a while, Unavailable when a collection is loaded again;
        with ``on_invalid="raise"`` ValidationError as long as there is a record that does not fit its class.
        """
        self._catch_up()
        self._check(self._rows.rows)
        return list(self._rows.rows)

    @property
    def cursor(self) -> str:
        """How far `rows` have seen the collections."""
        self._catch_up()
        if not self._rows.cursor:
            raise Closed("a live query has a cursor once it is entered: use 'async with'")
        return self._rows.cursor

    def __aiter__(self) -> AsyncIterator[Diff]:
        return self

    async def __anext__(self) -> Diff:
        """The next difference, waited for. Raises Closed after the end of the block, and what ended it.

        With ``on_invalid="raise"`` one that brings a record that does not fit its class raises
        ValidationError; the next one follows.
        """
        self._home.require()
        with suppress(Unavailable):  # waited out below
            self._catch_up()
        while True:
            if self._rows.pending and ((diff := self._rows.take()).changes or diff.reset):
                self._check([change.row for change in diff.changes])
                return diff  # what came and went unseen is not told
            if self._closed or not self._entered:
                raise Closed("the live query is not open: use 'async with'")
            await self._line.more()

    def _catch_up(self) -> None:
        if self._entered and not self._closed:
            self._home.require_thread()
            self._line.poll()

    def _hear_fitting(self) -> Hear:
        assert self._loader is not None
        fitting = Fitting(self._loader, len(self._rows.rows))
        return lambda diff: self._rows.hear(fitting(diff))

    def _check(self, rows: Sequence[Any]) -> None:
        """Raise what is wrong with a row, if the reader wants that."""
        if self._loader is not None and self._loader.on_invalid == "raise":
            for row in rows:
                self._loader.keeps(row)


def _check_where(since: Any, rows: Any) -> None:
    fits = since is None or is_text(since)
    require(fits, "since=", "live.cursor", since)
    fits = rows is None or (isinstance(rows, Sequence) and not isinstance(rows, (str, bytes)))
    require(fits, "rows=", "live.rows, a list", cast(Any, rows))


def _as_it_is(row: Any) -> Any:
    return row
