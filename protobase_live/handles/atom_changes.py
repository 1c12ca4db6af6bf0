"""A collection's changes, with Atoms for records."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Any

from protobase_live.handles.loader import Loader
from protobase_live.handles.misfit import Misfit
from protobase_live.handles.source import ChangeStream
from protobase_live.model.change import Change, ChangeKind
from protobase_live.model.operations import RECORDS
from protobase_live.model.values import quoted


class AtomChanges:
    """A stream whose records are Atoms.

    Where misfits are left out, a record that begins to fit is told as inserted, and one that no longer fits
    as deleted. Where they are raised, the rest follows.
    """

    def __init__(self, stream: ChangeStream, loader: Loader) -> None:
        self._stream = stream
        self._loader = loader

    def __repr__(self) -> str:
        return f"<AtomChanges of {quoted(self._loader.collection)}>"

    async def __aenter__(self) -> AtomChanges:
        self._stream = await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    @property
    def cursor(self) -> str:
        """Resumes right after the last change that was given."""
        return self._stream.cursor

    def __aiter__(self) -> AtomChanges:
        return self

    async def __anext__(self) -> Change:
        while True:
            change = await self._stream.__anext__()
            if change.structure != RECORDS.path[0] or change.kind == "reset":
                return change
            before, after = (self._load(change.key, row) for row in (change.before, change.after))
            if self._loader.on_invalid == "raw":
                return replace(change, before=before, after=after)
            if isinstance(before, Misfit):
                before = None  # it was not told
            if not self._loader.keeps(after):
                after = None
            if before is not None or after is not None:
                kind: ChangeKind = "insert" if before is None else "delete" if after is None else "update"
                return replace(change, kind=kind, before=before, after=after)

    def _load(self, key: Any, row: Any) -> Any:
        return None if row is None else self._loader.load(key, row)
