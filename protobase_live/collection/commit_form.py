"""A commit as a plain value that MessagePack can say, without its collection's name.

It is ``[origin, sequence, update, parts, time, after, joint]``, a part ``[author, [[structure, key], ...]]``,
``joint`` nil or ``[id, [collection, ...]]``. A commit of an earlier version ends with the time.
"""

from __future__ import annotations

from typing import Any

from protobase_live.protocol.packing import as_bytes, as_number, as_text, as_vector, unpack
from protobase_storage import Commit, Joint, Part
from protobase_storage.commit import NOTHING
from protobase_storage.commit_format import keep_head


def form_of(commit: Commit) -> tuple[Any, ...]:
    """What `commit_of` reads."""
    parts = [(part.author, part.keys) for part in commit.parts]
    joint = commit.joint and (commit.joint.id, commit.joint.collections)
    return commit.origin, commit.sequence, commit.update, parts, commit.time, dict(commit.after), joint


def commit_of(
    collection: str,
    origin: Any,
    sequence: Any,
    update: Any,
    parts: Any,
    time: Any,
    after: Any = NOTHING,
    joint: Any = None,
) -> Commit:
    """A commit of ``collection``. Raises TypeError, ValueError, or AttributeError for another value."""
    told = tuple([Part(*part) for part in parts])
    of = _joint(*joint) if joint else None
    place = as_text(origin), as_number(sequence), collection
    return Commit(*place, as_bytes(update), told, float(time), as_vector(after), of)


def unpack_commit_of(collection: str, packed: bytes) -> Commit:
    """What `pack_commit` has packed on another node, which is stored here as it came.

    Raises as `commit_of`, and ProtocolError.
    """
    origin, sequence, head, update = unpack(packed)
    time, parts, *rest = unpack(as_bytes(head))
    after, joint = rest or (NOTHING, None)
    if not isinstance(time, float):
        raise TypeError(f"a time is expected, not {time!r}")
    return keep_head(commit_of(collection, origin, sequence, update, parts, time, after, joint), head)


def _joint(id: Any, collections: Any) -> Joint:
    return Joint(as_text(id), tuple(map(as_text, collections)))
