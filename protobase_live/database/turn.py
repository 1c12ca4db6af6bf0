"""What one turn of a collection will show once it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from protobase_live.database.messages import Subscriber
from protobase_live.document import Difference
from protobase_live.errors import OutcomeUnknown, Unavailable
from protobase_live.live.show import Together
from protobase_storage import Commit, StorageError


@dataclass(slots=True)
class Turn:
    """A commit, if the turn wrote something, and everything that waits for it."""

    commit: Commit | None = None
    differences: Sequence[Difference] = ()
    reached: Mapping[int, int] = field(default_factory=dict[int, int])
    """The next clocks of the Yjs clients that wrote."""
    sole: Subscriber | None = None
    """Whose update it is, if it is nobody else's: he has it."""
    transacted: bool = False
    showings: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    indexes: Sequence[str] | None = None
    """The declared indexes, if the commit may have changed them."""
    together: Together | None = None
    """What a transaction over several collections shows."""
    cursor: asyncio.Future[str] | None = None
    """Waited for by a transaction over several collections."""

    def await_cursor(self) -> asyncio.Future[str]:
        """A future for the cursor that the turn leads to. Nobody has to look at how it fails."""
        self.cursor = asyncio.get_running_loop().create_future()
        self.cursor.add_done_callback(_mark_seen)
        return self.cursor

    def answer(self) -> None:
        """Tell all who wait for it."""
        for showing in self.showings:
            showing()

    async def answer_after(self, shown: asyncio.Future[None]) -> None:
        """`answer` when its commit is shown to queries, too."""
        await shown
        self.answer()

    def drop(self, error: BaseException) -> None:
        """The turn will not be shown, because of `error`: tell whoever waits for its cursor.

        Whoever asked the actor is answered by the runtime.
        """
        if self.together is not None:
            self.together.give_up()
        if self.cursor is None or self.cursor.done():
            return
        if isinstance(error, StorageError):
            self.cursor.set_exception(Unavailable(f"the storage failed, nothing was done: {error}"))
        else:
            self.cursor.set_exception(OutcomeUnknown(f"the collection failed: {error}"))


def _mark_seen(cursor: asyncio.Future[str]) -> None:
    """Whoever waited may have given up, or heard of the failure from another collection."""
    if not cursor.cancelled():
        cursor.exception()
