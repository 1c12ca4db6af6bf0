"""What a collection can be listened to through, next to the Port that its operations go to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol

from protobase_live.handles.presence import Presence
from protobase_live.model.change import Change


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

    def presence(self, collection: str, state: Any) -> Presence:
        """Who else is there; ``state`` is what the others see of us."""
        ...

    async def build(self, collection: str) -> None:
        """Wait until the declared indexes can be used."""
        ...
