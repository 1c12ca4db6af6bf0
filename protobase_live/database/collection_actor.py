"""The actor of one collection: admit, apply, persist, show, in turns.

A turn drains what waits, applies it to the document, and hands one commit to the storage. What the turn has
to show (answers, updates for subscribers, changes for streams) waits in the pipeline until the storage says
that the commit is durable; meanwhile the next turn is applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import Actor, Clock, Envelope
from protobase_live import values
from protobase_live.cursor import Cursor
from protobase_live.database.editors import Answer, Editors
from protobase_live.database.former import Former
from protobase_live.database.intake import Taker, document_too_large, in_steps
from protobase_live.database.limits import Limits
from protobase_live.database.log import Log
from protobase_live.database.messages import (
    Begin,
    CatchUp,
    Drop,
    Greet,
    Hold,
    Leave,
    Message,
    Question,
    Restore,
    Settle,
    Shown,
    Subscriber,
    Sync,
    Transact,
    Unwatch,
    Updates,
    Watch,
    Watched,
)
from protobase_live.database.pipeline import Pipeline
from protobase_live.database.put_back import put_back
from protobase_live.database.quarantine import unloadable
from protobase_live.database.threshold import Threshold
from protobase_live.database.unfolded import Unfolded
from protobase_live.document import Difference, Document, Outcome
from protobase_live.errors import (
    Conflict,
    OutcomeUnknown,
    ProtoBaseError,
    Unavailable,
)
from protobase_live.live.feed import Entry, Feed, after, changes_of
from protobase_live.live.show import Show, Together
from protobase_live.operations import INDEXES, Check, Op, Read, Target
from protobase_live.protocol.state_vector import encode_state_vector
from protobase_storage import (
    TIMELINE_MARK,
    CollectionCorrupt,
    Commit,
    Storage,
    StorageError,
    join,
    sequence_of,
)

if TYPE_CHECKING:
    from protobase_live.live.views import Views

BEGIN_RECORDS = 2_000
"""How many records the views are given before others may run."""

FROM_CLIENTS = (Greet, Sync, CatchUp, Updates)


@dataclass(slots=True)
class Turn:
    """What one turn will show once it is durable."""

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


class CollectionActor(Actor[Message]):
    """One collection in memory."""

    def __init__(
        self, name: str, storage: Storage, clock: Clock, limits: Limits, unfolded: Unfolded, timeline: str
    ) -> None:
        """``timeline`` is the name of what is written by this actor, which no other one has."""
        self._name = name
        self._storage = storage
        self._origin = storage.identity + TIMELINE_MARK + timeline
        self._views: Views | None = None
        """Who is told what is shown, once there are queries."""
        self._clock = clock
        self._limits = limits
        self._document = Document(storage.identity)
        self._log = Log(name, storage, clock, limits, unfolded)
        self._applied: dict[str, int] = {}
        self._shown: dict[str, int] = {}
        self._editors = Editors()
        self._taker = Taker(self._editors, clock, limits.document_bytes, self._reload)
        self._feed = Feed(limits.feed_changes)
        self._streams: set[object] = set()
        self._threshold = Threshold(name, self._editors)

    # life

    async def on_start(self) -> None:
        """Load what is durable."""
        limit = self._limits.unpersisted_turns
        self._pipeline = Pipeline[Turn](limit, self._show, _drop, self.context.fail)
        try:
            await self._load_stored()
        except BaseException:
            self._document.close()
            raise
        self._shown = dict(self._applied)
        self._editors.shown = dict(self._document.vector)

    async def on_stop(self) -> None:
        """Show what is still on its way; whoever is left has to begin again."""
        try:
            with suppress(Unavailable):
                await self._pipeline.room(1)
        finally:
            self._feed.close()
            if self._views is not None:
                self._views.end(self._name)
                self._views = None
            self._log.cancel()
            self._document.close()
            for subscriber in self._editors.met:
                subscriber.resync()

    def idle(self) -> bool:
        """Nobody listens and nothing is on its way."""
        if self._views is not None and self._views.busy(self._name):
            return False
        return not (self._editors.met or self._streams or len(self._pipeline))

    async def _load_stored(self) -> None:
        """`_load`, and CollectionUnloadable for what goes wrong with what is stored."""
        try:
            await self._load()
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except StorageError as error:
            if not isinstance(error, CollectionCorrupt):
                raise
            raise unloadable(self._name, error) from error
        except BaseException as error:  # a panic of pycrdt derives from BaseException alone
            raise unloadable(self._name, error) from error

    async def _load(self) -> None:
        loaded = await self._storage.load(self._name)
        updates = [loaded.snapshot.update] if loaded.snapshot else []
        document = Document(self._storage.identity)
        try:
            await in_steps(document.load([*updates, *(commit.update for commit in loaded.commits)]))
        except BaseException:
            document.close()
            raise
        document.watch(bool(self._streams))
        document.follow(self._document.followed)
        self._document.close()
        self._document = document
        self._applied = loaded.vector
        self._threshold.former = Former(loaded.remains)
        self._log.loaded(loaded)

    # turns

    async def turn(self, batch: Sequence[Envelope[Message]]) -> None:
        """Apply what waits, persist it as one commit, and queue what it shows."""
        if self._pipeline.full:
            await self._pipeline.room()
        turn = Turn()
        batch = self._threshold.admit(batch, self._document.vector)
        for envelope in batch:
            if isinstance(envelope.message, FROM_CLIENTS):
                self._editors.met[envelope.message.subscriber] = None
        updates = [e.message for e in batch if isinstance(e.message, Updates)]
        if updates:
            await self._take(updates, turn)
        transactions = [e for e in batch if isinstance(e.message, Transact)]
        if transactions:
            turn.transacted = True
            with self._document.writing():
                for envelope in transactions:
                    await self._transact(envelope, turn)
        commit = self._commit(turn, await in_steps(self._document.finish_in_steps()))
        if transactions:
            await in_steps(self._document.compact())
        for envelope in batch:
            if isinstance(envelope.message, Begin) and self._views is None:
                await self._begin(envelope.message.views, turn)
                break
        for envelope in batch:
            self._serve(envelope, turn)
        self._pipeline.push(turn, self._storage.append([commit]) if commit else None)
        for envelope in batch:
            if isinstance(envelope.message, Hold):
                envelope.reply(self)
                await envelope.message.release
        for envelope in batch:
            if isinstance(envelope.message, Drop | Restore) and envelope.pending:
                await self._replace(envelope, envelope.message)

    async def _replace(self, envelope: Envelope[Message], message: Drop | Restore) -> None:
        """Store another history in the place of this one, and end; whoever comes next loads it."""
        await self._pipeline.room(1)
        self._log.cancel()  # before anything is deleted: a fold must not store what was
        try:
            if isinstance(message, Drop):
                await self._storage.delete(self._name, self._threshold.former.remains(self._document.vector))
            else:
                await put_back(self._storage, self._name, message.stored)
        except (StorageError, ProtoBaseError) as error:
            envelope.fail(error)
            return
        self._threshold.over = True
        envelope.reply(None)
        await self.context.ref.stop()

    async def _take(self, sent: Sequence[Updates], turn: Turn) -> None:
        intake = await self._taker.take(self._document, sent)
        self._document = intake.document
        for subscriber, state in intake.greetings.items():
            turn.showings.append(partial(subscriber.greet, state))

    async def _reload(self) -> Document:
        await self._pipeline.room(1)
        await self._load_stored()
        return self._document

    async def _transact(self, envelope: Envelope[Message], turn: Turn) -> None:
        """Carry out one transaction in the document, all or nothing."""
        message, document = envelope.message, self._document
        assert isinstance(message, Transact)
        try:
            self._require(message.ops, message.checks)
            ready = await in_steps(document.rehearse_in_steps(message.ops))
            if ready:
                await in_steps(document.write_in_steps(ready, message.author))
        except ProtoBaseError as error:
            failure = error
            turn.showings.append(lambda: envelope.fail(failure))
        else:
            turn.showings.append(lambda: envelope.reply(Cursor(self._shown).encode()))

    def verify(self, ops: Sequence[Op], checks: Sequence[Check]) -> list[Op]:
        """The operations, ready to be carried out; raises what would keep them from it now."""
        self._require(ops, checks)
        return self._document.rehearse(ops)

    def _require(self, ops: Sequence[Op], checks: Sequence[Check]) -> None:
        """Raise Conflict if something that was read has changed, LimitExceeded if there is no room."""
        for check in checks:
            if values.digest(self._document.read(check.read)) != check.digest:
                what = ", ".join(map(repr, check.read.args)) or "all"
                raise Conflict(f"{self._name}: {check.read.target.path[0]} {what} changed since it was read")
        if ops and self._document.size > self._limits.document_bytes:
            raise document_too_large(self._limits.document_bytes)

    def _commit(self, turn: Turn, outcome: Outcome | None) -> Commit | None:
        if outcome is None:
            return None
        origin = self._origin
        sequence = sequence_of(self._applied, origin) + 1
        self._applied = join(self._applied, {origin: sequence})
        turn.differences, turn.reached = outcome.differences, outcome.reached
        if len(outcome.senders) == 1 and not turn.transacted:
            turn.sole = cast("Subscriber", outcome.senders[0])
        if any(structure == INDEXES.path[0] for part in outcome.parts for structure, _ in part.keys):
            turn.indexes = self._declared()
        turn.commit = Commit(origin, sequence, self._name, outcome.update, outcome.parts, self._clock.time())
        return turn.commit

    def _declared(self) -> list[str]:
        """The declarations of indexes; whatever a Yjs client put in their place is none."""
        try:
            return list(self._document.read(Read(INDEXES, "keys")))
        except ProtoBaseError:
            return []

    def carry_out_held(
        self, ops: Sequence[Op], author: str | None, together: Together
    ) -> tuple[Turn, Commit | None]:
        """While held: apply a verified part of a larger transaction, to be pushed with `push_held`."""
        turn = Turn(transacted=True)
        with self._document.writing():
            self._document.write(ops, author)
        commit = self._commit(turn, self._document.finish())
        if commit is not None:
            turn.together = together
            together.expect()
        return turn, commit

    async def shown(self) -> None:
        """Wait until everything applied is durable and shown. Raises Unavailable if that fails."""
        await self._pipeline.room(1)

    @property
    def failed(self) -> bool:
        """Whether what is in memory is no longer what will be durable."""
        return self._pipeline.failure is not None

    def push_held(self, turn: Turn, durable: asyncio.Future[None]) -> asyncio.Future[str]:
        """Queue a held turn; the future is its cursor, when it is shown."""
        cursor = turn.cursor = asyncio.get_running_loop().create_future()

        def show() -> None:
            if not cursor.done():
                cursor.set_result(Cursor(self._shown).encode())

        turn.showings.append(show)
        self._pipeline.push(turn, durable)
        return cursor

    def _serve(self, envelope: Envelope[Message], turn: Turn) -> None:
        """What asks rather than writes, on the document as the turn leaves it."""
        match envelope.message:
            case Question(read):
                self._answer(envelope, lambda: self._document.read(read), turn)
            case Sync(subscriber, state):
                self._show_answer(self._editors.begin(subscriber, state, self._document), turn)
            case CatchUp(subscriber):
                self._show_answer(self._editors.catch_up(subscriber, self._document), turn)
            case Greet(subscriber):
                state = encode_state_vector(self._document.vector)
                turn.showings.append(lambda: subscriber.greet(state))
            case Settle(subscriber, mark):
                turn.showings.append(lambda: subscriber.settle(mark))
            case Leave(subscriber):
                turn.showings.append(lambda: self._editors.forget(subscriber))
            case Watch(stream, opened):
                self._watch(envelope, stream, opened, turn)
            case Unwatch(stream):
                self._unwatch(stream)
            case Begin():
                turn.showings.append(lambda: envelope.reply(None))
            case Updates() | Transact() | Hold() | Drop() | Restore():
                pass

    def _answer(self, envelope: Envelope[Message], ask: Callable[[], Any], turn: Turn) -> None:
        try:
            answer = ask()
        except ProtoBaseError as error:
            failure = error
            turn.showings.append(lambda: envelope.fail(failure))
        else:
            turn.showings.append(lambda: envelope.reply(answer))

    def _show_answer(self, answer: Answer, turn: Turn) -> None:
        turn.showings.append(lambda: self._editors.show_answer(answer))

    def _watch(
        self, envelope: Envelope[Message], stream: object, opened: Sequence[Target], turn: Turn
    ) -> None:
        if not self._streams:
            self._document.watch(True)
        self._document.follow(opened)
        self._streams.add(stream)

        def show() -> None:
            if not envelope.pending:  # given up meanwhile
                self._unwatch(stream)
            envelope.reply(Watched(self._feed, self._feed.end, dict(self._shown)))

        turn.showings.append(show)

    def _unwatch(self, stream: object) -> None:
        if stream not in self._streams:
            return
        self._streams.remove(stream)
        if not self._streams:
            self._document.watch(False)
            self._feed.clear()

    async def _begin(self, views: Views, turn: Turn) -> None:
        """The views start from what this turn leaves, once that is shown."""
        table, indexes = views.table(self._name), self._declared()
        records = list(self._document.records.items())
        for start in range(0, len(records), BEGIN_RECORDS):
            table.apply(records[start : start + BEGIN_RECORDS])
            await asyncio.sleep(0)

        def show() -> None:
            self._views = views
            views.begin(table, self._shown, indexes)

        turn.showings.append(show)

    # showing

    def _show(self, turn: Turn) -> None:
        """The turn is durable: tell everybody."""
        if turn.commit is not None:
            self._show_commit(turn, turn.commit)
        for showing in turn.showings:
            showing()

    def _show_commit(self, turn: Turn, commit: Commit) -> None:
        before = self._shown
        self._shown = after(commit, before)
        self._editors.show(Shown(commit.update), turn.reached, turn.sole)
        if self._streams:
            changes = changes_of(commit, turn.differences, before)
            self._feed.push(Entry(commit, changes, self._shown))
        self._show_views(turn)
        self._log.grew(commit)

    def _show_views(self, turn: Turn) -> None:
        """Queries see a transaction over several collections as a whole, with its last part."""
        together, turn.together = turn.together, None
        if self._views is not None:
            records = [(d.key, d.after) for d in turn.differences if d.structure == "records"]
            self._views.take(Show(self._name, records, self._shown, turn.indexes), together)
        elif together is not None:
            together.give_up()


def _drop(turn: Turn, error: BaseException) -> None:
    """The turn will not be shown: the runtime answers its asks; this is for who waits for a cursor."""
    if turn.together is not None:
        turn.together.give_up()
    if turn.cursor is not None and not turn.cursor.done():
        if isinstance(error, StorageError):
            turn.cursor.set_exception(Unavailable(f"the storage failed, nothing was done: {error}"))
        else:
            turn.cursor.set_exception(OutcomeUnknown(f"the collection failed: {error}"))
