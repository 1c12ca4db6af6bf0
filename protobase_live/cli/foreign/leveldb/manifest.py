"""Which files a LevelDB folder consists of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from protobase_live.cli.foreign.leveldb.damage import Damaged, fail
from protobase_live.cli.foreign.leveldb.log import records
from protobase_live.cli.foreign.leveldb.numbers import prefixed, varint
from protobase_live.cli.foreign.leveldb.table import Table

COMPARATOR = b"leveldb.BytewiseComparator"


class Manifest:
    """The tables by level, and the number of the oldest log that counts."""

    def __init__(self, folder: Path) -> None:
        """Raises Damaged if anything of it is wrong: then nothing is certain."""
        self._tables: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._folder = folder
        self.oldest_log: int = 0
        current = folder / "CURRENT"
        name = current.read_text(errors="replace").strip()
        path = folder / name
        if not name.startswith("MANIFEST-") or not path.is_file():
            raise Damaged(current, 0, f"there is no manifest {name!r}")
        for offset, edit in records(path, fail):
            try:
                self._edit(edit)
            except (ValueError, IndexError) as error:
                raise Damaged(path, offset, str(error)) from error

    def levels(self) -> list[list[Table]]:
        """The tables, in rows in which no two have the same keys, sorted."""
        rows: dict[tuple[int, int], list[Table]] = {}
        for (level, number), (first, last) in self._tables.items():
            row = (level, number if level == 0 else 0)  # the tables of level 0 overlap
            rows.setdefault(row, []).append(Table(self._path(number), first, last))
        return [sorted(row, key=lambda table: table.first) for row in rows.values()]

    def _path(self, number: int) -> Path:
        older = self._folder / f"{number:06}.sst"
        return older if older.exists() else self._folder / f"{number:06}.ldb"

    def _edit(self, edit: bytes) -> None:
        at = 0
        while at < len(edit):
            tag, at = varint(edit, at)
            if tag not in _FIELDS:
                raise ValueError(f"there is no field {tag}")
            values = list[Any]()
            for read in _FIELDS[tag]:
                value, at = read(edit, at)
                values.append(value)
            self._apply(tag, values)

    def _apply(self, tag: int, values: list[Any]) -> None:
        match tag:
            case 1:
                if values != [COMPARATOR]:
                    raise ValueError(f"its keys are in the order {values[0]!r}, not {COMPARATOR!r}")
            case 2:
                self.oldest_log = values[0]
            case 6:
                self._tables.pop((values[0], values[1]), None)
            case 7:
                self._tables[values[0], values[1]] = values[3][:-8], values[4][:-8]
            case _:
                pass


_FIELDS: dict[int, tuple[Callable[[bytes, int], tuple[Any, int]], ...]] = {
    1: (prefixed,),  # the order of keys
    2: (varint,),  # the oldest log
    3: (varint,),  # the next file
    4: (varint,),  # the last write
    5: (varint, prefixed),  # where compaction goes on
    6: (varint, varint),  # a table that is gone: level and number
    7: (varint, varint, varint, prefixed, prefixed),  # a new one: level, number, bytes, first and last key
    9: (varint,),  # the log before
}
