"""Watching a live query."""

from __future__ import annotations

from collections.abc import Callable

from protobase_live.errors import Closed
from protobase_live.live.view import View
from protobase_live.query.result.diff import Diff


class Watcher:
    """One who watches a view. `pull` gives everything new as one difference, the first at once."""

    def __init__(self, view: View, since: str | None, leave: Callable[[], None]) -> None:
        self._view = view
        self._position = None if since is None else view.position(since)
        self._first = True
        self._leave = leave
        self._closed = False

    async def pull(self) -> Diff:
        """What happened since the last pull. Raises Closed after `close`, and what ended the view."""
        while (diff := self.poll()) is None:
            if self._closed:
                raise Closed("the live query was closed")
            await self._view.wake_up.wait()
        return diff

    def poll(self) -> Diff | None:
        """What there is now; None if there is nothing new. Raises what ended the view."""
        if self._closed:
            return None
        if (failure := self._view.failure) is not None:
            raise type(failure)(str(failure))
        if not self._view.is_whole() or (not self._first and self._position == self._view.end):
            return None
        diff = self._view.since(self._position)
        self._position, self._first = self._view.end, False
        return diff

    @property
    def closed(self) -> bool:
        """Whether nobody watches through it any more."""
        return self._closed or self._view.failure is not None

    @property
    def rows(self) -> int:
        """How many rows the view has now."""
        return self._view.rows

    def close(self) -> None:
        """Watch no more. Harmless when closed."""
        if not self._closed:
            self._closed = True
            self._leave()
            self._view.wake_up.wake()
