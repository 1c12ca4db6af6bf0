"""Something open that reads collections: it waits for what comes, and fails when it may no longer be read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from protobase_live.errors import Forbidden, ProtoBaseError, Unavailable
from protobase_live.server.authority import Authority

if TYPE_CHECKING:
    from protobase_live.permissions.sight import Sight

T = TypeVar("T")


class Reading:
    """One task at a time waits; `close` is called in the end."""

    def __init__(self, collections: Collection[str], authority: Authority) -> None:
        self._collections = collections
        self._authority = authority
        self._error: ProtoBaseError | None = None
        self._seen: list[Sight | None] = []
        self._task: asyncio.Task[object] | None = None
        self.close = authority.open(collections, self._reconsider)

    async def begin(self, begin: Callable[[], Awaitable[T]]) -> T:
        """What ``begin`` gives, if the collections may be read; else it is closed.

        Raises Forbidden, and what ``begin`` raises.
        """
        try:
            await self._authority.check("read", self._collections)
            self._seen = self._sights()
            return await begin()
        except BaseException:
            self.close()
            raise

    async def wait(self, coming: Coroutine[Any, Any, T]) -> T:
        """What comes. Raises Forbidden, also while it waits."""
        if self._error is not None:
            coming.close()  # nobody awaits it
            raise self._error
        task = self._task = asyncio.current_task()
        try:
            return await coming
        except asyncio.CancelledError:
            if self._error is None or task is None or task.uncancel() > 0:
                raise  # somebody else's
            raise self._error from None
        finally:
            self._task = None

    async def _reconsider(self) -> None:
        try:
            await self._authority.check("read", self._collections)
        except Forbidden as error:
            self._end(error)
        else:
            if self._seen and self._seen != self._sights():
                self._end(Unavailable("what you may read of it has changed; begin again"))

    def _sights(self) -> list[Sight | None]:
        return [self._authority.sight(name) for name in self._collections]

    def _end(self, error: ProtoBaseError) -> None:
        if self._error is None:
            self._error = error
            if self._task is not None:
                self._task.cancel()
