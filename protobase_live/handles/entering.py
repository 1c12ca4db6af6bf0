"""Opening a database for a block of code, or for as long as somebody likes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from protobase_live.errors import Closed


class Closable(Protocol):
    """Something that ends."""

    async def close(self) -> None:
        """End it; harmless when it has ended."""
        ...


D = TypeVar("D", bound=Closable)


class Entering(Generic[D]):
    """A database that opens when this is used: ``async with`` it, and it is closed when the block ends; or
    ``await`` it, for instance in a notebook, and call ``close()`` of what that gives. One block at a time: a
    second one raises Closed.
    """

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, D]], what: str) -> None:
        """``begin`` opens it; ``what`` it is, for the repr."""
        self._begin = begin
        self._what = what
        self._entered = False
        self._opened: D | None = None

    def __repr__(self) -> str:
        return f"<{self._what}, not opened: use 'async with', or 'await'>"

    def __await__(self) -> Generator[Any, Any, D]:
        return self._begin().__await__()

    async def __aenter__(self) -> D:
        if self._entered:
            raise Closed(f"{self._what} is entered already: each block needs one of its own")
        self._entered = True
        try:
            self._opened = await self._begin()
        except BaseException:
            self._entered = False
            raise
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._opened = self._opened, None
        try:
            if opened is not None:
                await opened.close()
        finally:
            self._entered = False
