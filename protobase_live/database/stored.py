"""What is stored of one collection as bytes: MessagePack of ``[snapshot, commits, remains]``.

The snapshot is nil or ``[update, vector, time]``, a commit ``[origin, sequence, update, parts, time, after,
joint]``, a part ``[author, [[structure, key], ...]]``, ``joint`` nil or ``[id, [collection, ...]]``. A commit
of an earlier version ends with the time. Updates are as they are stored. The name is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

from protobase_live.errors import Conflict, ValidationError
from protobase_live.model.cursor import Cursor
from protobase_storage import Commit, Joint, Loaded, Part, Snapshot, covers
from protobase_storage.commit import NOTHING

_pack = cast("Callable[[object], bytes]", msgpack.packb)  # pyright: ignore[reportUnknownMemberType]
_unpack = cast("Callable[..., Any]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]


def pack_stored(stored: Loaded) -> bytes:
    """The bytes that `unpack_stored` reads."""
    snapshot = stored.snapshot and (
        stored.snapshot.update,
        dict(stored.snapshot.vector),
        stored.snapshot.time,
    )
    return _pack((snapshot, [_commit_form(commit) for commit in stored.commits], stored.remains))


def unpack_stored(collection: str, packed: bytes) -> Loaded:
    """What is stored, as that of the collection ``collection``. Raises ValidationError for other bytes."""
    try:
        snapshot, commits, remains = _unpack(packed, use_list=False)
        return Loaded(
            _snapshot(collection, *snapshot) if snapshot else None,
            tuple(_commit(collection, *commit) for commit in commits),
            _bytes(remains),
        )
    except (ValueError, TypeError, AttributeError, msgpack.UnpackException) as error:  # pyright: ignore[reportUnknownMemberType]
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


def _commit_form(commit: Commit) -> tuple[Any, ...]:
    parts = [(part.author, part.keys) for part in commit.parts]
    joint = commit.joint and (commit.joint.id, commit.joint.collections)
    return commit.origin, commit.sequence, commit.update, parts, commit.time, dict(commit.after), joint


def _snapshot(collection: str, update: Any, vector: Any, time: Any) -> Snapshot:
    return Snapshot(collection, _bytes(update), _vector(vector), float(time))


def _commit(
    collection: str,
    origin: Any,
    sequence: Any,
    update: Any,
    parts: Any,
    time: Any,
    after: Any = NOTHING,
    joint: Any = None,
) -> Commit:
    told = tuple(Part(*part) for part in parts)
    of = Joint(_text(joint[0]), tuple(map(_text, joint[1]))) if joint else None
    place = _text(origin), _whole(sequence), collection
    return Commit(*place, _bytes(update), told, float(time), _vector(after), of)


def _vector(value: Any) -> dict[str, int]:
    return {_text(origin): _whole(sequence) for origin, sequence in value.items()}


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"bytes are expected, not {type(value).__name__}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {type(value).__name__}")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a whole number is expected, not {type(value).__name__}")
    return value
