"""Mistakes that a simulation has to find, planted in the code that it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import OPEN

from protobase_live.changes.feed import Feed
from protobase_live.collection import checking, transactor
from protobase_live.collection.editors import Editors
from protobase_live.collection.fold import fold
from protobase_live.collection.folding import Folding
from protobase_live.collection.pipeline import Pipeline
from protobase_live.server.connection import Connection
from protobase_storage import Commit, Loaded, Snapshot

Plant = Callable[[pytest.MonkeyPatch], None]


def show_before_flush(patch: pytest.MonkeyPatch) -> None:
    """What is not durable yet is acknowledged and told."""

    def push(self: Pipeline, turn, durable) -> None:
        self._show(turn)

    patch.setattr(Pipeline, "push", push)


def cursor_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """Who resumes in the feed misses a commit."""
    right = Feed.find

    def find(self: Feed, position, end: int) -> int | None:
        found = right(self, position, end)
        return None if found is None else min(found + 1, end)

    patch.setattr(Feed, "find", find)


def lost_last_words(patch: pytest.MonkeyPatch) -> None:
    """What came in one read with a close frame is not handed out, as the library has it."""
    right = Connection.process_event

    def process_event(self: Connection, event) -> None:
        is_data = isinstance(event, Frame) and event.opcode in DATA_OPCODES
        if not (is_data and self.protocol.state is not OPEN):
            right(self, event)

    patch.setattr(Connection, "process_event", process_event)


def first_check_only(patch: pytest.MonkeyPatch) -> None:
    """Only the first thing that a transaction has read is looked at again."""

    def check(digests, checks: Sequence, most: int):
        return checking.check_in_steps(digests, checks[:1], most)

    patch.setattr(transactor, "check_in_steps", check)


def fold_claims_too_much(patch: pytest.MonkeyPatch) -> None:
    """A snapshot says that it has a commit more than it has."""

    async def fold_older(self: Folding) -> tuple[Sequence[Commit], Sequence[Commit]]:
        loaded = await self._storage.load(self._name)
        newest = len(loaded.commits) - self._retained(loaded.commits)
        older = Loaded(loaded.snapshot, loaded.commits[:newest])
        update = fold(older.updates[:-1])
        await self._storage.compact(Snapshot(self._name, update, older.vector, self._clock.time()))
        return older.commits, ()

    patch.setattr(Folding, "_fold_older", fold_older)


def departed_editors_kept(patch: pytest.MonkeyPatch) -> None:
    """A Yjs client that has left is never forgotten."""
    patch.setattr(Editors, "forget", lambda self, editor: None)


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        show_before_flush,
        cursor_off_by_one,
        lost_last_words,
        first_check_only,
        fold_claims_too_much,
        departed_editors_kept,
    )
}
