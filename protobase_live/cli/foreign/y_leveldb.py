"""The store of y-leveldb, which y-websocket's server keeps with YPERSISTENCE: one key an update.

A key is a list of texts and numbers: ``["v1", room, "update", number]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from protobase_live.cli.foreign.leveldb import Damaged, LevelDb
from protobase_live.cli.foreign.leveldb.numbers import prefixed
from protobase_live.errors import StorageFailed
from protobase_live.protocol.yjs.varint import varuint

TEXT = b"\x00"
"""What stands before a text of a key."""

BEYOND = b"\xff"
"""Behind whatever a key may go on with."""


class YLevelDbStore:
    """A folder of y-leveldb."""

    def __init__(self, path: Path) -> None:
        """Raises StorageFailed if it cannot be read."""
        self.place = str(path)
        self._database = LevelDb(path)
        self._damage: dict[str, None] = {}

    @property
    def damage(self) -> Sequence[str]:
        """See ForeignStore."""
        return [*self._database.damage, *self._damage]

    def rooms(self) -> Iterator[str]:
        """See ForeignStore. One look for each room: what lies between their first keys is not read."""
        at = _DOCUMENTS
        while (key := self._next(at)) is not None:
            at = key + TEXT
            try:
                name, _ = prefixed(key, len(_DOCUMENTS) + 1)
                room = name.decode()
            except (IndexError, UnicodeDecodeError) as error:
                self._damage[f"{self.place!r}: the key {key!r} names no room: {error}"] = None
                continue
            yield room
            at = _DOCUMENTS + _text(room) + BEYOND

    def updates(self, room: str) -> Iterator[tuple[str, bytes]]:
        """See ForeignStore."""
        start = _DOCUMENTS + _text(room) + _text("update")
        try:
            for key, update in self._database.scan(start, start + BEYOND):
                yield f"update {int.from_bytes(key[len(start) + 1 :])}", update
        except Damaged as damage:
            raise StorageFailed(str(damage)) from damage

    def close(self) -> None:
        """See ForeignStore."""

    def _next(self, start: bytes) -> bytes | None:
        """The first key of a document from ``start`` on, among those that can be read."""
        found = self._database.scan(start, _DOCUMENTS + BEYOND, self._note)
        return next((key for key, _ in found), None)

    def _note(self, damage: Damaged) -> None:
        self._damage[str(damage)] = None  # once, however often it is met


def _text(text: str) -> bytes:
    encoded = text.encode()
    return TEXT + varuint(len(encoded)) + encoded


_DOCUMENTS = _text("v1")
