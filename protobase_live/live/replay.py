"""Change streams read from the log: what happened after a cursor, or a snapshot if it is too short."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from protobase_live.change import Change
from protobase_live.cursor import Cursor
from protobase_live.document import Difference, Document
from protobase_live.live.feed import Entry, after, changes_of
from protobase_live.operations import Target
from protobase_storage import Loaded, Vector, covers, includes, join

RECALLED_COMMITS = 1_000
"""How many commits are read from the log for a stream that is less far behind: others will be further."""


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
    await _load(document, loaded, cursor.vector if reaches else until, opened)
    if not reaches:
        position = Cursor(until)
        yield _reset(collection, document.snapshot(), cursor, position), position
        return
    skip = cursor.skip
    async for entry in _entries(document, loaded, cursor.vector, until):
        yield entry.changes[skip:], Cursor(entry.vector)
        skip = 0


async def recall(
    loaded: Loaded, cursor: Cursor, until: Vector, opened: Sequence[Target], capacity: int
) -> list[Entry]:
    """The commits from ``cursor``, or RECALLED_COMMITS ago, up to ``until``, to be put into a feed.

    The oldest are left out beyond ``capacity`` (see `Feed`), and all where ``cursor`` is not in the log.
    """
    base = dict(loaded.snapshot.vector) if loaded.snapshot else {}
    if not (_has_been_at(loaded, cursor) and includes(until, cursor.vector)):
        return []
    wanted = [commit for commit in loaded.commits if covers(until, commit)]
    missed = sum(not covers(cursor.vector, commit) for commit in wanted)
    if missed > capacity:
        return []
    start = join(base, Loaded(None, tuple(wanted[: -max(missed, RECALLED_COMMITS)])).vector)
    document, found, size = Document(replica="replay"), deque[Entry](), 0
    try:
        await _load(document, loaded, start, opened)
        async for entry in _entries(document, loaded, start, until):
            found.append(entry)
            size += entry.size
            while size > capacity:
                size -= found.popleft().size
    finally:
        document.close()
    return list(found)


async def _load(document: Document, loaded: Loaded, known: Vector, opened: Sequence[Target]) -> None:
    begun = Loaded(loaded.snapshot, tuple(commit for commit in loaded.commits if covers(known, commit)))
    for _ in document.load(begun.updates):
        await asyncio.sleep(0)
    document.watch(True)
    document.follow(opened)


async def _entries(document: Document, loaded: Loaded, start: Vector, until: Vector) -> AsyncGenerator[Entry]:
    """What each commit after ``start`` up to ``until`` did."""
    vector = dict(start)
    for commit in loaded.commits:
        if covers(vector, commit) or not covers(until, commit):
            continue
        document.take_durable(commit.update)
        for _ in document.apply_in_steps():
            await asyncio.sleep(0)
        outcome = document.finish()
        changes = changes_of(commit, outcome.differences if outcome else (), vector)
        before, vector = vector, after(commit, vector)
        yield Entry(commit, changes, before, vector)
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
