"""What is stored of one collection as bytes: MessagePack of ``[snapshot, commits, remains]``.

The snapshot is nil or ``[update, vector, time]``, a commit as in `commit_form.py`. Updates are as they are
stored. The name is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from protobase_live.collection.commit_form import commit_of, form_of
from protobase_live.errors import Conflict, ProtocolError, ValidationError
from protobase_live.model.arguments import require_backup
from protobase_live.model.cursor import Cursor
from protobase_live.protocol.packing import as_bytes, as_vector, pack, unpack
from protobase_storage import Loaded, Snapshot, covers
from protobase_storage.commit import NOTHING


def pack_stored(stored: Loaded) -> bytes:
    """The bytes that `unpack_stored` reads."""
    snapshot = stored.snapshot and (
        stored.snapshot.update,
        dict(stored.snapshot.vector),
        stored.snapshot.time,
    )
    return pack((snapshot, [form_of(commit) for commit in stored.commits], stored.remains))


async def pack_as_of(stored: Loaded, version: str | None) -> tuple[str, bytes]:
    """What was stored at a version, or is, with the name of that version. Raises Conflict."""
    if version is not None:
        stored = as_of(stored, version)
    return version_of(stored), await asyncio.to_thread(pack_stored, stored)


def unpack_stored(collection: str, packed: bytes) -> Loaded:
    """What is stored, as that of the collection ``collection``. Raises ValidationError for what is none."""
    require_backup(packed)
    try:
        snapshot, commits, remains = unpack(packed)
        return Loaded(
            _snapshot(collection, *snapshot) if snapshot else None,
            tuple(commit_of(collection, *commit) for commit in commits),
            as_bytes(remains),
        )
    except (ValueError, TypeError, AttributeError, ProtocolError) as error:
        raise ValidationError(f"not a backup of {collection!r}: {error}") from error


def version_of(stored: Loaded) -> str:
    """A name for exactly this: where its snapshot and where its log ends."""
    base = stored.snapshot.vector if stored.snapshot else NOTHING
    return f"{Cursor(base).encode()}.{Cursor(stored.vector).encode()}"


def as_of(stored: Loaded, version: str) -> Loaded:
    """What was stored when `version_of` was ``version``. Raises Conflict where that cannot be told."""
    vector = Cursor.decode(version.rpartition(".")[2]).vector
    earlier = replace(stored, commits=tuple(commit for commit in stored.commits if covers(vector, commit)))
    if version_of(earlier) != version:
        raise Conflict("the collection was folded or deleted meanwhile; begin again with its backup")
    return earlier


def _snapshot(collection: str, update: Any, vector: Any, time: Any) -> Snapshot:
    return Snapshot(collection, as_bytes(update), as_vector(vector), float(time))
