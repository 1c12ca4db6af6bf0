"""A commit as a plain value that MessagePack can say, without its collection's name.

It is ``[origin, sequence, update, parts, time, after, joint]``, a part ``[author, [[structure, key], ...]]``,
``joint`` nil or ``[id, [collection, ...]]``. A commit of an earlier version ends with the time.
"""

from __future__ import annotations

from typing import Any

from protobase_live.protocol.packing import as_bytes, as_number, as_text, as_vector
from protobase_storage import Commit, Joint, Part
from protobase_storage.commit import NOTHING


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
    told = tuple(Part(*part) for part in parts)
    of = Joint(as_text(joint[0]), tuple(map(as_text, joint[1]))) if joint else None
    place = as_text(origin), as_number(sequence), collection
    return Commit(*place, as_bytes(update), told, float(time), as_vector(after), of)
