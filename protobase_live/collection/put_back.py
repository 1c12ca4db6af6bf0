"""Putting a collection back to what was stored elsewhere: its snapshot and commits, as they are."""

from __future__ import annotations

from protobase_live.collection.folded_since import has_folded
from protobase_live.collection.former import Former, history_of
from protobase_live.errors import ValidationError
from protobase_storage import Commit, Loaded, Storage

APPEND_BYTES = 16 * 1024 * 1024
"""About how many bytes of commits are appended at once."""


async def put_back(storage: Storage, collection: str, stored: Loaded, id: str) -> bytes:
    """Store ``stored`` as the history of ``collection``; durable on return. Answers with the remains there.

    Where one was deleted before it is another one, named ``id``, so that it takes the place of that
    everywhere.

    A collection that has the beginning of it, or all of it, is completed: so a restore that was interrupted
    can be repeated, and a copy be brought up to date: it may have as a log what was folded since. Raises
    ValidationError, with nothing done, for one that has anything else.
    """
    present = await storage.load(collection)
    if stored.snapshot is not None and await has_folded(stored.snapshot, stored, present):
        await storage.compact(stored.snapshot)
        present = await storage.load(collection)
    missing = _missing(present, stored)
    if missing is None:
        raise ValidationError(f"collection {collection!r} is not empty; delete it, and restore it then")
    remains = present.remains
    if present.snapshot is None and not present.commits and remains != stored.remains:
        remains = _remains(remains, stored.remains, id)
        await storage.delete(collection, remains)
    if stored.snapshot is not None and present.snapshot is None:
        await storage.compact(stored.snapshot)
    start = size = 0
    for end, commit in enumerate(missing, 1):
        size += len(commit.update)
        if size >= APPEND_BYTES or end == len(missing):
            await storage.append(missing[start:end])
            start, size = end, 0
    return remains


def _remains(present: bytes, stored: bytes, id: str) -> bytes:
    """What was deleted and is put back is not gone: the Yjs clients that are remembered are those of then."""
    here = history_of(present)
    return stored if here < history_of(stored) else Former(stored).remains({}, here.next(id))


def _missing(present: Loaded, stored: Loaded) -> tuple[Commit, ...] | None:
    """The commits that are not there yet; None if something else is there."""
    is_begun = present.snapshot is not None or bool(present.commits)
    if is_begun and present.snapshot != stored.snapshot:
        return None
    count = len(present.commits)
    return stored.commits[count:] if present.commits == stored.commits[:count] else None
