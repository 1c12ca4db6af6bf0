"""The actor of one collection: admit, apply, persist, show, in turns.

A turn drains what waits, applies it to the document, and hands one commit to the storage. What the turn has
to show (answers, updates for subscribers, changes for streams) waits in the pipeline until the storage says
that the commit is durable; meanwhile the next turn is applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import Actor, Clock, Envelope
from protobase_live.cursor import Cursor
from protobase_live.database.checking import check_in_steps
from protobase_live.database.digests import Digests
from protobase_live.database.editors import Answer, Editors
from protobase_live.database.former import Former
from protobase_live.database.intake import Taker
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
from protobase_live.database.mistakes import nothing_done
from protobase_live.database.pipeline import Pipeline
from protobase_live.database.put_back import put_back
from protobase_live.database.quarantine import unloadable
from protobase_live.database.room import make_room, needs_room, require_room
from protobase_live.database.steps import in_steps
from protobase_live.database.streams import Streams
from protobase_live.database.threshold import Threshold
from protobase_live.database.turn import Turn
from protobase_live.database.unfolded import Unfolded
from protobase_live.document import OPEN, Document, Outcome
from protobase_live.errors import ProtoBaseError
from protobase_live.live.feed import Entry, Feed, after, changes_of
from protobase_live.live.show import Show, Together
from protobase_live.operations import INDEXES, Check, Op, Read, Target
from protobase_live.protocol.state_vector import encode_state_vector
from protobase_live.protocol.steps import at_once
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


class CollectionActor(Actor[Message]):
    """One collection in memory."""

    def __init__(
        self,
        name: str,
        storage: Storage,
        clock: Clock,
        limits: Limits,
        unfolded: Unfolded,
        fold_slots: asyncio.Semaphore,
        timeline: str,
    ) -> None:
        """``timeline`` is the name of what is written by this actor, which no other one has."""
        self._name = name
        self._storage = storage
        self._origin = storage.identity + TIMELINE_MARK + timeline
        self._views: Views | None = None
        """Who is told what is shown, once there are queries."""
        self._begun = False
        """Whether the views were given the records, be it that this is not shown yet."""
        self._clock = clock
        self._limits = limits
        self._document = Document(storage.identity)
        self._log = Log(name, storage, clock, limits, unfolded, fold_slots)
        self._applied: dict[str, int] = {}
        self._shown: dict[str, int] = {}
        self._editors = Editors()
        self._taker = Taker(self._editors, clock, limits.document_bytes, self._reload)
        feed = Feed(limits.feed_changes, limits.feed_bytes)
        self._streams = Streams(
            clock, feed, limits.feed_seconds, lambda watched: self._document.watch(watched)
        )
        self._threshold = Threshold(name, self._editors)

    # life

    async def on_start(self) -> None:
        """Load what is durable."""
        limit = self._limits.unpersisted_turns
        self._pipeline = Pipeline[Turn](limit, self._show, Turn.drop, self.context.fail)
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
            await self._pipeline.settled()
        finally:
            self._streams.close()
            if self._views is not None:
                self._views.end(self._name)
                self._views = None
            self._document.close()
            for subscriber in self._editors.met:
                subscriber.resync()
            await self._log.stop()

    def idle(self) -> bool:
        """Nobody listens and nothing is on its way."""
        if self._views is not None and self._views.busy(self._name):
            return False
        return not (self._editors.met or len(self._streams) or len(self._pipeline))

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
        document.watch(self._streams.told)
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
            digests = Digests(self._document.read)
            with self._document.writing():
                for envelope in transactions:
                    await self._transact(envelope, turn, digests)
        commit = self._commit(turn, await in_steps(self._document.finish_in_steps()))
        questions = [e for e in batch if isinstance(e.message, Question)]
        many = len(questions) > 1
        for envelope in batch:
            if not (many and isinstance(envelope.message, Question)):
                self._serve(envelope, turn)
        self._pipeline.push(turn, self._store(commit))
        # What takes time waits until the commit is on its way.
        if many:
            await self._serve_with_pauses(questions)
        await in_steps(self._document.compact())
        for envelope in batch:
            if isinstance(envelope.message, Begin):
                await self._begin(envelope)
            elif isinstance(envelope.message, Hold):
                envelope.reply(self)
                await envelope.message.release
        for envelope in batch:
            if isinstance(envelope.message, Drop | Restore) and envelope.pending:
                await self._replace(envelope, envelope.message)

    async def _serve_with_pauses(self, envelopes: Sequence[Envelope[Message]]) -> None:
        """Serve what asks, as a turn of its own: many large answers in one go would hold up everybody."""
        turn = Turn()
        for envelope in envelopes:
            self._serve(envelope, turn)
            await asyncio.sleep(0)
        self._pipeline.push(turn, None)

    async def _replace(self, envelope: Envelope[Message], message: Drop | Restore) -> None:
        """Store another history in the place of this one, and end; whoever comes next loads it."""
        await self._pipeline.room(1)
        await self._log.stop()  # before anything is deleted: a fold must not store what was
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

    def _store(self, commit: Commit | None) -> asyncio.Future[None] | None:
        """Hand a commit to the storage, unless one before it is lost: then this one is, too."""
        return None if commit is None or self._pipeline.failed else self._storage.append([commit])

    async def _take(self, sent: Sequence[Updates], turn: Turn) -> None:
        intake = await self._taker.take(self._document, sent)
        self._document = intake.document
        for subscriber, state in intake.greetings.items():
            turn.showings.append(partial(subscriber.greet, state))

    async def _reload(self) -> Document:
        await self._pipeline.room(1)
        await self._log.stop()  # what it folds would be counted twice
        await self._load_stored()
        return self._document

    async def _transact(self, envelope: Envelope[Message], turn: Turn, digests: Digests) -> None:
        """Carry out one transaction in the document, all or nothing."""
        message, document = envelope.message, self._document
        assert isinstance(message, Transact)
        try:
            if needs_room(message.ops):
                await make_room(document, 0, self._limits.document_bytes)
            await in_steps(self._require_in_steps(message.ops, message.checks, digests))
            ready = await in_steps(document.rehearse_in_steps(message.ops))
            if ready:
                digests.forget(ready)
                await in_steps(document.write_in_steps(ready, message.author))
        except ProtoBaseError as error:
            failure = error
            turn.showings.append(lambda: envelope.fail(failure))
        else:
            turn.showings.append(lambda: envelope.reply(Cursor(self._shown).encode()))

    def verify(self, ops: Sequence[Op], checks: Sequence[Check]) -> list[Op]:
        """The operations, ready to be carried out; raises what would keep them from it now."""
        at_once(self._require_in_steps(ops, checks, Digests(self._document.read)))
        return self._document.rehearse(ops)

    def _require_in_steps(
        self, ops: Sequence[Op], checks: Sequence[Check], digests: Digests
    ) -> Generator[None, None, None]:
        """Raise Conflict if something that was read has changed, LimitExceeded if there is no room.

        What only deletes needs none.
        """
        yield from check_in_steps(digests, checks, self._name, self._limits.check_bytes)
        if needs_room(ops):
            require_room(self._document, 0, self._limits.document_bytes)

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

    @property
    def failed(self) -> bool:
        """Whether what is in memory is no longer what will be durable."""
        return self._pipeline.failed

    def push_held(self, turn: Turn, durable: asyncio.Future[None] | None) -> asyncio.Future[str]:
        """Queue a held turn; the future is its cursor, when it and all before it is durable and shown."""
        cursor = turn.await_cursor()

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
                with self._following(turn) if read.method == OPEN else nullcontext():
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
                self._streams.remove(stream)
            case Updates() | Transact() | Begin() | Hold() | Drop() | Restore():
                pass

    def _answer(self, envelope: Envelope[Message], ask: Callable[[], Any], turn: Turn) -> None:
        """Ask the document. Reading changes nothing, so whatever goes wrong concerns who asks alone."""
        try:
            answer = ask()
        except Exception as error:
            failure = (
                error if isinstance(error, ProtoBaseError) else nothing_done(f"a read of {self._name}", error)
            )
            turn.showings.append(lambda: envelope.fail(failure))
        else:
            turn.showings.append(lambda: envelope.reply(answer))

    def _show_answer(self, answer: Answer, turn: Turn) -> None:
        turn.showings.append(lambda: self._editors.show_answer(answer))

    def _watch(
        self, envelope: Envelope[Message], stream: object, opened: Sequence[Target], turn: Turn
    ) -> None:
        if self._streams.add(stream):
            turn.showings.append(self._streams.feed.renew)
        with self._following(turn):
            self._document.follow(opened)

        def show() -> None:
            if not envelope.pending:  # given up meanwhile
                self._streams.remove(stream)
            feed = self._streams.feed
            envelope.reply(Watched(feed, feed.end, dict(self._shown)))

        turn.showings.append(show)

    @contextmanager
    def _following(self, turn: Turn) -> Generator[None]:
        """Before a structure was followed its changes were not told, so no stream resumes there."""
        known = len(self._document.followed)
        yield
        if len(self._document.followed) > known:
            turn.showings.append(self._streams.feed.renew)

    async def _begin(self, envelope: Envelope[Message]) -> None:
        """The views start from what the document is now, once that is shown. Who asks again waits for it."""
        assert isinstance(envelope.message, Begin)
        turn = Turn()
        if not self._begun:
            self._begun = True
            await self._fill(envelope.message.views, turn)
        turn.showings.append(lambda: envelope.reply(None))
        self._pipeline.push(turn, None)

    async def _fill(self, views: Views, turn: Turn) -> None:
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

    def _show(self, turn: Turn) -> asyncio.Future[None] | None:
        """The turn is durable: tell everybody, those who wrote it when queries see it."""
        under_way = None if turn.commit is None else self._show_commit(turn, turn.commit)
        if under_way is not None:
            return asyncio.ensure_future(turn.answer_after(under_way))
        turn.answer()
        return None

    def _show_commit(self, turn: Turn, commit: Commit) -> asyncio.Future[None] | None:
        before = self._shown
        self._shown = after(commit, before)
        self._editors.show(Shown(commit.update), turn.reached, turn.sole)
        self._streams.show(
            lambda: Entry(commit, changes_of(commit, turn.differences, before), before, self._shown)
        )
        self._log.grew(commit)
        return self._show_views(turn)

    def _show_views(self, turn: Turn) -> asyncio.Future[None] | None:
        """Queries see a transaction over several collections as a whole, with its last part."""
        together, turn.together = turn.together, None
        if self._views is not None:
            records = [(d.key, d.after) for d in turn.differences if d.structure == "records"]
            return self._views.take(Show(self._name, records, self._shown, turn.indexes), together)
        if together is not None:
            together.give_up()
        return None
