"""The actor of one collection: admit, apply, persist, show, in turns.

A turn drains what waits, applies it to the document, and hands one commit to the storage. What the turn has
to show (answers, updates for editors, changes for streams) waits in the pipeline until the storage says
that the commit is durable; meanwhile the next turn is applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

from protobase_actors import Actor, ActorError, Clock, Envelope, in_steps
from protobase_live.changes.feed import Feed
from protobase_live.changes.streams import Streams
from protobase_live.collection.asleep import Asleep
from protobase_live.collection.audience import Audience
from protobase_live.collection.folding import Folding
from protobase_live.collection.gates import Gates
from protobase_live.collection.identity import Identity
from protobase_live.collection.inquiries import Inquiries
from protobase_live.collection.intake import Taker
from protobase_live.collection.limits import Limits
from protobase_live.collection.lost import Lost, can_be_undone
from protobase_live.collection.messages import (
    Begin,
    Drop,
    Erase,
    HashState,
    Hold,
    HoldPart,
    HoldSnapshot,
    Install,
    Message,
    Question,
    Redo,
    Reload,
    Replicate,
    Restore,
    Transact,
    Updates,
)
from protobase_live.collection.outlet import Outlet
from protobase_live.collection.overdue import Overdue
from protobase_live.collection.participant import Participant
from protobase_live.collection.patience import append_patiently
from protobase_live.collection.pipeline import Pipeline
from protobase_live.collection.read_only import ReadOnly
from protobase_live.collection.replica import Replica
from protobase_live.collection.threshold import Threshold
from protobase_live.collection.transactor import Transactor
from protobase_live.collection.turn import (
    Greeting,
    Installed,
    Refusal,
    Reply,
    Turn,
)
from protobase_live.collection.unfolded import Unfolded
from protobase_live.collection.unreadable import NEVER_TAKEN
from protobase_live.document import Document
from protobase_live.errors import ProtoBaseError, StorageFailed, Unavailable
from protobase_storage import Loaded, Storage, StorageError, StorageOutdated, StorageSilent, Vector

if TYPE_CHECKING:
    from protobase_live.live.views import Views
    from protobase_live.model.atoms import Atom

T = TypeVar("T")


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
        read_only: ReadOnly,
        identity: Identity,
        outlet: Outlet,
        asleep: Asleep,
        audiences: dict[str, Audience],
        gates: Gates,
        schema: type[Atom] | None = None,
    ) -> None:
        """``asleep`` stores what comes for this collection as long as it is not in memory; ``audiences`` has
        this collection's, by its name, as long as it is; ``schema`` is what its records have to fit."""
        self._gates = gates
        self._name = name
        self._asleep = asleep
        self._audiences = audiences
        self._outlet = outlet
        self._storage = storage
        self._clock = clock
        self._limits = limits
        self._read_only = read_only
        self._lost = Lost(name)
        self._replica = Replica(name, storage, clock, identity, limits, schema)
        self._folding = Folding(name, storage, clock, limits, unfolded, fold_slots, outlet)
        feed = Feed(limits.feed_changes, limits.feed_bytes)
        self._streams = Streams(
            clock, feed, limits.feed_seconds, lambda told: self._replica.document.tell_structures(told)
        )
        self._audience = Audience(name, self._streams, limits)
        self._editors = self._audience.editors
        self._threshold = Threshold(name, self._editors)
        self._taker = Taker(self._editors, clock, limits.document_bytes, self._threshold, self._reload)
        self._inquiries = Inquiries(name, self._replica, self._audience)

    # life

    async def on_start(self) -> None:
        """Load what is durable. What other nodes send meanwhile is stored, and read at the end."""
        limit = self._limits.unpersisted_turns
        self._overdue = Overdue(self._clock, self._limits.storage_seconds, self._give_up)
        told = self._show, self._drop, self._fail, self._overdue.expect
        self._pipeline = Pipeline[Turn](limit, *told)
        shared = self._replica, self._limits, self._read_only, self._gates, self._pipeline
        self._participant = Participant(self._name, *shared, shared=self._storage.shared)
        try:
            self._begin_with(await self._replica.wake(self._asleep))
            self._audience.begin(self._replica.vector, self._replica.document.vector)
        except BaseException:
            self._asleep.sleep(self._name)
            self._replica.close()
            raise
        self._audiences[self._name] = self._audience

    async def on_stop(self) -> None:
        """Show what is still on its way; whoever is left has to begin again."""
        try:
            await self._pipeline.settled()
        finally:
            self._overdue.close()
            self._read_only.reopen(self._name)
            self._lost.fail(self._pipeline.failure)
            self._audience.end()
            del self._audiences[self._name]
            self._outlet.holds(self._name, 0)
            self._replica.close()
            all_shown = not (self._pipeline.failed or self._pipeline.silent)
            self._asleep.sleep(self._name, all_shown=all_shown)
            await self._folding.stop()

    def idle(self) -> bool:
        """Nobody listens and nothing is on its way."""
        return not (self._audience.is_listening or len(self._pipeline) or self._pipeline.silent)

    async def _load(self, until: Vector | None = None) -> None:
        before = self._replica.document
        behind = [editor for editor in self._editors.met if before.has_held_of(editor)]
        loaded = await self._replica.load(told=self._streams.told, until=until)
        self._begin_with(loaded, is_all=until is None)
        for editor in behind:  # what was held is not stored: he has to send it again
            editor.resync()

    def _begin_with(self, loaded: Loaded, *, is_all: bool = True) -> None:
        self._folding.loaded(loaded)
        if is_all:  # else the rest is told as if nothing had been
            history, vector = self._replica.former.history, self._replica.vector
            self._outlet.loaded(self._name, history, vector, loaded.remains)

    def _show(self, turn: Turn) -> asyncio.Future[None] | None:
        if turn.commits:
            turn.moments.append(self._gates.now())
        before = self._audience.vector
        shown = self._audience.show(turn)
        for written in turn.commits:
            self._folding.grew(written.commit)
            self._read_only.release(self._name)
        self._outlet.holds(self._name, self._replica.replicated.held)
        if turn.commits:
            self._outlet.shown(self._name, turn.stored, before)
        if turn.installed is not None:
            self._outlet.replaced(self._name, self._replica.former.history)
        if turn.commits:
            if shown is None:
                self._gates.shown(turn.commits, turn.moments)
            else:
                shown.add_done_callback(lambda _: self._gates.shown(turn.commits, turn.moments))
        return shown

    # turns

    async def turn(self, batch: Sequence[Envelope[Message]]) -> None:
        """Apply what waits, persist it as one commit, and queue what it shows."""
        moments = [self._gates.now()]
        if self._pipeline.full:
            await self._pipeline.room()
        if self._pipeline.failed:
            batch = [*await self._undo(), *batch]
        batch = self._threshold.admit(batch, self._replica)
        if refusal := self._read_only.refusal(self._name):
            batch = await self._threshold.admit_readers(batch, self._replica.document, refusal)
        turn = Turn(batch=batch, moments=moments)
        self._threshold.meet(batch)
        moments.append(self._gates.now())
        if foreign := [each for each in batch if isinstance(each.message, Replicate)]:
            await self._replicate(foreign, turn)
        await self._take([each for each in batch if isinstance(each.message, Updates)], turn)
        transactions = [each for each in batch if isinstance(each.message, Transact)]
        await self._transact(transactions, turn)
        outcome = await in_steps(self._replica.document.finish_in_steps())
        self._replica.write_in(turn, outcome, transacted=bool(transactions))
        questions = [each for each in batch if isinstance(each.message, Question)]
        many = len(questions) > 1
        for envelope in batch:
            if not (many and isinstance(envelope.message, Question)):
                self._inquiries.serve(envelope, turn)
        self._pipeline.push(turn, await self._store(turn))
        # What takes time waits until the commit is on its way.
        if many:
            await self._serve_with_pauses(questions)
        await in_steps(self._replica.document.compact())
        for envelope in batch:
            if isinstance(envelope.message, Begin):
                await self._begin(envelope, envelope.message.views)
            elif isinstance(message := envelope.message, Question) and message.permit is not None:
                answer = await self._inquiries.answer(envelope, message, message.permit)
                self._pipeline.push(answer, None)
            elif isinstance(envelope.message, HashState) and envelope.pending:
                self._pipeline.push(await self._inquiries.hash_state(envelope), None)
            elif isinstance(envelope.message, Hold | HoldPart | HoldSnapshot) and envelope.pending:
                await self._meet(envelope, envelope.message)
        for envelope in batch:
            if isinstance(envelope.message, Drop | Erase | Reload | Restore) and envelope.pending:
                await self._replace(envelope, envelope.message)
            elif isinstance(envelope.message, Install) and envelope.pending:
                await self._install(envelope, envelope.message)

    async def _take(self, sent: Sequence[Envelope[Message]], turn: Turn) -> None:
        if sent:
            updates = [cast("Updates", envelope.message) for envelope in sent]
            intake = await self._taker.take(self._replica.document, updates)
            for envelope in sent:
                envelope.reply()
            turn.notices += [Greeting(*greeting) for greeting in intake.greetings.items()]

    async def _reload(self, until: Vector | None = None) -> Document:
        await self._pipeline.settled()
        await self._load(until)
        return self._replica.document

    async def _replicate(self, envelopes: Sequence[Envelope[Message]], turn: Turn) -> None:
        """Apply commits of other nodes, each as it is, before this node's own work of the turn."""
        for envelope in envelopes:
            message = cast("Replicate", envelope.message)
            try:
                self._replica.require_history(message.history)
                apart = self._audience.is_followed
                await self._replica.replicate(message.commits, turn.commits, apart=apart)
            except (*NEVER_TAKEN, Unavailable) as error:
                turn.notices.append(Refusal(envelope, error))
            else:
                turn.notices.append(Reply(envelope, self._replica.replicated))
        await in_steps(self._replica.document.release_in_steps())

    async def _transact(self, envelopes: Sequence[Envelope[Message]], turn: Turn) -> None:
        if envelopes:
            transactor = Transactor(self._name, self._replica, self._limits, self._read_only)
            turn.notices += await transactor.carry_out(envelopes)

    async def _store(self, turn: Turn) -> asyncio.Future[None] | None:
        """Hand commits to the storage, unless one before them is lost: then these are, too."""
        commits = turn.stored
        if not commits or self._pipeline.failed:
            return None
        turn.moments.append(self._gates.now())
        known = {} if turn.known is None else {self._name: turn.known}
        how = self._clock, self._limits.busy_seconds, lambda: self._pipeline.failed
        return await append_patiently(self._storage, commits, *how, known)

    async def _serve_with_pauses(self, envelopes: Sequence[Envelope[Message]]) -> None:
        """Serve what asks, as a turn of its own: many large answers in one go would hold up everybody."""
        turn = Turn(batch=envelopes)
        for envelope in envelopes:
            self._inquiries.serve(envelope, turn)
            await asyncio.sleep(0)
        self._pipeline.push(turn, None)

    # what takes a turn of its own

    async def _begin(self, envelope: Envelope[Message], views: Views) -> None:
        """The views start from what the document is now, once that is shown. Who asks again waits for it."""
        turn = Turn(batch=[envelope])
        if beginning := await self._audience.beginning(views, self._replica):
            turn.notices.append(beginning)
        turn.notices.append(Reply(envelope))
        self._pipeline.push(turn, None)

    async def _meet(self, envelope: Envelope[Message], message: Hold | HoldPart | HoldSnapshot) -> None:
        """Take part in what concerns several collections. A snapshot is folded there, and nothing else is."""
        if isinstance(message, HoldSnapshot):
            await self._folding.stop()
        if not await self._participant.meet(envelope, message):
            self._lost.keep(envelope)
        if isinstance(message, HoldSnapshot):
            self._folding.loaded(Loaded(None, ()))

    async def _replace(self, envelope: Envelope[Message], message: Drop | Erase | Reload | Restore) -> None:
        """Store another history in the place of this one, and end; whoever comes next loads it."""
        await self._pipeline.settled()
        if self._pipeline.failed:
            self._lost.keep(envelope)
            return
        await self._folding.stop()  # before anything is deleted: a fold must not store what was
        before = self._replica.former.history, self._replica.vector
        try:
            if isinstance(message, Restore):
                await self._replica.restore(message.stored)
            elif isinstance(message, Erase):
                await self._replica.erase(message.key)
            elif isinstance(message, Drop) and not await self._replica.delete(message.remains):
                envelope.reply(None)
                return
        except ProtoBaseError as error:  # it is refused, and nothing was done
            envelope.fail(error)
            return
        except StorageError as error:
            envelope.fail(error)
            await self._load()  # some of what it takes may be durable
            if before == (self._replica.former.history, self._replica.vector):
                return
        else:
            self._outlet.replaced(self._name, self._replica.former.history)
            envelope.reply(None)
        self._threshold.over = True
        await self.context.ref.stop()

    async def _install(self, envelope: Envelope[Message], message: Install) -> None:
        """Take in another node's snapshot, and show it once it is durable."""
        await self._pipeline.settled()
        if self._pipeline.failed:
            self._lost.keep(envelope)
            return
        await self._folding.stop()
        try:
            self._replica.require_history(message.history)
            lacks = self._replica.lacks(message.snapshot)
            outcome = await self._replica.install(message.snapshot)
        except (*NEVER_TAKEN, Unavailable) as error:
            envelope.fail(error)
            return
        except (StorageError, ProtoBaseError) as error:
            await self._load()  # what was applied is not durable
            envelope.fail(error)
            return
        turn = Turn(batch=[envelope], notices=[Reply(envelope, self._replica.replicated)])
        if lacks:  # commits that bring nothing new count, too: others may not have them
            self._folding.loaded(Loaded(None, ()))
            turn.installed = Installed(outcome, self._replica.vector, self._replica.indexes())
        self._pipeline.push(turn, None)

    # what the storage does not take

    def _drop(self, turn: Turn, error: BaseException) -> None:
        self._audience.drop(turn)
        if can_be_undone(error):
            self._lost.add(turn, error)

    def _give_up(self) -> None:
        self._pipeline.give_up(StorageSilent(str(self._overdue.reason)))

    def _fail(self, error: BaseException) -> None:
        """What was applied is not durable, or could not be shown."""
        if not can_be_undone(error):
            self.context.fail(error)
            return
        with suppress(ActorError):  # it is full, and will have a turn, or is about to stop
            self.context.ref.try_tell(Redo())

    async def _undo(self) -> Sequence[Envelope[Message]]:
        """Go back to what is durable, which is what was shown, and be read-only for now; where others were
        faster, to what was shown, and go on.

        Answers with what was taken in vain, to be served anew: what writes is refused if it is read-only.
        """
        silent = None
        await self._pipeline.settled()  # what is known to be lost may not be told yet
        outdated = isinstance(self._pipeline.failure, StorageOutdated)
        while silent is not self._pipeline.silent:  # what came meanwhile may not have been loaded
            silent = self._pipeline.silent
            await self._reload(self._audience.vector if outdated else None)
        failure = self._pipeline.failure
        is_as_shown = self._replica.vector == self._audience.vector
        if failure is None or not can_be_undone(failure) or not is_as_shown:
            raise StorageFailed(f"collection {self._name!r} has to be loaded again: {failure}") from failure
        self._pipeline.begin_again()
        self._audience.go_back()
        if not outdated or self._pipeline.silent:
            self._read_only.begin(self._name, failure, unanswered=self._pipeline.silent)
        return self._lost.take()
