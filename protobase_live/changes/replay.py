"""Change streams read from the log: what happened after a cursor, or a snapshot if it is too short."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from protobase_actors import in_steps
from protobase_live.changes.entry import Entry, after, is_told
from protobase_live.document import Difference, Document, Room
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import Target
from protobase_storage import Commit, Loaded, Vector, covers, includes, join
from protobase_storage.commit import is_leap

RECALLED_COMMITS = 1_000
"""How many commits are read from the log for a stream that is less far behind: others will be further."""


async def replay(
    collection: str,
    loaded: Loaded,
    cursor: Cursor,
    until: Vector,
    opened: Sequence[Target] = (),
    room: Room | None = None,
) -> AsyncGenerator[tuple[tuple[Change, ...], Cursor]]:
    """The changes after ``cursor``, a commit at a time, each with the cursor behind it.

    Ends when everything in ``until`` has been given. Works on a document of its own, in steps. ``opened`` are
    structures whose changes are told even if nobody registered them; ``room`` is that of the collection.
    """
    document = Document("replay", room=room)
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
    reaches = _has_been_at(loaded, cursor, until)
    await _load(document, loaded, cursor.vector if reaches else until, opened)
    if not reaches:
        position = Cursor(until)
        yield _reset(collection, document.snapshot(), cursor, position), position
        return
    async for entry in _entries(document, _rest_of(loaded, cursor), cursor.vector, until):
        changes = await in_steps(entry.changes_in_steps())
        yield tuple(changes[cursor.seen_of(entry.commit) :]), Cursor(entry.vector)


async def recall(
    loaded: Loaded, cursor: Cursor, until: Vector, opened: Sequence[Target], capacity: int, room: Room
) -> list[Entry]:
    """The commits from ``cursor``, or RECALLED_COMMITS ago, up to ``until``, to be put into a feed.

    The oldest are left out beyond ``capacity`` (see `Feed`), and all where ``cursor`` is not in the log.
    """
    base = dict(loaded.snapshot.vector) if loaded.snapshot else {}
    if not _has_been_at(loaded, cursor, until):
        return []
    wanted = [commit for commit in loaded.commits if covers(until, commit)]
    missed = sum(not covers(cursor.vector, commit) for commit in wanted)
    if missed > capacity:
        return []
    start = join(base, Loaded(None, tuple(wanted[: -max(missed, RECALLED_COMMITS)])).vector)
    document, found, size = Document("replay", room=room), deque[Entry](), 0
    try:
        await _load(document, loaded, start, opened)
        async for entry in _entries(document, loaded.commits, start, until):
            found.append(entry)
            size += entry.size
            while size > capacity:
                size -= found.popleft().size
    finally:
        document.close()
    return list(found)


async def _load(document: Document, loaded: Loaded, known: Vector, opened: Sequence[Target]) -> None:
    begun = Loaded(loaded.snapshot, tuple(commit for commit in loaded.commits if covers(known, commit)))
    await in_steps(document.load(begun.updates))
    document.tell_structures(True)
    document.follow(opened)


def _rest_of(loaded: Loaded, cursor: Cursor) -> Sequence[Commit]:
    """The commits of the log, but first the one that the cursor has begun.

    It may stand behind others that the cursor has not seen. All that it was made on was seen.
    """
    half = cursor.half
    return sorted(loaded.commits, key=lambda commit: half is None or not half.is_of(commit))


async def _entries(
    document: Document, commits: Sequence[Commit], start: Vector, until: Vector
) -> AsyncGenerator[Entry]:
    """What each commit after ``start`` up to ``until`` did, in the order of ``commits``."""
    vector = dict(start)
    for commit in commits:
        if covers(vector, commit) or not covers(until, commit):
            continue
        outcome = await in_steps(document.replicate_in_steps(commit.update))
        before, vector = vector, after(commit, vector)
        yield Entry(commit, outcome.differences if outcome else (), before, vector)
        await asyncio.sleep(0)


def _has_been_at(loaded: Loaded, cursor: Cursor, until: Vector) -> bool:
    """Whether the cursor is one of this history up to ``until``, behind which nothing else was seen: another
    one may have the same numbers.
    """
    half = cursor.half
    if cursor.part is not None:  # something else was seen of it
        return False
    if half is not None and not any(half.is_of(each) and covers(until, each) for each in loaded.commits):
        return False
    if any(is_leap(commit) and not covers(cursor.vector, commit) for commit in loaded.commits):
        return False
    return loaded.has_been_at(cursor.vector) and includes(until, cursor.vector)


def _reset(collection: str, found: list[Difference], was: Cursor, now: Cursor) -> tuple[Change, ...]:
    """A marked gap, and everything that now exists. Only the last change's cursor moves on."""
    before = was.encode()
    changes = [Change(collection, "", "reset", None, None, None, before)]
    for structure, key, _, value in found:
        if is_told(structure):
            changes.append(Change(collection, structure, "insert", key, None, value, before))
    changes[-1] = replace(changes[-1], cursor=now.encode())
    return tuple(changes)
