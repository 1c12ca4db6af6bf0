"""Who is told what a collection shows: Yjs clients, change streams, queries, and whoever asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protobase_live.changes.entry import Entry, after
from protobase_live.changes.feed import Subscribed
from protobase_live.changes.streams import Streams
from protobase_live.collection.awaited import Awaited
from protobase_live.collection.editors import Answer, Editors
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import ShownUpdate
from protobase_live.collection.replica import Replica, room_of
from protobase_live.collection.turn import (
    AppliedCommit,
    Beginning,
    Greeting,
    Installed,
    Notice,
    Parting,
    PutBack,
    Reaching,
    Receipt,
    Refusal,
    Renewal,
    Reply,
    Settled,
    Subscribing,
    Turn,
)
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.model.cursor import Cursor

if TYPE_CHECKING:
    from protobase_live.document import Difference
    from protobase_live.live.views import Views

BEGIN_RECORDS = 2_000
"""How many records the queries are given before others may run."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """How many listen to a collection."""

    editors: int = 0
    """Yjs clients."""
    streams: int = 0
    """Change streams."""
    live_queries: int = 0
    """Who watches a live query that reads it; each time, whoever it is."""


class Audience:
    """Everybody whom one collection shows what is durable, and how far that is."""

    def __init__(self, collection: str, streams: Streams, limits: Limits) -> None:
        self.editors = Editors(limits.ask_seconds, limits.ask_seconds_most)
        self.streams = streams
        self.awaited = Awaited()
        self.vector: Mapping[str, int] = {}
        """Which commits were shown."""
        self._collection = collection
        self._room = room_of(limits)
        self._views: Views | None = None
        """All queries, once there are some."""
        self._begun = False
        """Whether they were given the records, be it that this is not shown yet."""

    def begin(self, vector: Mapping[str, int], state: Mapping[int, int]) -> None:
        """So much was shown before, as commits and as the clocks of Yjs clients."""
        self.vector = dict(vector)
        self.editors.shown = dict(state)

    async def beginning(self, views: Views, replica: Replica) -> Beginning | None:
        """What queries begin with, gathered with pauses; None if they were given it before."""
        if self._begun:
            return None
        self._begun = True
        table, records = views.table(self._collection), replica.document.records
        keys = list(records)  # pairs of all would be objects, which take long to make and to let go of
        for start in range(0, len(keys), BEGIN_RECORDS):
            table.apply([(key, records[key]) for key in keys[start : start + BEGIN_RECORDS]])
            await asyncio.sleep(0)
        return Beginning(views, table, replica.indexes())

    def go_back(self) -> None:
        """What was not shown yet will not be: no stream resumes behind it, and queries may have to begin."""
        self._begun = self._views is not None
        self.streams.feed.renew()

    @property
    def is_listening(self) -> bool:
        """Whether anybody would miss the collection."""
        return bool(self.editors.met or len(self.streams)) or (
            self._views is not None and self._views.busy(self._collection)
        )

    @property
    def listeners(self) -> Listeners:
        """How many listen now; to be asked at any time, also from outside the actor."""
        watchers = 0 if self._views is None else self._views.watchers(self._collection)
        return Listeners(len(self.editors.met), len(self.streams), watchers)

    @property
    def is_followed(self) -> bool:
        """Whether anybody is told what each commit did, and not only what it brings."""
        return self.streams.told or self._begun

    def end(self) -> None:
        """No more will be shown: whoever is left has to begin again."""
        self.streams.close()
        self.awaited.end(self.vector)
        if self._views is not None:
            self._views.end(self._collection)
            self._views = None
        for editor in self.editors.met:
            editor.resync()

    def show(self, turn: Turn) -> asyncio.Future[None] | None:
        """The turn is durable: tell everybody, and those who wrote it when queries see it.

        None if that is done, else a future that is done when it is.
        """
        under_way = list(filter(None, self._show_all(turn)))
        if under_way:
            return asyncio.ensure_future(self._say_behind(under_way, turn))
        self._say(turn)
        return None

    def _show_all(self, turn: Turn) -> Iterator[asyncio.Future[None] | None]:
        """Queries are shown one commit after the other, or as one what transactions show elsewhere, too."""
        for written in turn.commits:
            self._show_commit(written)
            if turn.joint_change is None:
                yield self._show_views([written], None)
        joint_change, turn.joint_change = turn.joint_change, None
        if turn.installed is not None:
            yield self._show_installed(turn.installed, joint_change)
        elif joint_change is not None:
            yield self._show_views(turn.commits, joint_change)

    async def _say_behind(self, under_way: Iterable[asyncio.Future[None]], turn: Turn) -> None:
        for shown in under_way:
            await shown
        self._say(turn)

    def _say(self, turn: Turn) -> None:
        for notice in turn.notices:
            self._say_one(notice)
        if self.awaited:
            self.awaited.look(self.vector)

    def drop(self, turn: Turn) -> None:
        """The turn will not be shown. Whoever asked is answered by the runtime, as the actor fails."""
        if turn.joint_change is not None:
            turn.joint_change.give_up()

    def _show_commit(self, written: AppliedCommit) -> None:
        commit, before = written.commit, self.vector
        vector = self.vector = after(commit, before)
        self.editors.show(ShownUpdate(commit.update), written.reached, written.sole)
        self.streams.show(lambda: Entry(commit, written.differences, before, vector))

    def _show_views(
        self, commits: Sequence[AppliedCommit], joint_change: JointChange | None
    ) -> asyncio.Future[None] | None:
        """Queries see a transaction over several collections as a whole, with its last part."""
        differences = [each for written in commits for each in written.differences]
        indexes = [None, *(each.indexes for each in commits if each.indexes is not None)]
        return self._take_views(differences, indexes[-1], joint_change)

    def _take_views(
        self,
        differences: Sequence[Difference],
        indexes: Sequence[str] | None,
        joint_change: JointChange | None,
    ) -> asyncio.Future[None] | None:
        if self._views is not None:
            return self._views.take(self._show_of(differences, indexes), joint_change)
        if joint_change is not None:
            joint_change.give_up()
        return None

    def _show_installed(
        self, installed: Installed, joint_change: JointChange | None
    ) -> asyncio.Future[None] | None:
        """Streams are told `reset`: how it came to be is not known, commit by commit."""
        outcome, self.vector = installed.outcome, installed.vector
        if outcome is not None:
            self.editors.show(ShownUpdate(outcome.update), outcome.reached, None)
        self.streams.feed.skip()
        differences = () if outcome is None else outcome.differences
        return self._take_views(differences, installed.indexes, joint_change)

    def _show_of(self, differences: Sequence[Difference], indexes: Sequence[str] | None) -> TableChange:
        records = {d.key: d.after for d in differences if d.structure == "records"}  # what came of each
        return TableChange(self._collection, list(records.items()), self.vector, indexes)

    def _say_one(self, notice: Notice) -> None:
        match notice:
            case Receipt(envelope):
                envelope.reply(Cursor(self.vector).encode())
            case Reply(envelope, answer):
                envelope.reply(answer)
            case Refusal(envelope, error):
                envelope.fail(error)
            case Answer():
                self.editors.show_answer(notice)
            case Greeting(editor, state):
                editor.greet(state)
            case Settled(editor, mark):
                editor.settle(mark)
            case PutBack(editor, reason):
                editor.put_back(reason)
            case Parting(editor):
                self.editors.forget(editor)
            case Subscribing():
                self._begin_stream(notice)
            case Reaching():
                self.awaited.add(notice)
            case Renewal():
                self.streams.feed.renew()
            case Beginning(views, table, indexes):
                self._views = views
                views.begin(table, self.vector, indexes)

    def _begin_stream(self, subscribing: Subscribing) -> None:
        if not subscribing.envelope.pending:  # given up meanwhile
            self.streams.remove(subscribing.stream)
        feed = self.streams.feed
        subscribing.envelope.reply(Subscribed(feed, feed.end, dict(self.vector), self._room))
