"""A collection a second time, as the owner of it sees it: with what is proposed and not stored yet.

Nothing of it is shown to anybody. What is never stored is let go of with the whole of it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from random import Random

from protobase_actors import Clock, in_steps
from protobase_live.collection.checking import check_in_steps
from protobase_live.collection.commit_time import CommitTime
from protobase_live.collection.digests import Digests
from protobase_live.collection.former import History, history_of
from protobase_live.collection.identity import LEAST_ID
from protobase_live.collection.limits import Limits
from protobase_live.collection.quarantine import loading
from protobase_live.collection.replica import room_of
from protobase_live.collection.room import make_room, needs_room
from protobase_live.document import Document, Rules
from protobase_live.errors import naming
from protobase_live.model.atoms import Atom
from protobase_live.model.operations import Check, Op
from protobase_storage import TIMELINE_MARK, Commit, Loaded, Storage, join, sequence_of

ID_BITS = 48
PAGE = 1_000
"""Commits that are read at once."""


class Shadow:
    """The document, and which commits have made it."""

    def __init__(
        self,
        collection: str,
        node: str,
        stored: Loaded,
        clock: Clock,
        random: Random,
        limits: Limits,
        schema: type[Atom] | None = None,
    ) -> None:
        """``node`` is whose commits and elements of sets it makes; use `load`. ``schema`` is what every
        record has to fit that is written."""
        self.vector = dict(stored.vector)
        self.history: History = history_of(stored.remains)
        self._collection = collection
        self._writer = self.history.writer(node)
        self._limits = limits
        client_id = LEAST_ID + random.getrandbits(ID_BITS)  # a new one each time: nothing is written twice
        self._document = Document(
            self._writer, client_id, room_of(limits), Rules(schema, limits.put_back_clocks)
        )
        self._time = CommitTime(collection, clock, limits.clock_ahead_seconds)
        self._time.begin(stored)

    @classmethod
    async def load(
        cls,
        collection: str,
        node: str,
        storage: Storage,
        clock: Clock,
        random: Random,
        limits: Limits,
        schema: type[Atom] | None = None,
    ) -> Shadow:
        """As what is durable. Raises CollectionUnloadable, and StorageError."""
        with loading(collection):
            stored = await storage.load(collection)
            made = cls(collection, node, stored, clock, random, limits, schema)
            try:
                await in_steps(made._document.load(stored.updates))
            except BaseException:
                made.close()
                raise
        return made

    async def catch_up(self, storage: Storage) -> bool:
        """Take in what has become durable since. False: it cannot, and is to be loaded anew.

        Raises as `load` does; then it is good for nothing.
        """
        with loading(self._collection):
            return await self._catch_up(storage)

    async def _catch_up(self, storage: Storage) -> bool:
        while True:
            commits = await storage.commits_after(self._collection, self.vector, PAGE)
            if commits is None:
                return False
            for commit in commits:
                await in_steps(self._document.replicate_in_steps(commit.update))
                self.vector = join(self.vector, {commit.origin: commit.sequence})
                self._time.follow([commit.time])
            if len(commits) < PAGE:
                await in_steps(self._document.compact())
                return True

    async def prepare(self, ops: Sequence[Op], checks: Sequence[Check]) -> list[Op]:
        """The operations, ready to be written; raises what `Transactor.prepare` raises, but Unavailable."""
        document = self._document
        digests = Digests(lambda read: document.read(read))
        with naming(self._collection), self._writing():
            if needs_room(ops):
                await make_room(document, 0, self._limits.document_bytes)
            await in_steps(check_in_steps(digests, checks, self._limits.check_bytes))
            return await in_steps(document.rehearse_in_steps(ops))

    async def write(self, ready: Sequence[Op], author: str | None, timeline: str) -> Commit | None:
        """What was prepared, as the next commit, on ``timeline``; None if it changes nothing."""
        with self._writing():
            await in_steps(self._document.write_in_steps(ready, author))
        outcome = await in_steps(self._document.finish_in_steps())
        if outcome is None:
            return None
        origin = self._writer + TIMELINE_MARK + timeline
        place = origin, sequence_of(self.vector, origin) + 1, self._collection
        commit = Commit(*place, outcome.update, outcome.parts, self._time.next(), dict(self.vector))
        self.vector = join(self.vector, {origin: commit.sequence})
        return commit

    @contextmanager
    def _writing(self) -> Generator[None]:
        with self._document.writing():
            yield

    def close(self) -> None:
        """Let go of the document now."""
        self._document.close()
