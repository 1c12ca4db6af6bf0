"""Change streams read from the log: what happened after a cursor, or a snapshot if it is too short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from protobase_live.change import Change
from protobase_live.cursor import Cursor
from protobase_live.document import Difference, Document
from protobase_live.live.feed import after, changes_of
from protobase_live.operations import Target
from protobase_storage import Loaded, Vector, covers, includes, join


async def replay(
    collection: str, loaded: Loaded, cursor: Cursor, until: Vector, opened: Sequence[Target] = ()
) -> AsyncGenerator[tuple[tuple[Change, ...], Cursor]]:
    """The changes after ``cursor``, a commit at a time, each with the cursor behind it.

    Ends when everything in ``until`` has been given. Works on a document of its own, in steps. ``opened`` are
    structures whose changes are told even if nobody registered them.
    """
    document = Document(replica="replay")
    try:
        async for found in _replay(document, collection, loaded, cursor, until, opened):
            yield found
    finally:
        document.close()


async def _replay(
    document: Document,
    collection: str,
    loaded: Loaded,
    cursor: Cursor,
    until: Vector,
    opened: Sequence[Target],
) -> AsyncGenerator[tuple[tuple[Change, ...], Cursor]]:
    base = dict(loaded.snapshot.vector) if loaded.snapshot else {}
    until = join(until, base)
    reaches = _has_been_at(loaded, cursor) and includes(until, cursor.vector)
    known = cursor.vector if reaches else until
    updates = [loaded.snapshot.update] if loaded.snapshot else []
    for _ in document.load([*updates, *(c.update for c in loaded.commits if covers(known, c))]):
        await asyncio.sleep(0)
    document.watch(True)
    document.follow(opened)
    if not reaches:
        position = Cursor(until)
        yield _reset(collection, document.snapshot(), cursor, position), position
        return
    vector, skip = dict(cursor.vector), cursor.skip
    for commit in loaded.commits:
        if covers(vector, commit) or not covers(until, commit):
            continue
        document.take_durable(commit.update)
        for _ in document.apply_in_steps():
            await asyncio.sleep(0)
        outcome = document.finish()
        changes = changes_of(commit, outcome.differences if outcome else (), vector)
        vector = after(commit, vector)
        yield changes[skip:], Cursor(vector)
        skip = 0
        await asyncio.sleep(0)


def _has_been_at(loaded: Loaded, cursor: Cursor) -> bool:
    """Whether the cursor is one of this history: another one may have the same numbers."""
    if cursor.skip:
        following = next((commit for commit in loaded.commits if not covers(cursor.vector, commit)), None)
        if following is None or following.origin != cursor.origin:
            return False
    return loaded.has_been_at(cursor.vector)


def _reset(collection: str, found: list[Difference], was: Cursor, now: Cursor) -> tuple[Change, ...]:
    """A marked gap, and everything that now exists. Only the last change's cursor moves on."""
    before = was.encode()
    changes = [Change(collection, "", "reset", None, None, None, before)]
    for structure, key, _, value in found:
        changes.append(Change(collection, structure, "insert", key, None, value, before))
    changes[-1] = replace(changes[-1], cursor=now.encode())
    return tuple(changes)
