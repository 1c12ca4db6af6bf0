"""How the files and the clouds write a commit: its head as MessagePack, its update beside it as it is."""

from __future__ import annotations

from .commit import NOTHING, Commit, Joint, Part, Vector
from .packing import pack, unpack


def pack_head(commit: Commit) -> bytes:
    """Time and parts, and behind them `after` and the joint transaction if there is either."""
    joint = commit.joint and (commit.joint.id, commit.joint.collections)
    parts = [(part.author, part.keys) for part in commit.parts]
    # Without the rest, an earlier version can read it.
    rest = (dict(commit.after), joint) if commit.after or joint else ()
    return pack((commit.time, parts, *rest))


def unpack_commit(collection: str, origin: str, sequence: int, head: bytes, update: bytes) -> Commit:
    """The commit with a head that `pack_head` made."""
    time, parts, *rest = unpack(head)
    after: Vector = rest[0] if rest else NOTHING
    joint = rest[1] if rest else None
    told = tuple(Part(*part) for part in parts)
    return Commit(origin, sequence, collection, update, told, time, after, joint and Joint(*joint))
