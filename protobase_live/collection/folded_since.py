"""Whether a stored history is that of another place, of which more has been folded since."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_actors import in_steps
from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import Structs
from protobase_storage import Loaded, Snapshot, covers, includes


async def has_folded(snapshot: Snapshot, stored: Loaded, present: Loaded) -> bool:
    """Whether ``snapshot``, that of ``stored``, folds the beginning of ``present``, which goes on the same.

    Then it may take the place of that beginning, and nothing is lost.
    """
    base = present.snapshot
    folded = [commit.update for commit in present.commits if covers(snapshot.vector, commit)]
    left = tuple(commit for commit in present.commits if not covers(snapshot.vector, commit))
    if base is not None:
        folded.insert(0, base.update)
    if not folded or base == snapshot or present.remains != stored.remains:
        return False
    if base is not None and not includes(snapshot.vector, base.vector):
        return False
    return left == stored.commits[: len(left)] and await _has_all(snapshot.update, folded)


async def _has_all(snapshot: bytes, updates: Sequence[bytes]) -> bool:
    """Whether a snapshot holds what the updates say: numbers of commits alone do not tell that of a copy."""
    structs = Structs()
    try:
        await in_steps(structs.take_in_steps(snapshot, lenient=True))
        for update in updates:
            if not await in_steps(structs.knows_in_steps(update)):
                return False
    except MalformedUpdate:
        return False
    return True
