"""What collections show, in order: one whole after the other, where they concern the same views."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from protobase_live.live.revision import Revision
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.live.turnstile import Turnstile
from protobase_live.live.view import View
from protobase_live.live.watched_table import WatchedTable


class _Part:
    """A show that waits for its turn, or is under way."""

    def __init__(self, change: TableChange, joint_change: JointChange | None) -> None:
        self.change = change
        self.joint_change = joint_change
        self.arrived = False
        """Whether it has told that it stands at the head."""
        self.begun = False
        self.over = False
        self._done: asyncio.Future[None] | None = None

    def done(self) -> asyncio.Future[None]:
        """A future that is done when it was shown."""
        self._done = asyncio.get_running_loop().create_future()
        return self._done

    def end(self, error: BaseException | None = None) -> None:
        """It was shown, or will never be."""
        self.over = True
        if self._done is None or self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


class Revisions:
    """Shows what comes, at once where that is little, else in slices that go through the turnstile.

    What waits is bounded by who shows: a collection shows no more before its last show is done.
    """

    def __init__(
        self,
        watched: Mapping[str, WatchedTable],
        turnstile: Turnstile,
        drop: Callable[[View, Exception], None],
    ) -> None:
        """See `Revision`."""
        self._watched = watched
        self._turnstile = turnstile
        self._drop = drop
        self._queues: dict[str, deque[_Part]] = {}
        self._under_way: dict[Revision, set[str]] = {}
        """What is shown in slices, and the collections whose shows have to wait for it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def take(
        self, change: TableChange, joint_change: JointChange | None = None
    ) -> asyncio.Future[None] | None:
        """A collection shows a commit, or, if that is part of something larger, all of that together.

        None if it was shown at once, else a future that is done when it is.
        """
        part = _Part(change, joint_change)
        self._queues.setdefault(change.collection, deque()).append(part)
        self._advance(change.collection)
        return None if part.over else part.done()

    def complete(self, joint_change: JointChange) -> None:
        """Show all parts of a transaction, if no more is to come, and what waited behind them."""
        if joint_change.missing:
            return
        collections = list(joint_change.parts)
        if self._begin([self._queues[collection][0] for collection in collections]):
            for collection in collections:
                self._advance(collection)

    def end(self, collection: str) -> None:
        """The collection stops: what waits of it is not shown."""
        for part in self._queues.pop(collection, ()):
            part.end()
            joint_change = part.joint_change
            if joint_change is None or part.begun:
                continue
            if joint_change.parts.pop(collection, None) is None:
                joint_change.give_up()

    def busy(self, collections: Collection[str]) -> bool:
        """Whether something of these collections is shown in slices."""
        return any(not revision.collections.isdisjoint(collections) for revision in self._under_way)

    def changing(self, collections: Collection[str]) -> bool:
        """Whether their tables are being changed, so that nobody may read them."""
        return any(
            revision.applying and not revision.collections.isdisjoint(collections)
            for revision in self._under_way
        )

    async def ended(self) -> None:
        """Wait until one of those that are shown in slices is done.

        Who waits goes on before anything else is shown, so that large transactions one after the other do not
        keep him waiting for ever.
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    def _advance(self, collection: str) -> None:
        """Show what stands at the head of a collection's queue, as far as that is possible now."""
        while (queue := self._queues.get(collection)) and not (part := queue[0]).begun:
            if part.joint_change is None:
                if not self._begin([part]):
                    return
            elif part.arrived:
                self.complete(part.joint_change)
                return
            else:
                part.arrived = True
                part.joint_change.arrive(part.change, self.complete)

    def _advance_all(self) -> None:
        for collection in list(self._queues):
            self._advance(collection)

    def _begin(self, parts: Sequence[_Part]) -> bool:
        """Show parts as one whole; whether that is done. If what they concern is busy, it is tried again."""
        collections = {part.change.collection for part in parts}
        if not parts or any(not reach.isdisjoint(collections) for reach in self._under_way.values()):
            return False
        for part in parts:
            part.begun = True
        revision = Revision([part.change for part in parts], self._watched, self._drop)
        steps = revision.steps()
        if _is_over(steps):
            self._finish(parts)
            return True
        self._under_way[revision] = revision.reach
        task = asyncio.get_running_loop().create_task(self._go_on(revision, steps, parts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return False

    async def _go_on(self, revision: Revision, steps: Iterator[None], parts: Sequence[_Part]) -> None:
        """Show the rest, and then what had to wait for it."""
        failure: BaseException | None = None
        try:
            over = False
            while not over:
                async with self._turnstile:
                    over = _is_over(steps)
        except BaseException as error:  # it is told to whoever shows this
            failure = error
        del self._under_way[revision]
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._finish(parts, failure)
        asyncio.get_running_loop().call_soon(self._advance_all)  # behind those that were woken

    def _finish(self, parts: Sequence[_Part], error: BaseException | None = None) -> None:
        for part in parts:
            part.end(error)
            queue = self._queues.get(part.change.collection)
            if queue and queue[0] is part:
                queue.popleft()
                if not queue:
                    del self._queues[part.change.collection]


def _is_over(steps: Iterator[None]) -> bool:
    """Make a step; whether there are no more."""
    return next(steps, steps) is steps
