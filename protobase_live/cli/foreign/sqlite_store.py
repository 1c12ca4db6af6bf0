"""Stores that are tables of an SQLite database, opened for reading alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from protobase_live.errors import StorageFailed, ValidationError


class SqliteStore:
    """An SQLite database with the tables of a program."""

    damage: Sequence[str] = ()
    """See ForeignStore: whatever is read here belongs to a room."""

    def __init__(self, path: Path, program: str, tables: Mapping[str, Sequence[str]]) -> None:
        """``tables`` are the columns that the tables of ``program`` must have.

        Raises StorageFailed if there is no such file or it cannot be read, and ValidationError if it is no
        store of that program.
        """
        self.place = str(path)
        if not path.is_file():
            raise StorageFailed(f"there is no file {self.place!r}")
        with self._reading():
            uri = f"file:{quote(str(path.resolve()))}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._connection.text_factory = _text
        try:
            for table, columns in tables.items():
                self._check_table(program, table, columns)
        except BaseException:
            self.close()
            raise

    def has_table(self, table: str) -> bool:
        """Whether there is a table of this name."""
        return bool(self._columns(table))

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """What a query finds, row by row. Raises StorageFailed."""
        with self._reading():
            cursor = self._connection.execute(query, values)
            yield from iter(cursor.fetchone, None)  # it is left as it is by who stops halfway

    def names(self, query: str) -> Iterator[str]:
        """The names that a query finds; what is no text is told by what it is."""
        for (name,) in self.rows(query):
            yield name if isinstance(name, str) else f"{name!r}"

    def bytes_of(self, record: str, value: Any) -> bytes:
        """The value of a record, if it is bytes. Raises StorageFailed."""
        if not isinstance(value, bytes):
            raise StorageFailed(
                f"{self.place!r}: {record} holds {type(value).__name__}; expected the bytes of an update"
            )
        return value

    def close(self) -> None:
        """See ForeignStore."""
        self._connection.close()

    def _columns(self, table: str) -> list[str]:
        return [row[0] for row in self.rows("SELECT name FROM pragma_table_info(?)", table)]

    def _check_table(self, program: str, table: str, columns: Sequence[str]) -> None:
        found = self._columns(table)
        if lacking := [column for column in columns if column not in found]:
            raise ValidationError(
                f"{self.place!r} is no store of {program}: its table {table!r} "
                + (f"lacks {', '.join(lacking)}" if found else "is missing")
            )

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # what it quotes may be no text
            raise StorageFailed(f"cannot read {self.place!r}: {error}") from error


def _text(raw: bytes) -> str:
    """A text that is no UTF-8 spoils its own row alone: no collection can be called so."""
    return raw.decode(errors="surrogateescape")
