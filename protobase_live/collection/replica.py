"""What this node has of one collection in memory: the document, and which commits have made it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from protobase_actors import Clock, in_steps
from protobase_live.collection.asleep import Asleep, Meanwhile
from protobase_live.collection.commit_time import CommitTime
from protobase_live.collection.erasing import without_record_aside
from protobase_live.collection.fold import fold_aside
from protobase_live.collection.former import (
    Former,
    History,
    history_of,
    of_another_history,
    require_same,
    take_place,
)
from protobase_live.collection.held_commits import HeldCommits
from protobase_live.collection.identity import Identity
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Editor, Replicated
from protobase_live.collection.put_back import put_back
from protobase_live.collection.quarantine import loading
from protobase_live.collection.timelines import Timelines
from protobase_live.collection.turn import AppliedCommit, PutBack, Turn
from protobase_live.collection.unreadable import place_of, unreadable
from protobase_live.document import Document, Outcome, Room, Rules
from protobase_live.errors import MalformedUpdate, ProtoBaseError, StorageFailed, Unavailable
from protobase_live.model.atoms import Atom
from protobase_live.model.operations import INDEXES, Read
from protobase_storage import (
    TIMELINE_MARK,
    Commit,
    Loaded,
    Snapshot,
    Storage,
    StorageError,
    Vector,
    covers,
    follows,
    include,
    includes,
    join,
    sequence_of,
    writer_of,
)

RUN_COMMITS = 100
"""Commits that are applied as one, at most: blocks of one client cost pycrdt the square of their number."""

REST_COMMITS = 1_000
"""Commits that are read at a time of what was stored while a collection was loaded."""


class Replica:
    """The document with everything that was applied, be it durable yet or not."""

    def __init__(
        self,
        collection: str,
        storage: Storage,
        clock: Clock,
        identity: Identity,
        limits: Limits,
        schema: type[Atom] | None = None,
    ) -> None:
        """``schema`` is what every record has to fit that somebody writes here."""
        self._identity = identity
        self._rules = Rules(schema, limits.put_back_clocks)
        self._client_id = identity.client_id(collection)
        self._limits = limits
        self.former = Former()
        """Whose copies of the collection are of a deleted history."""
        self.document = self._new_document()
        self.vector: dict[str, int] = {}
        """Which commits were applied."""
        self._collection = collection
        self._storage = storage
        self._clock = clock
        self._time = CommitTime(collection, clock, limits.clock_ahead_seconds)
        self._held = HeldCommits(limits.held_commit_bytes)
        self._timeline = identity.timeline()
        self._timelines = Timelines()

    async def wake(self, asleep: Asleep) -> Loaded:
        """Begin with what is durable. What comes meanwhile is stored as long as that takes, and read at the
        end; from then on nobody but this stores anything for the collection. Raises as `load` does.
        """
        asleep.begin_to_wake(self._collection)
        loaded, meanwhile = await self.load(told=False), await asleep.wake(self._collection)
        if meanwhile is Meanwhile.GROWN and not self._storage.shared:  # else its history may be another one
            return await self._load_rest(loaded)
        return loaded if meanwhile is Meanwhile.NOTHING else await self.load(told=False)

    async def load(self, *, told: bool, until: Vector | None = None) -> Loaded:
        """Begin with what is durable, or with what of that ``until`` covers, beside the snapshot; ``told`` as
        in `Document.tell_structures`.

        Raises CollectionUnloadable for what goes wrong with what is stored, and StorageError.
        """
        with loading(self._collection):
            return await self._load(told, until)

    async def _load(self, told: bool, until: Vector | None) -> Loaded:
        loaded = await self._storage.load(self._collection)
        if until is not None:
            loaded = as_of(loaded, until)
        self.former = Former(loaded.remains)
        document = self._new_document()
        try:
            await in_steps(document.load(loaded.updates))
        except BaseException:
            document.close()
            raise
        document.tell_structures(told)
        document.follow(self.document.followed)
        self.document.close()
        self.document = document
        self.vector = dict(loaded.vector)
        self._timelines = Timelines(loaded)
        self._time.begin(loaded)
        return loaded

    async def _load_rest(self, loaded: Loaded) -> Loaded:
        """Go on with what was stored since, or load all anew if the log does not reach back that far."""
        commits = list(loaded.commits)
        with loading(self._collection):
            while rest := await self._storage.commits_after(self._collection, self.vector, REST_COMMITS):
                await in_steps(self.document.load_rest([commit.update for commit in rest]))
                for commit in rest:
                    self._include({commit.origin: commit.sequence}, commit.time)
                commits += rest
        return await self.load(told=False) if rest is None else replace(loaded, commits=tuple(commits))

    # commits

    def write(self, outcome: Outcome) -> AppliedCommit:
        """What this node did in a turn, as its next commit; its sequences have no gap."""
        origin = self._origin
        after, sequence = self.vector, sequence_of(self.vector, origin) + 1
        place = origin, sequence, self._collection
        commit = Commit(*place, outcome.update, outcome.parts, self._time.next(), after)
        self.vector = join(after, {origin: sequence})
        self._timelines.note(origin, sequence)
        return self._written(commit, outcome)

    @property
    def _origin(self) -> str:
        return self._writer + TIMELINE_MARK + self._timeline

    @property
    def _writer(self) -> str:
        return self.former.history.writer(self._identity.writer)

    def require_history(self, history: History | None) -> None:
        """See `require_same`."""
        require_same(self._collection, self.former.history, history)

    def write_in(self, turn: Turn, outcome: Outcome | None, *, transacted: bool) -> None:
        """`write` what this node did in a turn, if that is anything."""
        if outcome is None:
            return
        written = self.write(outcome)
        if len(outcome.senders) == 1 and not transacted and not outcome.refusals:
            sender = cast("Editor", outcome.senders[0])
            written.sole = None if sender.echo else sender
        turn.commits.append(written)
        turn.notices += [
            PutBack(cast("Editor", sender), reason) for sender, reason in outcome.refusals.items()
        ]

    async def replicate(
        self, commits: Sequence[Commit], applied: list[AppliedCommit], *, apart: bool = True
    ) -> None:
        """Apply commits of other nodes, each as it is, once, and behind all that it was made on.

        Unless ``apart``, as many as follow each other are applied as one, and the last of them has what all
        have done: nobody asks what each did.

        What is applied is put behind ``applied``, also if a later one fails. One that lacks something is held
        until that has come (`replicated` counts them).

        Raises ValidationError, with nothing applied, if one belongs to another history, MalformedUpdate for
        one whose update is none, and BrokenDocument.
        """
        for commit in commits:
            self._timelines.require_same(self.vector, commit)
            self._require_not_ahead(commit.origin, commit.sequence)
        await self._apply_held(applied)  # behind what came as a part of a transaction
        if not apart:
            for start in range(0, len(commits), RUN_COMMITS):
                await self._apply_run(commits[start : start + RUN_COMMITS], applied)
            await self._apply_held(applied)
        for commit in commits:
            if covers(self.vector, commit):
                continue
            if not follows(self.vector, commit):
                self._held.add(commit)
                continue
            applied.append(await self.apply(commit))
            await self._apply_held(applied)

    async def _apply_run(self, commits: Sequence[Commit], applied: list[AppliedCommit]) -> None:
        """Apply what follows of some commits, as one. What cannot be read is left, with all behind it."""
        taken = list[Commit]()
        with suppress(MalformedUpdate):  # whoever looks at it alone says so
            for commit in commits:
                if follows(self.vector, commit):
                    await in_steps(self.document.take_stored_in_steps(commit.update))
                    self._include({commit.origin: commit.sequence}, commit.time)
                    self._held.discard(commit)
                    taken.append(commit)
        if taken:
            await in_steps(self.document.apply_in_steps())
            outcome = await in_steps(self.document.finish_in_steps())
            applied += [AppliedCommit(commit, (), {}) for commit in taken[:-1]]
            applied.append(self._written(taken[-1], outcome))

    async def _apply_held(self, applied: list[AppliedCommit]) -> None:
        while (held := self._held.take_next(self.vector)) is not None:
            applied.append(await self.apply(held))

    def lacking(self, commits: Sequence[Commit]) -> list[Commit]:
        """Those commits of another node that are to be applied next, one behind the other.

        Raises ValidationError if one belongs to another history, Unavailable if one lacks something here.
        """
        reached, found = dict(self.vector), list[Commit]()
        for commit in commits:
            self._timelines.require_same(reached, commit)
            if follows(reached, commit):
                found.append(commit)
                include(reached, commit)
                continue
            if not covers(reached, commit):
                waits = "waits for what it was made on; nothing was done, send it again"
                raise Unavailable(f"{place_of(commit)} {waits}")
        return found

    async def apply(self, commit: Commit) -> AppliedCommit:
        """Apply a commit of another node that is to be applied next.

        Raises MalformedUpdate, with nothing applied, if it cannot be read, and BrokenDocument.
        """
        try:
            outcome = await in_steps(self.document.replicate_in_steps(commit.update))
        except MalformedUpdate as error:
            raise unreadable(commit, error) from error
        self._include({commit.origin: commit.sequence}, commit.time)
        self._held.discard(commit)
        return self._written(commit, outcome)

    @property
    def replicated(self) -> Replicated:
        """What is here now, for whoever sends commits."""
        return Replicated(self.vector, len(self._held), self.former.history)

    async def install(self, snapshot: Snapshot) -> Outcome | None:
        """Apply another node's snapshot, beside what is here; durable on return. None if it is known.

        What waits here must be durable. Raises ValidationError, with nothing applied, if it is of another
        history, StorageError, and what `Document.replicate_in_steps` raises; after both of these the replica
        is to be loaded again.
        """
        if not self.lacks(snapshot):
            return None
        outcome = await self.take_in(snapshot)
        await self._fold(snapshot.update)
        return outcome

    def lacks(self, snapshot: Snapshot) -> bool:
        """Whether it brings anything. Raises ValidationError if it is of another history."""
        for origin, sequence in snapshot.vector.items():
            self._timelines.require_no_other(self._collection, self.vector, origin, sequence)
            self._require_not_ahead(origin, sequence)
        return not includes(self.vector, snapshot.vector)

    def _require_not_ahead(self, origin: str, sequence: int) -> None:
        """Raises ValidationError for more of this node's own commits than it has, once it has written itself.

        Others have them, and something else in the same places by now: the folder was put back as it was some
        time ago.
        """
        is_own = origin not in self.vector and writer_of(origin) == self._writer
        if is_own and self.vector.get(self._origin, sequence) < sequence:
            raise of_another_history(self._collection, origin, sequence)

    async def take_in(self, snapshot: Snapshot) -> Outcome | None:
        """Apply another node's snapshot, and store nothing. Raises as `Document.replicate_in_steps`."""
        outcome = await in_steps(self.document.replicate_in_steps(snapshot.update))
        self._include(snapshot.vector, snapshot.time)
        self._held.forget(self.vector)
        return outcome

    async def fold_behind(self, durable: asyncio.Future[None]) -> None:
        """Once leaps are durable, fold the log. If that fails it is folded when it is long, as any other."""
        await asyncio.wait([durable])
        if not durable.cancelled() and durable.exception() is None:
            with suppress(StorageError, StorageFailed, TimeoutError):
                await self._fold()

    async def _fold(self, *more: bytes) -> None:
        """Store all that is durable, and ``more``, as one snapshot."""
        stored = await self._storage.load(self._collection)
        update = await fold_aside([*stored.updates, *more], self._clock, self._limits)
        await self._storage.compact(Snapshot(self._collection, update, self.vector, self._time.latest))

    def _include(self, vector: Vector, time: float) -> None:
        self.vector = join(self.vector, vector)
        for origin, sequence in vector.items():
            if origin in self.vector:
                self._timelines.note(origin, sequence)
        self._time.follow([time])

    def _written(self, commit: Commit, outcome: Outcome | None) -> AppliedCommit:
        touches_indexes = any(key[0] == INDEXES.path[0] for part in commit.parts for key in part.keys)
        indexes = self.indexes() if touches_indexes else None
        if outcome is None:  # all that it brings was known, from whoever told both nodes
            return AppliedCommit(commit, (), {}, indexes=indexes)
        return AppliedCommit(commit, outcome.differences, outcome.reached, indexes=indexes)

    # histories

    async def delete(self, remains: bytes = b"") -> bool:
        """Store that this history is over; what is here is good for nothing then.

        ``remains`` is what the deletion left elsewhere. False, with nothing done, if that is known here, or
        there is nothing here. Raises StorageError, and ValidationError if ``remains`` cannot be read.
        """
        if not self.vector and not remains:
            return False
        if not remains:
            history = self.former.history.next(self._identity.timeline())
            remains = self.former.remains(self.document.vector, history)
        elif history_of(remains) <= self.former.history:
            return False
        else:
            remains = self.former.joined(remains, self.document.vector)
        await take_place(self._storage, self._collection, self.former.history, remains)
        self.former = Former(remains)
        return True

    async def erase(self, key: str | None) -> None:
        """Store that this history is over, and in its place what is visible without the record ``key``, or
        nothing if that is None. No byte of what was here is stored then. What waits here must be durable.

        Raises StorageError, StorageFailed, MalformedUpdate.
        """
        timeline = self._identity.timeline()
        history = self.former.history.erased(timeline)
        remains = self.former.remains(self.document.vector, history)
        snapshot = None
        if key is not None and self.vector:
            stored, secret = await self._storage.load(self._collection), timeline.encode()
            update = await without_record_aside(stored.updates, key, secret, self._clock, self._limits)
            origin = history.writer(self._identity.writer) + TIMELINE_MARK + timeline
            snapshot = Snapshot(self._collection, update, {origin: 1}, self._time.latest)
        await self._storage.erase(self._collection, remains, snapshot)
        self.former = Former(remains)

    async def restore(self, stored: Loaded) -> None:
        """Store another history in the place of this one; what is here is good for nothing then.

        Raises ValidationError as `put_back` does, and StorageError.
        """
        remains = await put_back(self._storage, self._collection, stored, self._identity.timeline())
        self.former = Former(remains)

    def indexes(self) -> list[str]:
        """The declarations of indexes; whatever a Yjs client put in their place is none."""
        try:
            return list(self.document.read(Read(INDEXES, "keys")))
        except ProtoBaseError:
            return []

    def close(self) -> None:
        """Let go of the document now: the actor is part of cycles, which the collector finds later."""
        self.document.close()
        self.document = self._new_document()
        self.document.close()

    def _new_document(self) -> Document:
        room, former = room_of(self._limits), self.former.clients
        return Document(self._writer, self._client_id, room, self._rules, former)


def room_of(limits: Limits) -> Room:
    """What a document may hold for what it lacks."""
    return Room(limits.held_update_bytes, limits.held_client_bytes)


def as_of(loaded: Loaded, vector: Vector) -> Loaded:
    """What is stored without the commits that ``vector`` does not cover."""
    return replace(loaded, commits=tuple(each for each in loaded.commits if covers(vector, each)))
