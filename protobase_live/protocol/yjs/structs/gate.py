"""What somebody's updates have to pass to be taken like any other: what they write is surely let.

A gate is asked in the midst of taking, when it is known where an update would stand and nothing was written
yet. So each update is read and looked up once, and not once to be judged and once to be taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protobase_live.protocol.yjs.structs.edits import read_edit
from protobase_live.protocol.yjs.structs.foresight import UNTOLD, Foresight, plain_value
from protobase_live.protocol.yjs.structs.log import Log

Lets = Callable[[str, str | None, Any], bool]
"""Whether a write to an `Aim`, given by its parts, is surely not refused."""


class Unforeseen(Exception):
    """An update that does not surely pass its gate, of which nothing was taken."""


class Gate:
    """Whether updates to one document are let in by one judge."""

    __slots__ = ("_foresight", "_lets")

    def __init__(self, foresight: Foresight, lets: Lets) -> None:
        self._foresight = foresight
        self._lets = lets

    def lets_typing(self, parent: int) -> bool:
        """Whether a text may be typed into a shared type or a root."""
        aim = self._foresight.inside(parent)
        return aim is not None and self._lets(*aim)

    def lets_entry(self, log: Log, number: int, update: bytes, content: int, end: int) -> bool:
        """Whether a struct under a key may be replaced by the value that is there in an update."""
        foresight = self._foresight
        field = foresight.field(log, number)
        if field is None:
            root = foresight.other_root(log.parents[number])
            return root is not None and self._lets(root, None, None)
        value = plain_value(update, content + 1, end)
        return value is not UNTOLD and self._lets(foresight.records, field, value)

    def require(self, update: bytes) -> None:
        """Raise Unforeseen unless an update of any other shape may be taken."""
        edit = read_edit(update)
        aims = None if edit is None else self._foresight.edit(update, edit)
        if aims is None:
            raise Unforeseen
        for aim in aims:
            if not self._lets(*aim):
                raise Unforeseen
