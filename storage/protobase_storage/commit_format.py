"""How a commit is stored and sent: its head as MessagePack, its update beside it as it is."""

from __future__ import annotations

from .commit import NOTHING, Commit, Joint, Part, Vector
from .packing import pack, unpack


def pack_commit(commit: Commit) -> bytes:
    """All of it but the name of its collection: ``[origin, sequence, head, update]``."""
    return pack((commit.origin, commit.sequence, pack_head(commit), commit.update))


def pack_head(commit: Commit) -> bytes:
    """Time and parts, and behind them `after` and the joint transaction if there is either.

    It is packed once, and kept: it is stored here, sent, and stored there.
    """
    return commit.head or keep_head(commit, _pack_head(commit)).head


def keep_head(commit: Commit, head: bytes) -> Commit:
    """The commit itself, which keeps the head that it was read of."""
    object.__setattr__(commit, "head", head)
    return commit


def unpack_commit(collection: str, origin: str, sequence: int, head: bytes, update: bytes) -> Commit:
    """The commit with a head that `pack_head` made."""
    time, parts, *rest = unpack(head)
    after: Vector = rest[0] if rest else NOTHING
    joint = rest[1] if rest else None
    told = tuple([Part(*part) for part in parts])
    commit = Commit(origin, sequence, collection, update, told, time, after, joint and Joint(*joint))
    return keep_head(commit, head)


def _pack_head(commit: Commit) -> bytes:
    joint = commit.joint and (commit.joint.id, commit.joint.collections)
    parts = [(part.author, part.keys) for part in commit.parts]
    # Without the rest, an earlier version can read it.
    rest = (dict(commit.after), joint) if commit.after or joint else ()
    return pack((commit.time, parts, *rest))
