"""What is stored of one collection as bytes: MessagePack of ``[snapshot, commits, remains]``.

The snapshot is nil or ``[update, vector, time]``, a commit ``[origin, sequence, update, parts, time]``, a part
``[author, [[structure, key], ...]]``. The updates are bytes as they are stored; the collection's name is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import ValidationError
from protobase_storage import Commit, Loaded, Part, Snapshot

_pack = cast("Callable[[object], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def pack_stored(stored: Loaded) -> bytes:
    """The bytes that `unpack_stored` reads."""
    snapshot = stored.snapshot and (
        stored.snapshot.update,
        dict(stored.snapshot.vector),
        stored.snapshot.time,
    )
    commits = [
        (commit.origin, commit.sequence, commit.update, _parts_form(commit), commit.time)
        for commit in stored.commits
    ]
    return _pack((snapshot, commits, stored.remains))


def unpack_stored(collection: str, packed: bytes) -> Loaded:
    """What is stored, as that of the collection ``collection``. Raises ValidationError for other bytes."""
    try:
        snapshot, commits, remains = _unpack(packed, use_list=False)
        loaded = Loaded(
            Snapshot(collection, *snapshot) if snapshot else None,
            tuple(_commit(collection, *commit) for commit in commits),
            remains,
        )
        _check(loaded)
    except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:  # pyright: ignore[reportUnknownMemberType]
        raise ValidationError(f"not a backup of {collection!r}: {error}") from error
    return loaded


def _parts_form(commit: Commit) -> list[tuple[str | None, Any]]:
    return [(part.author, part.keys) for part in commit.parts]


def _commit(collection: str, origin: str, sequence: int, update: bytes, parts: Any, time: float) -> Commit:
    return Commit(origin, sequence, collection, update, tuple(Part(*part) for part in parts), time)


def _check(loaded: Loaded) -> None:
    """Raise TypeError for what the storage would choke on later."""
    vectors = [loaded.snapshot.vector] if loaded.snapshot else []
    updates = [loaded.snapshot.update] if loaded.snapshot else []
    vectors += [{commit.origin: commit.sequence} for commit in loaded.commits]
    updates += [commit.update for commit in loaded.commits]
    if not all(isinstance(update, bytes) for update in (*updates, loaded.remains)):
        raise TypeError("an update is bytes")
    for vector in vectors:
        for origin, sequence in vector.items():
            if not isinstance(origin, str) or not isinstance(sequence, int):
                raise TypeError("a position is an origin and a number")
