"""What a collection can be listened to through, next to the Port that its operations go to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol

from protobase_live.atoms import Atom, load
from protobase_live.change import Change
from protobase_live.operations import RECORDS


class ChangeStream(Protocol):
    """The changes of one collection: ``async with`` it, then iterate. It ends when the block ends."""

    async def __aenter__(self) -> ChangeStream: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def cursor(self) -> str:
        """Resumes right after the last change that was given."""
        ...

    def __aiter__(self) -> AsyncIterator[Change]: ...

    async def __anext__(self) -> Change: ...


class Source(Protocol):
    """Where a collection's changes and presence come from: a database or a connection."""

    def changes(self, collection: str, since: str | None) -> ChangeStream:
        """The changes after the cursor ``since``, or from now on without one."""
        ...

    def presence(self, collection: str, state: Any) -> AbstractAsyncContextManager[Any]:
        """Who else is there; ``state`` is what the others see of us."""
        ...

    async def build(self, collection: str) -> None:
        """Wait until the declared indexes can be used."""
        ...


class AtomChanges:
    """A stream whose records are Atoms. One that does not fit raises ValidationError; the rest follows."""

    def __init__(self, stream: ChangeStream, atom: type[Atom]) -> None:
        self._stream = stream
        self._atom = atom

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
        change = await self._stream.__anext__()
        if change.structure != RECORDS.path[0]:
            return change
        before, after = (self._load(change.key, row) for row in (change.before, change.after))
        return replace(change, before=before, after=after)

    def _load(self, key: Any, row: Any) -> Atom | None:
        return None if row is None else load(self._atom, row, key)
